# make train   set everything up and train RT-DETR + MobileNetV3 on the tree crowns
# make test    set everything up and run the tests
# make cpu train   the same with the CPU build of PyTorch, without downloading CUDA
# make upstream-test    run upstream's own tests on the pristine release and on the fork (-quick: a few minutes)
# Without make (Windows): see README.md, the same steps by hand.

VENV := .venv
ifeq ($(OS),Windows_NT)
PYTHON ?= python
BIN := $(VENV)/Scripts
else
PYTHON ?= python3
BIN := $(VENV)/bin
endif
PY := $(BIN)/python
READY := $(VENV)/.ready

.PHONY: train test cpu lint verify slow upstream-test upstream-test-quick clean

train: $(READY)
	$(PY) train.py $(ARGS)

test: $(READY)
	$(PY) -m fork build
	$(PY) -m fork verify
	$(PY) -m pytest -n 2 $(ARGS)

cpu:
	$(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --disable-pip-version-check --quiet torch torchvision --index-url https://download.pytorch.org/whl/cpu

slow: $(READY)
	$(PY) -m pip install --disable-pip-version-check --quiet --editable ".[test,slow]"
	$(PY) -m pytest -m "slow or net" $(ARGS)

upstream-test: $(READY)
	$(PY) -m pip install --disable-pip-version-check --quiet --editable ".[test,upstream-test]"
	$(PY) -m tools.upstream_tests $(ARGS)

upstream-test-quick: $(READY)
	$(PY) -m fork build
	$(PY) -m tools.upstream_tests --quick $(ARGS)

lint: $(READY)
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy

verify: $(READY)
	$(PY) -m fork verify

# An interrupted installation leaves no .ready and is carried on by the next make.
$(READY): pyproject.toml setup.py pin.toml
	$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 9) and 'error: Python 3.9 or newer is needed; run make PYTHON=/path/to/python3.11')"
	$(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --disable-pip-version-check --quiet --editable ".[test]"
	$(PY) -c "open('$(READY)', 'w').close()"

clean:
	$(PYTHON) -c "import shutil; [shutil.rmtree(d, True) for d in ('$(VENV)', 'build', 'dist', '.fork')]"
