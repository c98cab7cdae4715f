# The only door: make demo, test, lint, docs, bench. Each makes what it needs first and is quick when run again.
# `make docs` renews the generated pages and builds the site into site/ (python -m http.server -d site).
#
#   make demo TORCH_INDEX=https://...   take torch from PyTorch's own CPU index (where plain pip would bring CUDA along)
#   make test PYTHON=python3.13 EXTRAS=dev   another Python, without torch: the tests that need it skip
#   make test EXTRAS=train,qlora,dev,praat   also the tests of `mgrd measure --praat`, which needs a GPL package: else they skip

PYTHON ?= python3
VENV ?= .venv
EXTRAS ?= train,qlora,dev
TORCH_INDEX ?=
VLLM_PYTHON ?= $(shell command -v python3.11 || echo $(PYTHON))
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed-$(EXTRAS)
# One thread: small models on few cores are several times slower when threads wait for each other.
export OMP_NUM_THREADS ?= 1
export TORCH_INDEX

.PHONY: demo test test-vllm lint docs bench wheel clean

demo: $(INSTALLED)
	$(BIN)/mgrd run examples/quickstart/config.toml -o demo-run

test: $(INSTALLED)
	$(BIN)/python -m pytest

# The second is of what trains here and answers there: it runs in the one environment and starts the other.
test-vllm: $(INSTALLED)
	$(VLLM_PYTHON) tests/vllm/make_env.py .venv-vllm
	.venv-vllm/bin/python -m pytest -n 0 tests/vllm
	$(BIN)/python -m pytest -n 0 tests/vllm/test_distilled.py

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python docs/generate.py --check

docs: $(VENV)/.installed-docs
	$(BIN)/python docs/generate.py
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

bench: $(INSTALLED)
	$(BIN)/python benchmarks/loop.py

# Compiled (needs a C compiler), then held against what the checkout finds in the same texts.
wheel: $(INSTALLED)
	rm -rf dist
	HATCH_BUILD_HOOK_ENABLE_MYPYC=1 $(BIN)/python -m build --outdir dist .
	$(BIN)/python -m pip install --quiet --no-deps --target dist/unpacked dist/*.whl
	PYTHONPATH=dist/unpacked $(BIN)/python -P -m pytest -q $(addprefix tests/test_claims_,extract.py contrasts.py end_to_end.py compiled.py)

$(INSTALLED): pyproject.toml constraints/cpu.txt
	$(PYTHON) -c 'import sys; v = sys.version_info[:2]; (3, 11) <= v <= (3, 13) or sys.exit("mgrd needs Python 3.11 to 3.13, $(PYTHON) is %d.%d: make PYTHON=python3.11 ..." % v)'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX)) --constraint constraints/cpu.txt --editable '.[$(EXTRAS)]'
	touch $@

$(VENV)/.installed-docs: $(INSTALLED)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints/cpu.txt --editable '.[docs]'
	touch $@

clean:
	rm -rf $(VENV) .venv-vllm site
