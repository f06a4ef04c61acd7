"""nonfinite.py: training that turns to NaN or infinity names the row, and ends where there is no way back."""

import json
import logging
import types

import pytest
import torch
from conftest import ROOT, make_squares, run_python
from support.small_models import build, ours_yaml, stock_yaml

from ultralytics import RTDETR, YOLO
from ultralytics.nn.Addmodules._rows import nonfinite
from ultralytics.nn.Addmodules.contract import BackboneError
from ultralytics.utils import YAML

OPTIONS = {"imgsz": 64, "batch": 2, "workers": 0, "plots": False, "device": "cpu", "mosaic": 0.0}


pytestmark = pytest.mark.usefixtures("small_backbone")


COMPARE = """
import json, sys
sys.path.insert(0, sys.argv[1])
from small_models import known, ours_yaml
from ultralytics import YOLO
from ultralytics.utils import YAML

entered = known()
entered.__enter__()
YAML.save("small.yaml", ours_yaml())
model = YOLO("small.yaml")
model.add_callback("on_train_start", lambda trainer: trainer.model.model[0].model[2][1].weight.data.fill_(3e38))
options = dict(imgsz=64, batch=2, workers=0, plots=False, device="cpu", amp=False, project="runs", val=False)
found = "trained to its end"
try:
    model.train(data="data.yaml", epochs=1, **options)
except ValueError as e:
    found = str(e)
print("FOUND " + json.dumps(found))
"""


def compare(root, folder):
    make_squares(folder)
    run = run_python("-c", COMPARE, ROOT / "tests" / "support", cwd=folder, env={"PYTHONPATH": str(root)})
    assert run.returncode == 0, run.stderr[-3000:]
    return json.loads(run.stdout.split("FOUND ")[1].splitlines()[0])


def test_an_overflow_ends_the_first_epoch_and_names_the_layer(tmp_path):
    found = compare(ROOT, tmp_path)
    assert found.startswith("training ends in its first epoch. Loss NaN/Inf: the first output that is NaN or infinite")
    assert "is that of model.2.1 of row 4 (Nested), a BatchNorm2d; its input reaches" in found
    assert "its weights 3e+38" in found
    assert "a lower lr0 (lr0=" in found
    assert "amp=bf16" not in found  # it was off


@pytest.mark.slow
def test_the_tree_of_the_articles_trains_on(articles_root, tmp_path):
    """What the callbacks mend."""
    assert compare(articles_root, tmp_path) == "trained to its end"


@pytest.fixture
def logged(caplog, monkeypatch):
    monkeypatch.setattr(logging.getLogger("ultralytics"), "propagate", True)
    caplog.set_level(logging.INFO, "ultralytics")
    return lambda: [record.getMessage() for record in caplog.records]


@pytest.fixture
def model(tmp_path):
    make_squares(tmp_path)
    YAML.save(tmp_path / "small.yaml", ours_yaml())
    return YOLO(tmp_path / "small.yaml")


def train(model, folder, **options):
    return model.train(data=str(folder / "data.yaml"), project=str(folder), **{**OPTIONS, "amp": False, **options})


def test_a_later_epoch_is_told_and_left_to_upstream(model, tmp_path, logged):
    def spoil(trainer):
        if trainer.epoch == 1 and not trainer.nan_recovery_attempts:
            trainer.model.model[8].bn.weight.data.fill_(3e38)

    model.add_callback("on_train_epoch_start", spoil)
    train(model, tmp_path, epochs=2, val=False)
    lines = "\n".join(logged())
    assert (
        "the loss is NaN or infinite: the first output that is NaN or infinite (float32) is that of bn of row 12"
        in lines
    )
    assert lines.count("Loss NaN/Inf: the first output that is NaN or infinite (float32) is that of bn of row 12") == 1
    assert "recovering from last.pt" in lines
    assert all(torch.isfinite(tensor).all() for tensor in model.trainer.model.state_dict().values())


def test_a_rate_that_is_too_high_is_told(model, tmp_path):
    def raise_it(trainer):
        for group in trainer.optimizer.param_groups:
            group["lr"] = 1e30

    model.add_callback("on_train_batch_start", raise_it)
    with pytest.raises(BackboneError, match=r"training ends in its first epoch.*row \d+ \(") as caught:
        train(model, tmp_path, epochs=1, optimizer="SGD", lr0=0.5, warmup_epochs=0, nbs=2, val=False)
    assert "lr0=0.5 now" in str(caught.value)


