"""EfficientViT (Cream): timm's network bit by bit, without the defects of the article's file."""

import copy
import warnings

import conftest
import pytest
import timm
import torch
from support.networks import deviation as error
from support.networks import equal, fitted, fold, normalised, parameters, saved

from ultralytics.nn.Addmodules import BackboneError, efficientvit_msra

VARIANTS = {
    "M0": (2_155_680, [64, 64, 128, 192]),
    "M1": (2_787_473, [128, 128, 144, 192]),
    "M2": (3_962_304, [128, 128, 192, 224]),
    "M3": (6_579_478, [128, 128, 240, 320]),
    "M4": (8_418_856, [128, 128, 256, 384]),
    "M5": (12_088_532, [192, 192, 288, 384]),
}
TIMM_M0 = {"kernels": [5, 5, 5, 5]}


def build(variant="M0", **arguments):
    return getattr(efficientvit_msra, f"EfficientViT_{variant}")(**arguments)


def shake(model, seed=0):
    """Give BatchNorm statistics and weights, and bias tables values, so that every part shows in the maps."""
    conftest.shake(model, seed)
    for name, tensor in model.named_parameters():
        if name.endswith("attention_biases"):
            tensor.data.normal_(generator=torch.Generator().manual_seed(seed))
        elif name.endswith("bn.weight"):
            tensor.data.mul_(0.4)  # many branches are added up
    return model


def reference(variant, size):
    torch.manual_seed(1)
    return shake(timm.create_model(f"efficientvit_{variant.lower()}", img_size=size)).eval()


def like(theirs, variant, **arguments):
    """Return our network with the weights of timm's."""
    ours = build(variant, **{**(TIMM_M0 if variant == "M0" else {}), **arguments})
    ours.load_state_dict(efficientvit_msra.rename(theirs.state_dict()))
    return ours.eval()


def timm_maps(model, x):
    with torch.no_grad():
        return [model.patch_embed(x), *model.forward_intermediates(x, intermediates_only=True)]


def maps(model, x):
    with torch.no_grad():
        return model(x)


def deployed(model):
    return fold(copy.deepcopy(model).eval())


def cream_name(name, depths=(1, 2, 3)):
    """Return Cream's name of a tensor for timm's."""
    parts = name.split(".")
    if parts[0] == "patch_embed":
        parts[1] = str(2 * (int(parts[1][-1]) - 1))
    elif parts[0] == "stages":
        stage, kind, rest = int(parts[1]), parts[2], parts[3:]
        if kind == "downsample":
            parts = [f"blocks{stage + 1}", str(["res1", "patchmerge", "res2"].index(rest[0])), *rest[1:]]
        else:
            parts = [f"blocks{stage + 1}", str(int(rest[0]) + (3 if stage else 0)), *rest[1:]]
    return ".".join({"conv": "c", "linear": "l"}.get(part, part) for part in parts)


@pytest.fixture(scope="module")
def m0():
    torch.manual_seed(2)
    return shake(build()).eval()


@pytest.fixture(scope="module")
def m0_deployed(m0):
    return deployed(m0)


@pytest.fixture(params=["trainable", "deployed"])
def form(request, m0, m0_deployed):
    return {"trainable": m0, "deployed": m0_deployed}[request.param]


# The network


