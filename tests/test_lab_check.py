"""``python -m lab check`` as a user runs it."""

import json

import pytest
from conftest import ROOT, make_squares, run_python

import lab.__main__ as lab_main
from lab.check import command as check

TEXT = (ROOT / "cfg" / "models" / "yolo11-mobilenetv3.yaml").read_text(encoding="utf-8")
HEADER = "index slot from n module channels stride map params arguments read by"
WRONG = TEXT.replace("SPPF", "SPPX", 1).replace("[[-1, 9], 1, Concat", "[[-1, 6], 1, Concat")


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Run the command in this process, from an empty folder; return (exit code, output, errors)."""
    monkeypatch.chdir(tmp_path)
    import logging

    level = logging.getLogger("ultralytics").level
    (tmp_path / "wrong.yaml").write_text(WRONG, encoding="utf-8")

    def command(*arguments):
        capsys.readouterr()
        try:
            code = lab_main.main(["check", *arguments])
        except SystemExit as e:
            code = e.code
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    yield command
    logging.getLogger("ultralytics").setLevel(level)


def test_a_table_of_the_rows(run):
    code, out, _ = run("yolo11-mobilenetv3.yaml")
    assert code == 0
    lines = out.splitlines()
    assert " ".join(lines[0].split()) == HEADER
    assert lines[1].split() == ["0", "P1", "(empty)"]
    assert lines[4].split() == ["3", "P4", "MobileNetV3", "112", "16", "40x40", "8"]
    assert lines[5].split() == ["4", "P5", "-1", "1", "MobileNetV3", "960", "32", "20x20", "2,970,118", "[]", "5"]
    assert lines[-2] == "5,424,566 parameters; sizes for an image of 640x640 pixels"
    assert lines[-1].endswith("yolo11-mobilenetv3.yaml: no fault")


def test_a_derived_name_and_another_size(run):
    code, out, _ = run("rtdetr-efficientvit-m0.yaml", "--imgsz", "320", "--channels", "1")
    assert code == 0
    assert "EfficientViT_M0" in out
    assert "320x320 pixels" in out
    assert "10x10" in out


def test_faults_and_the_exit_code(run):
    code, out, _ = run("wrong.yaml")
    assert code == 2
    assert "no module 'SPPX'" in out
    assert "maps of different size" in out
    assert out.splitlines()[-1].endswith("wrong.yaml: 2 faults")
    assert "index slot" not in out


def test_json(run):
    code, out, _ = run("wrong.yaml", "--json")
    found = json.loads(out)["model"]
    assert (code, found["ok"], len(found["problems"])) == (2, False, 2)
    assert found["problems"][0]["row"] == 5
    assert [row["index"] for row in found["rows"]] == list(range(20))


@pytest.mark.parametrize("suffix", ["svg", "png"])
def test_a_picture_of_the_rows(suffix, run, tmp_path):
    code, _, _ = run("yolo11-mobilenetv3.yaml", "--graph", f"model.{suffix}")
    assert code == 0
    data = (tmp_path / f"model.{suffix}").read_bytes()
    assert data.startswith(b"\x89PNG" if suffix == "png" else b"<?xml")
    assert len(data) > 10_000


def test_a_data_set_beside_the_model(run, tmp_path):
    data = make_squares(tmp_path / "squares")
    code, out, _ = run("yolo11-mobilenetv3.yaml", "--data", str(data))
    assert code == 0
    assert "5,390,521 parameters" in out  # at the one class of the data set, as training builds it
    assert "the number of classes is 1 here and 80 in the model's YAML" in out
    grey = make_squares(tmp_path / "grey", channels=1)
    assert "5,390,233 parameters" in run("yolo11-mobilenetv3.yaml", "--data", str(grey))[1]
    (tmp_path / "squares" / "labels" / "train" / "0.txt").write_text("7 0.5 0.5 0.1 0.1\n", encoding="utf-8")
    code, out, _ = run("--data", str(data))
    assert code == 2
    assert "0.txt" in out
    assert "index slot" not in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "give a model YAML, --data, or both"),
        (["nope.yaml"], "no model YAML 'nope.yaml'"),
        (["yolo11-mobilenetv4.yaml"], "did you mean"),
        (["yolo11.yaml", "--imgsz", "3"], "--imgsz 3: the least is 32"),
        (["yolo11.yaml", "--graph", "x.txt"], "ends in .svg, .png or .pdf"),
    ],
)
def test_a_wrong_command_line(arguments, said, run):
    code, _, err = run(*arguments)
    assert code == 2
    assert said in err
    assert "Traceback" not in err


def test_the_lab_lists_its_commands(capsys):
    assert lab_main.main(["--help"]) == 0
    assert "check" in capsys.readouterr().out
    assert lab_main.main([]) == 2
    assert lab_main.main(["chek"]) == 2
    assert "there is no command 'chek'" in capsys.readouterr().err


def test_as_a_process_and_for_the_yolo_command(tmp_path):
    (tmp_path / "wrong.yaml").write_text(WRONG, encoding="utf-8")
    result = run_python("-m", "lab", "check", tmp_path / "wrong.yaml", cwd=ROOT)
    assert (result.returncode, "Traceback" in result.stderr) == (2, False)
    code = "from ultralytics.nn.Addmodules._policy.command import yolo; raise SystemExit(yolo())"
    result = run_python("-c", code, "train", f"model={tmp_path / 'wrong.yaml'}", "data=coco8.yaml", cwd=tmp_path)
    assert result.returncode == 2
    assert "no module 'SPPX'" in result.stderr
    assert "Traceback" not in result.stderr


def test_reading_the_arguments():
    options = check.parse(["a.yaml", "--quick", "--json"])
    assert (options.model, options.quick, options.json, options.data) == ("a.yaml", True, True, None)
