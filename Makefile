# The verbs of this project; each sets up everything it needs in .venv. `make test` takes the better part of an hour on
# two cores.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# An editable installation knows where each module was: one that moved is another list of modules, and installed anew.
MODULES := $(shell find python -name '*.py' | sort | cksum | cut -d ' ' -f 1)
STAMP := $(VENV)/.installed-$(MODULES)
SOURCES := pyproject.toml CMakeLists.txt $(shell find csrc cmake -type f)

# Each worker has cores of its own (tests/conftest.py), and a file's tests run in one of them, so that what they share is
# made once.
PYTEST := $(BIN)/python -m pytest -n logical --maxprocesses 4

.PHONY: demo animation test test-fast test-aarch64 lint format docs trt-api bench clean
.DELETE_ON_ERROR:

# The extension is compiled into the environment; Python files are used from the checkout as they are.
$(STAMP): $(SOURCES)
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --upgrade --quiet pip
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	touch $@

demo: $(STAMP)
	$(BIN)/bench-freeze run --out runs/demo

# The default study recorded in a terminal, as docs/pictures/first_run.gif; on a quiet machine, whose times it shows.
animation: $(STAMP)
	$(BIN)/python bench/first_run_animation.py

test: $(STAMP) trt-api
	$(PYTEST) --dist loadfile --no-loadscope-reorder

# Two minutes on two cores: no training, no browser, no TensorRT plan.
test-fast: $(STAMP)
	$(PYTEST) --dist worksteal -q -m 'not slow and not browser and not trt_build' tests/unit

# The scorer for aarch64 and the light installation's tests on it, under emulation: tests/aarch64 says what it needs.
test-aarch64: $(STAMP)
	$(BIN)/python -m tests.aarch64

# The lean bindings of TensorRT 10 and 11 share a module name, so each has a folder of its own; only names are looked up.
trt-api: $(STAMP)
	test -d build/trt-api/10 || $(BIN)/python -m pip install -q --no-deps --target build/trt-api/10 \
		'tensorrt-lean-cu12-bindings<11' 'tensorrt-lean-cu12-libs<11'
	test -d build/trt-api/11 || $(BIN)/python -m pip install -q --no-deps --target build/trt-api/11 \
		'tensorrt-lean-cu13-bindings>=11' 'tensorrt-lean-cu13-libs>=11'

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/clang-format --dry-run --Werror $$(find csrc -type f)
	$(BIN)/codespell
	$(BIN)/python -m pytest -q tests/unit/docs/test_prose.py

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/clang-format -i $$(find csrc -type f)

# The documentation as a site in build/docs; a warning, such as a broken link, is an error. All pages are read anew, because
# parts of them are made from the code.
docs: $(STAMP)
	$(BIN)/sphinx-build --builder html --fresh-env --fail-on-warning --keep-going --quiet docs build/docs

bench: $(STAMP)
	@echo "bench/README.md has the command of every benchmark"

clean:
	rm -rf build $(VENV) runs