@pytest.mark.parametrize("variant", VARIANTS)
def test_parameters_channels_and_strides_are_the_articles(variant):
    model = build(variant)
    assert (parameters(model), model.width_list) == VARIANTS[variant]
    assert model.strides == [8, 8, 16, 32]
    x = torch.rand(1, 3, 64, 96)
    assert [tuple(m.shape) for m in maps(model.eval(), x)] == [
        (1, width, 64 // stride, 96 // stride) for width, stride in zip(model.width_list, model.strides)
    ]


@pytest.mark.parametrize(("size", "windows"), [(224, (7, 7, 4)), (448, (7, 7, 7))])
@pytest.mark.parametrize("variant", VARIANTS)
def test_maps_equal_timms(variant, size, windows):
    theirs = reference(variant, size)
    ours = like(theirs, variant, stem_stride=2, windows=windows)
    x = torch.rand(2, 3, size, size)
    assert equal(timm_maps(theirs, x), maps(ours, x))
    assert ours.strides == [16, 16, 32, 64]


@pytest.mark.parametrize("variant", ["M0", "M4"])
def test_maps_equal_timms_with_the_articles_stem(variant):
    theirs = reference(variant, 640)
    theirs.patch_embed.conv4.conv.stride = (1, 1)
    ours = like(theirs, variant)
    x = torch.rand(1, 3, 256, 352)
    assert equal(timm_maps(theirs, x), maps(ours, x))


def test_training_step_equals_timms():
    """In double precision: in single, rounding moves values across ReLU's kink and the gradients with them."""
    theirs = reference("M0", 224).double()
    ours = like(theirs, "M0", stem_stride=2, windows=(7, 7, 4)).double()
    x = torch.rand(2, 3, 224, 224, dtype=torch.double)
    theirs.train().forward_features(x).square().mean().backward()
    ours.train()(x)[-1].square().mean().backward()
    expected = {name: p.grad for name, p in theirs.named_parameters() if p.grad is not None}
    expected = efficientvit_msra.rename(expected)
    given = {name: p.grad for name, p in ours.named_parameters()}
    assert expected.keys() == given.keys()
    assert all(torch.allclose(expected[name], given[name], rtol=1e-5, atol=1e-8) for name in given)


# Construction


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"stem_stride": 3}, "stem_stride is 3"),
        ({"kernels": (5, 5, 5)}, "kernels"),
        ({"kernels": (4, 5, 5, 5)}, "odd"),
        ({"kernels": 5}, "kernels is 5"),
        ({"windows": (7, 7, 0)}, r"windows\[2\] is 0"),
        ({"windows": (7, 7)}, "windows"),
        ({"in_chans": 0}, "in_chans is 0"),
        ({"pretrained": 3}, "pretrained is 3"),
    ],
)
def test_wrong_arguments_are_named(arguments, words):
    with pytest.raises(BackboneError, match=words):
        build(**arguments)


# Tables and exports


def test_bias_table_is_never_stale(m0):
    x = torch.rand(1, 3, 64, 64)
    model = copy.deepcopy(m0).eval()
    before = maps(model, x)
    with torch.no_grad():
        for name, p in model.named_parameters():
            if name.endswith("attention_biases"):
                p.normal_()
    after = maps(model, x)
    assert not torch.equal(before[-1], after[-1])
    assert equal(after, maps(copy.deepcopy(model).train().eval(), x))


def test_state_dict_holds_no_index_tables(m0):
    assert not [name for name in m0.state_dict() if "offsets" in name]


@pytest.mark.parametrize("traced_at", [448, 320])
def test_trace_serves_every_size(form, traced_at):
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("error", torch.jit.TracerWarning)
        warnings.filterwarnings("ignore", message="Encountering a list at the output")
        traced = torch.jit.trace(form, torch.rand(1, 3, traced_at, traced_at), check_trace=False)
    for batch, height, width in ((1, 640, 640), (2, 320, 320), (1, 448, 224), (1, 32, 32)):
        x = torch.rand(batch, 3, height, width)
        assert error(maps(form, x), maps(traced, x)) < 1e-6


@pytest.mark.slow  # and needs the packages of the extra `slow`
@pytest.mark.parametrize("exported_at", [448, 320])
def test_onnx_serves_every_size(form, exported_at, tmp_path):
    import onnxruntime as runtime

    path = str(tmp_path / "m0.onnx")
    names = [f"map{i}" for i in range(4)]
    axes = {name: {0: "batch", 2: f"h{name}", 3: f"w{name}"} for name in ["images", *names]}
    x = torch.rand(1, 3, exported_at, exported_at)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            form, x, path, input_names=["images"], output_names=names, dynamic_axes=axes, opset_version=17, dynamo=False
        )
    options = runtime.SessionOptions()
    options.intra_op_num_threads = 1
    session = runtime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    for batch, height, width in ((1, 640, 640), (2, 320, 256), (1, 64, 64)):
        x = torch.rand(batch, 3, height, width)
        result = [torch.from_numpy(m) for m in session.run(None, {"images": x.numpy()})]
        assert error(maps(form, x), result) < 1e-4


# The form for inference


@pytest.mark.parametrize("variant", VARIANTS)
def test_deployed_form_gives_the_same_maps(variant):
    torch.manual_seed(3)
    model = shake(build(variant)).eval()
    fast = deployed(model)
    for size in ((2, 3, 224, 224), (1, 3, 96, 160), (1, 3, 32, 32)):
        x = torch.rand(size)
        expected = maps(model, x)
        assert error(expected, maps(fast, x)) < 1e-5
        assert error(expected, maps(fast, x.contiguous(memory_format=torch.channels_last))) < 1e-5


def test_deployed_maps_do_not_share_memory(m0_deployed):
    result = maps(m0_deployed, torch.rand(1, 3, 64, 64))
    kept = [m.clone() for m in result]
    for m in result:
        others = [(a, b) for a, b in zip(result, kept) if a is not m]
        m.zero_()
        assert all(torch.equal(a, b) or not a.any() for a, b in others)