def test_a_stock_model_is_upstreams(tmp_path, logged):
    make_squares(tmp_path)
    YAML.save(tmp_path / "small.yaml", stock_yaml())
    model = YOLO(tmp_path / "small.yaml")
    model.add_callback("on_train_start", lambda trainer: trainer.model.model[2].bn.weight.data.fill_(3e38))
    train(model, tmp_path, epochs=1, val=False)
    lines = "\n".join(logged())
    assert "Loss NaN/Inf detected but can not recover from last.pt" in lines
    assert "the first output" not in lines
    assert not hasattr(model.trainer, nonfinite.FOUND)


class Loader:
    """As much of a loader as is asked for."""

    batch_size = 2

    def __init__(self):
        self.dataset = torch.rand(3, 3, 64, 64, generator=torch.Generator().manual_seed(0))

    @staticmethod
    def collate_fn(images):
        boxes = torch.tensor([[0.5, 0.5, 0.4, 0.4]] * len(images))
        index = torch.arange(len(images)).float()
        return {"img": torch.stack(images), "cls": torch.zeros(len(images), 1), "bboxes": boxes, "batch_idx": index}


def trainer_of(model, **changes):
    args = types.SimpleNamespace(amp=False, lr0=0.01)
    ready = {
        "model": model.train(),
        "args": args,
        "amp": False,
        "device": torch.device("cpu"),
        "ema": None,
        "epoch": 0,
        "start_epoch": 0,
        "loss": torch.tensor(float("nan")),
        "fitness": float("nan"),
        "train_loader": Loader(),
        "preprocess_batch": lambda batch: batch,
    }
    return types.SimpleNamespace(**{**ready, **changes})


def fresh(yaml=None):
    """Return a small detector with the weights it is built with."""
    model = build(yaml or ours_yaml())
    torch.manual_seed(0)
    for module in model.modules():
        if hasattr(module, "reset_parameters"):
            module.reset_parameters()
    return model


def spoil(module):
    """Make a module's output infinite."""
    run = module.forward
    module.forward = lambda x: run(x) * float("inf")


class TestDiagnose:
    def test_a_healthy_model_is_left_as_it_is(self, logged):
        model = fresh()
        before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
        assert nonfinite.diagnose(trainer_of(model), None) == ""
        assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
        assert model.training
        assert not any(module._forward_hooks for module in model.modules())
        assert logged() == []

    def test_a_healthy_rtdetr_too(self, logged):
        model = RTDETR("rtdetr-mobilenetv3small.yaml").model
        model.nc, trainer = 80, trainer_of(model)
        assert nonfinite.diagnose(trainer, None) == ""
        assert not any("failed" in line for line in logged())
        norms = [m for m in model.model[0].modules() if isinstance(m, torch.nn.BatchNorm2d)]
        spoil(norms[5])
        assert "of row 4 (MobileNetV3Small), a BatchNorm2d" in nonfinite.diagnose(trainer, None)

    def test_weights_come_first(self):
        model = fresh()
        model.model[5].conv.weight.data[0] = float("nan")
        model.model[9].cv2[0][0].bn.bias.data[0] = float("inf")
        found = nonfinite.diagnose(trainer_of(model), None)
        assert found == (
            "the first weight that is NaN or infinite is conv.weight of row 9 (Conv), and 1 more rows have some"
        )

    def test_then_outputs_a_functions_as_its_module(self):
        model = fresh()
        spoil(model.model[4])
        found = nonfinite.diagnose(trainer_of(model), None)
        assert "the first output that is NaN or infinite (float32) is that of row 8 (Conv), a Conv;" in found

    def test_then_the_loss(self):
        model = fresh()
        model.loss = lambda batch, preds=None: (
            torch.tensor(float("inf")),
            {"box": torch.tensor(1.0), "dfl": torch.tensor(float("nan"))},
        )
        found = nonfinite.diagnose(trainer_of(model), None)
        assert found == "the outputs of all rows are finite, the loss is not (dfl)"

    def test_then_statistics_and_those_of_the_average(self):
        model, average = fresh(), fresh()
        average.model[1].bn.running_var[0] = float("nan")
        trainer = trainer_of(model, ema=types.SimpleNamespace(ema=average))
        found = nonfinite.diagnose(trainer, None)
        assert "number of the averaged model (EMA) that is NaN or infinite is bn.running_var of row 5 (Conv)" in found
        model.model[0].model[1][1].running_mean[0] = float("nan")
        found = nonfinite.diagnose(trainer, None)
        assert found == "the first statistic that is NaN or infinite is model.1.1.running_mean of row 4 (Nested)"

    def test_a_pass_that_fails_does_not_hide_the_rest(self, logged):
        model = fresh()
        model.model[0].model[1][1].running_mean[0] = float("nan")
        trainer = trainer_of(model, train_loader=None)
        assert "running_mean of row 4" in nonfinite.diagnose(trainer, None)
        assert "the pass that looks for the row failed: AttributeError" in logged()[-1]

    @pytest.mark.parametrize(("amp", "dtype"), [(False, "float32"), (True, "bfloat16")])
    def test_the_pass_is_under_the_trainers_autocast(self, amp, dtype):
        model = fresh()
        spoil(model.model[1].conv)
        trainer = trainer_of(model, amp=amp)
        trainer.args.amp = amp
        assert f"infinite ({dtype}) is that of conv of row 5" in nonfinite.diagnose(trainer, None)

    def test_a_loss_that_refuses_what_is_no_number_does_not_hide_it(self):
        model = fresh()
        spoil(model.model[4])
        model.init_criterion = lambda: None  # calling it raises
        assert "of row 8 (Conv)" in nonfinite.diagnose(trainer_of(model), None)


