"""Builds the patched tree and installs it as the distribution ``ultralytics``.

Being the same distribution, it replaces a stock ``ultralytics`` instead of standing beside it and being shadowed. The
version is ``<upstream>+addmodules.<revision>``; requirements and extras are read from upstream's own metadata.
"""

import shutil
import sys
import zipfile
from email.parser import Parser
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT))  # an isolated build does not put the project's folder there

from fork.build import build  # noqa: E402
from fork.errors import ForkError  # noqa: E402
from fork.fetch import obtain  # noqa: E402
from fork.tree import PACKAGE  # noqa: E402

PROGRAM = ["tomli>=2; python_version < '3.11'"]  # what `python -m fork` needs to rebuild the tree
TEST_EXTRA = ["pytest>=8", "pytest-xdist>=3", "pytest-timeout>=2.2", "ruff>=0.17,<0.18", "mypy>=1.11"]
TEST_EXTRA += ["setuptools>=68", "wheel", "timm>=1.0.20", "safetensors>=0.4", "cloudpickle>=3.1.1"]
SLOW_EXTRA = ["onnx>=1.16", "onnxruntime>=1.18", "onnxslim>=0.1.71", "openvino>=2024.4"]  # what exports are tested with
UPSTREAM_EXTRA = ["onnx>=1.16", "onnxruntime>=1.18", "onnxslim>=0.1.71", "lap>=0.5.12", "shapely>=2", "aiohttp>=3"]
UPSTREAM_EXTRA += ["faster-coco-eval>=1.6", "pi-heif>=0.22"]  # what upstream's own tests import or would install
SWEEP_EXTRA = ["pandas", "scipy", "hub-sdk", "py-cpuinfo", "seaborn", "pytz", "tqdm"]  # what older releases import
LAB_EXTRA = ["grad-cam>=1.5,<1.5.6"]  # for `python -m lab heatmap`; later ones bring a second OpenCV, the headless one
DATA_EXTRA = [
    "supervision>=0.31.2,<0.32; python_version >= '3.10'"
]  # for `lab data convert`; from 0.30 on it brings no OpenCV
TEST_EXTRA += [*LAB_EXTRA, *DATA_EXTRA]
RAY_EXTRA = ["ray>=2.9"]  # for `python -m lab compare --ray`


def say(line):
    """Print progress where pip shows it (pip install -v)."""
    print(line, file=sys.stderr, flush=True)


def requirements(wheel):
    """Return upstream's requirements and extras: (list, {extra: list})."""
    with zipfile.ZipFile(wheel) as archive:
        name = next(n for n in archive.namelist() if n.endswith(".dist-info/METADATA"))
        metadata = Parser().parsestr(archive.read(name).decode("utf-8"))
    needed, extras = [], {extra: [] for extra in metadata.get_all("Provides-Extra", [])}
    for line in metadata.get_all("Requires-Dist", []):
        requirement, _, marker = line.partition(";")
        extra = next((e for e in extras if f'extra == "{e}"' in marker), None)
        if extra is None:
            needed.append(line)
            continue
        rest = marker.replace(f'extra == "{extra}"', "").strip().removesuffix("and").strip()
        rest = rest[1:-1] if rest.startswith("(") and rest.endswith(")") and _closes(rest) else rest
        extras[extra].append(f"{requirement.strip()}; {rest}" if rest else requirement.strip())
    return needed, extras


def _closes(text):
    """Return whether the first parenthesis of ``text`` is closed by its last character."""
    depth = 0
    for at, character in enumerate(text):
        depth += (character == "(") - (character == ")")
        if depth == 0:
            return at == len(text) - 1
    return False


class BuildTree(build_py):
    """Adds the project's YAMLs to a wheel, inside the package, where upstream's search for bare names finds them."""

    def run(self):
        """Build as usual; then copy ``cfg/models``, unless the install is editable and reads the checkout itself."""
        super().run()
        if not self.editable_mode:
            target = Path(self.build_lib) / PACKAGE / "cfg" / "models" / "addmodules"
            target.mkdir(parents=True, exist_ok=True)
            for path in sorted((ROOT / "cfg" / "models").glob("*.yaml")):
                shutil.copyfile(path, target / path.name)


try:
    work = build(ROOT, say=say)
    needed, extras = requirements(obtain(work.pin.upstream, say=say))
except ForkError as e:
    sys.exit(f"error: {e}")

packages = find_packages(include=[PACKAGE, f"{PACKAGE}.*"])
extras["test"] = TEST_EXTRA
extras["slow"] = SLOW_EXTRA
extras["sweep"] = SWEEP_EXTRA
extras["upstream-test"] = UPSTREAM_EXTRA
extras["lab"] = LAB_EXTRA
extras["data"] = DATA_EXTRA
extras["ray"] = RAY_EXTRA
extras["timm"] = ["timm>=1.0.20"]
setup(
    version=work.pin.version,
    packages=packages,
    package_data={PACKAGE: ["**/*"]},
    exclude_package_data={"": ["*.pyc", "**/*.pyc"]},
    install_requires=[*needed, *PROGRAM],
    extras_require=extras,
    cmdclass={"build_py": BuildTree},
)