def test_deploying_twice_does_nothing_more(m0, m0_deployed):
    model = copy.deepcopy(m0_deployed)
    model.deploy()
    x = torch.rand(1, 3, 64, 64)
    assert equal(maps(m0_deployed, x), maps(model, x))


def test_deployed_form_holds_its_tables_as_buffers(m0_deployed):
    assert not [name for name, _ in m0_deployed.named_parameters() if "bias" in name and "attention" in name]
    assert len([name for name, _ in m0_deployed.named_buffers() if name.endswith(".1.bias")]) == 6
    assert not any(p.requires_grad for p in m0_deployed.parameters())


def test_deploying_before_folding_is_an_error(m0):
    with pytest.raises(BackboneError, match="fold BatchNorm first"):
        copy.deepcopy(m0).deploy()


# Pretrained weights


@pytest.mark.parametrize("kind", ["pth", "safetensors"])
def test_timm_weights_of_224_pixels_load(tmp_path, kind):
    theirs = reference("M0", 224)
    path = saved(theirs.state_dict(), tmp_path / f"m0.{kind}")
    x = torch.rand(1, 3, 224, 224)
    ours = build(pretrained=path, stem_stride=2, windows=(7, 7, 4), **TIMM_M0).eval()
    assert equal(timm_maps(theirs, normalised(x)), maps(ours, x))
    assert (ours.pretrained_report.adapted, ours.pretrained_report.missed) == ([], [])

    ours = build(pretrained=path, **TIMM_M0).eval()
    tables = [f"stages.2.{group}.1.attention_biases" for group in (1, 2, 3)]
    assert (ours.pretrained_report.adapted, ours.pretrained_report.missed) == (tables, [])
    theirs.set_input_size(640)
    theirs.patch_embed.conv4.conv.stride = (1, 1)
    x = torch.rand(1, 3, 256, 256)
    assert equal(timm_maps(theirs, normalised(x)), maps(ours, x))


def test_weights_load_into_the_articles_kernels_as_far_as_they_fit(tmp_path):
    theirs = reference("M0", 640)
    path = str(tmp_path / "m0.pth")
    torch.save(theirs.state_dict(), path)
    assert build(pretrained=path).pretrained_report.missed == []
    report = build(pretrained=path, kernels=(7, 5, 3, 3)).pretrained_report
    assert len(report.adapted) == 6
    assert all(name.endswith("queries.0.conv.weight") for name in report.adapted)
    assert len(report.missed) == 12
    assert {name.split(".queries.")[1] for name in report.missed} == {"2.conv.weight", "3.conv.weight"}

    ours = build(pretrained=path, stem_stride=2, kernels=(7, 5, 5, 7)).eval()
    assert not ours.pretrained_report.missed
    x = torch.rand(1, 3, 320, 320)
    assert error(timm_maps(theirs, normalised(x)), maps(ours, x)) < 1e-5


@pytest.mark.parametrize("variant", VARIANTS)
def test_creams_names_map_completely(variant, tmp_path):
    theirs = reference(variant, 640)
    tensors = {cream_name(name): tensor for name, tensor in theirs.state_dict().items()}
    assert {"blocks2.1.se.fc1.weight", "blocks3.0.1.m.pw1.c.weight", "head.l.weight"} <= tensors.keys()
    tensors["blocks1.0.mixer.m.attn.attention_bias_idxs"] = torch.zeros(49, 49, dtype=torch.long)
    assert efficientvit_msra.rename(tensors).keys() == efficientvit_msra.rename(theirs.state_dict()).keys()
    path = str(tmp_path / "cream.pth")
    torch.save({"model": tensors}, path)
    ours = build(variant, pretrained=path, stem_stride=2, **(TIMM_M0 if variant == "M0" else {})).eval()
    assert fitted(ours)
    x = torch.rand(1, 3, 128, 128)
    assert equal(timm_maps(theirs, normalised(x)), maps(ours, x))


def test_loaded_weights_have_names_in_timm():
    for variant in VARIANTS:
        assert f"efficientvit_{variant.lower()}.r224_in1k" in timm.list_pretrained(f"efficientvit_{variant.lower()}*")


@pytest.mark.parametrize("window", [3, 4, 8, 14])
def test_bias_tables_are_resized_as_timm_does(window):
    from timm.layers import resize_rel_pos_bias_table_levit

    given, wanted = torch.randn(4, window * window), torch.zeros(4, 49)
    expected = resize_rel_pos_bias_table_levit(given.T, (49, 4)).T
    assert torch.allclose(build().adapt("x.attention_biases", given, wanted), expected)
    assert build().adapt("x.attention_biases", given[:3], wanted) is None