def batch():
    loader = Loader()
    return loader.collate_fn([loader.dataset[0], loader.dataset[1]])


class TestTell:
    def test_is_told_once_an_epoch(self, logged):
        model = fresh()
        spoil(model.model[4])
        trainer = trainer_of(model)
        for epoch, times in ((0, 1), (1, 2)):
            trainer.epoch = epoch
            for _ in range(3):
                nonfinite.watch_loss(trainer)
                model(batch())
                nonfinite.look_away(trainer)
            assert sum("the loss is NaN" in line for line in logged()) == times

    def test_a_finite_loss_costs_no_pass(self, monkeypatch):
        monkeypatch.setattr(nonfinite, "diagnose", lambda *a: pytest.fail("it looked"))
        trainer = trainer_of(fresh())
        nonfinite.watch_loss(trainer)
        trainer.model(batch())
        for loss in (None, {"box": torch.tensor(1.0)}, torch.tensor([1.0, 2.0])):
            trainer.loss = trainer.fitness = loss
            nonfinite.tell_loss(trainer)
            nonfinite.tell_fitness(trainer)

    def test_nothing_is_left_of_it_behind_a_batch(self):
        """What is left would be copied with the model and pickled into a checkpoint."""
        trainer = trainer_of(fresh())
        for _ in range(2):  # a batch that ended for want of memory is followed by another
            nonfinite.watch_loss(trainer)
        assert len(trainer.model._forward_hooks) == 1
        nonfinite.look_away(trainer)
        nonfinite.look_away(trainer)
        assert not trainer.model._forward_hooks

    def test_validation_and_prediction_are_not_looked_at(self, monkeypatch):
        monkeypatch.setattr(nonfinite, "diagnose", lambda *a: pytest.fail("it looked"))
        model = fresh()
        spoil(model.model[4])
        nonfinite.watch_loss(trainer_of(model))
        model(batch()["img"])
        model.eval()(batch()["img"])

    def test_the_backward_pass_that_follows_works(self):
        model = fresh()
        spoil(model.model[4])
        nonfinite.watch_loss(trainer_of(model))
        model(batch())[0].sum().backward()

    def test_what_was_found_before_the_step_counts(self):
        model = fresh()
        spoil(model.model[4])
        trainer = trainer_of(model)
        nonfinite.watch_loss(trainer)
        model(batch())
        for parameter in model.parameters():
            parameter.data.fill_(float("nan"))  # what the step makes of it
        with pytest.raises(BackboneError, match=r"is that of row 8 \(Conv\)"):
            nonfinite.tell_loss(trainer)

    def test_nothing_found_is_no_reason_to_end(self, logged):
        nonfinite.tell_fitness(trainer_of(fresh()))
        said = "Fitness NaN/Inf: the weights, outputs and statistics are finite\n  to do"
        assert logged()[-1].partition(" ⚠️ ")[2].startswith(said)

    @pytest.mark.parametrize(("amp", "told"), [(True, True), ("fp16", True), ("bf16", False), (False, False)])
    def test_half_precision_has_a_cure_of_its_own(self, amp, told):
        trainer = trainer_of(fresh(), amp=amp is not False)
        trainer.args.amp = amp
        assert ("amp=bf16 or amp=False" in nonfinite._cures(trainer)) is told

    def test_a_model_without_a_backbone_of_ours_is_let_be(self):
        trainer = trainer_of(fresh(stock_yaml()))
        nonfinite.watch_loss(trainer)
        nonfinite.tell_loss(trainer)
        assert not trainer.model._forward_hooks
        assert not hasattr(trainer, nonfinite.FOUND)


def test_every_trainer_has_the_callbacks_once():
    from ultralytics.nn.Addmodules._policy import callbacks
    from ultralytics.utils.callbacks import get_default_callbacks

    callbacks.register()
    found = get_default_callbacks()
    assert {event: found[event].count(callback) for event, callback in callbacks.CALLBACKS} == dict.fromkeys(
        (event for event, _ in callbacks.CALLBACKS), 1
    )
