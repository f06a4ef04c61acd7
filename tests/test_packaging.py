"""The distribution: named ultralytics, so that pip replaces a stock one; complete without the checkout."""

import json
import re
import subprocess
import sys
import venv
import zipfile
from email.parser import Parser
from importlib import metadata

import pytest
from conftest import ROOT, make_checkout, run_python


def metadata_of(wheel):
    with zipfile.ZipFile(wheel) as archive:
        name = next(n for n in archive.namelist() if n.endswith(".dist-info/METADATA"))
        return Parser().parsestr(archive.read(name).decode("utf-8"))


@pytest.fixture(scope="module")
def built(tmp_path_factory, wheel):
    """The project's own wheel, built in a throw-away checkout with what is installed here."""
    folder = tmp_path_factory.mktemp("package")
    checkout = make_checkout(folder / "checkout")
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE"):
        (checkout / name).write_bytes((ROOT / name).read_bytes())
    command = [
        "-m",
        "pip",
        "wheel",
        ".",
        "--no-deps",
        "--no-build-isolation",
        "--wheel-dir",
        folder / "dist",
        "--quiet",
    ]
    run = run_python(*command, cwd=checkout, env={"ADDMODULES_CACHE": str(wheel.parent)})
    assert run.returncode == 0, run.stderr
    return next((folder / "dist").glob("*.whl"))


def test_the_installed_version_is_the_forks():
    assert metadata.version("ultralytics") == "8.4.190+addmodules.1"


def test_name_and_version(built):
    assert built.name.startswith("ultralytics-8.4.190+addmodules.1-py3-none-any")


def test_requirements_are_upstreams_own(built, wheel):
    ours, theirs = metadata_of(built), metadata_of(wheel)

    def normal(lines):
        return sorted(re.sub(r"[\s()'\"]", "", line) for line in lines)

    def base(message):
        return normal(line for line in message.get_all("Requires-Dist") if "extra ==" not in line)

    program = {"tomli>=2;python_version<3.11"}  # for rebuilding the tree
    assert sorted(set(base(ours)) - program) == base(theirs)
    assert program <= set(base(ours))
    assert set(theirs.get_all("Provides-Extra")) <= set(ours.get_all("Provides-Extra"))
    for extra in theirs.get_all("Provides-Extra"):
        found = [
            normal(line for line in message.get_all("Requires-Dist") if f'extra == "{extra}"' in line)
            for message in (ours, theirs)
        ]
        assert len(found[0]) == len(found[1]), extra


def test_it_holds_the_patched_tree_and_our_yamls(built, results):
    with zipfile.ZipFile(built) as archive:
        files = {name: archive.read(name) for name in archive.namelist() if ".dist-info/" not in name}
        scripts = archive.read(next(n for n in archive.namelist() if n.endswith("entry_points.txt"))).decode()
    for path, data in results[-1].tree.items():
        assert files[path] == data, path
    assert "ultralytics/cfg/models/addmodules/rtdetr-mobilenetv3.yaml" in files
    assert json.loads(files["ultralytics/fork.json"])["digest"] == results[-1].digest  # checkpoints record it
    assert not [name for name in files if name.endswith((".pyc", ".tmp-fork"))]
    assert {name.split("/")[0] for name in files} == {"ultralytics"}  # no fork/, lab/, tests/
    assert "yolo = ultralytics.nn.Addmodules._policy.command:yolo" in scripts


def test_it_works_without_the_checkout(built, tmp_path):
    """Unpacked alone in a folder: a bare name is found, and the model built."""
    with zipfile.ZipFile(built) as archive:
        archive.extractall(tmp_path / "site")
    code = (
        "import ultralytics; from ultralytics import RTDETR; print(ultralytics.__file__); "
        "m = RTDETR('rtdetr-mobilenetv3.yaml'); m.save('model.pt'); "
        "print(RTDETR('model.pt').model.model[0].addmodules_record['version'], type(m.model.model[0]).__name__)"
    )
    run = run_python("-c", code, cwd=tmp_path, env={"PYTHONPATH": str(tmp_path / "site")})
    assert run.returncode == 0, run.stderr
    assert str(tmp_path / "site") in run.stdout
    assert run.stdout.split()[-2:] == ["8.4.190+addmodules.1", "MobileNetV3"]


@pytest.mark.net
@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_wheel_in_an_empty_environment_trains_by_the_yolo_command(built, tmp_path):
    """Everything from the index, stock ultralytics first: pip must replace it. Several GB, minutes."""
    venv.create(tmp_path / "venv", with_pip=True)
    bin_ = tmp_path / "venv" / ("Scripts" if sys.platform == "win32" else "bin")
    for what in ("ultralytics==8.4.190", str(built)):
        subprocess.run([str(bin_ / "python"), "-m", "pip", "install", "--quiet", what], check=True)
    data = tmp_path / "data"
    subprocess.run([sys.executable, "-m", "run.crowns", "--dir", str(data)], cwd=ROOT, check=True)
    command = [str(bin_ / "yolo"), "train", "model=rtdetr-mobilenetv3-small.yaml", f"data={data / 'data.yaml'}"]
    command += ["epochs=1", "imgsz=64", "workers=0", f"project={tmp_path / 'runs'}", "name=exp", "fraction=0.1"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    assert (tmp_path / "runs" / "exp" / "weights" / "best.pt").is_file()
