# make demo: environment, install, main job.   make test: environment, install, tests.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
FRAMEWORKS := $(VENV)/.frameworks
OUT ?= runs
TESTS ?=
JOBS ?= 2
BENCH ?=
NUMERICAL := $(addprefix tests/unit/,training models operators probes pruning own theory)
STORE ?= runs
COMPUTE ?=

.PHONY: demo test test-machines test-slow test-long check register docs findings bench clean
.DEFAULT_GOAL := demo

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if v >= (3, 11) else "overparam needs Python 3.11 or newer, got %d.%d; name another with make PYTHON=python3.11" % v)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $(STAMP)

# The frameworks whose modules are measured. Of PyTorch the build without graphics processors alone, which is a tenth of the other;
# where it is not served the tests of its modules are skipped, unless OVERPARAM_REQUIRE_FRAMEWORKS=1.
$(FRAMEWORKS): $(STAMP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev,equinox,flax]'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt "$$(grep '^torch==' constraints.txt)" \
		|| echo "PyTorch: no package index here serves $$(grep '^torch==' constraints.txt); tests of its modules are skipped."
	@touch $(FRAMEWORKS)

demo: $(STAMP)
	$(BIN)/overparam run double-descent random-features --profile quick --out $(OUT)

test: $(FRAMEWORKS)
	$(BIN)/python -m pytest -q -n $(JOBS) --dist worksteal $(TESTS)

# The numerical tests with the instructions of older processors, in the compiler's code and in the linear algebra's, and with
# the compiler's optimisations, which the other targets leave out.
test-machines: $(FRAMEWORKS)
	JAX_DISABLE_MOST_OPTIMIZATIONS=0 XLA_FLAGS=--xla_cpu_max_isa=SSE4_2 OPENBLAS_CORETYPE=Nehalem $(BIN)/python -m pytest -q -n $(JOBS) --dist worksteal $(NUMERICAL)
	JAX_DISABLE_MOST_OPTIMIZATIONS=0 XLA_FLAGS=--xla_cpu_max_isa=AVX2 OPENBLAS_CORETYPE=Haswell $(BIN)/python -m pytest -q -n $(JOBS) --dist worksteal $(NUMERICAL)

# What takes longer than a few seconds a test.
test-slow: $(FRAMEWORKS)
	$(BIN)/python -m pytest -q -n $(JOBS) --dist worksteal -m slow $(TESTS)

# What takes hours: error rates on many draws, published tables, every fault at every operation.
test-long: $(FRAMEWORKS)
	$(BIN)/python -m pytest -q -n $(JOBS) --dist worksteal -m long $(TESTS)

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python tests/house.py
	$(BIN)/python -m overparam.core.register

register: $(STAMP)
	$(BIN)/python -m overparam.core.register --write

docs: $(STAMP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[docs]'
	$(BIN)/python -m sphinx -W --keep-going -b html docs docs/_build/html

# The findings of every study whose cells are all in STORE; COMPUTE=1 computes those that are missing, which takes hours.
findings: $(STAMP)
	$(BIN)/python docs/findings.py $(STORE) $(if $(COMPUTE),--compute)

bench: $(STAMP)
	$(BIN)/python benchmarks/run.py $(BENCH)

clean:
	rm -rf $(VENV) build dist docs/_build .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
