# Two commands do all the set-up: `make demo` and `make test`. Python 3.11 or newer, git and make are all they need.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo test check format lint types contracts docs docs-check lock clean

demo: $(READY)  ## curate two sites' batches of real DICOM and publish a release
	$(BIN)/curate demo

test: $(READY)  ## all tests
	$(BIN)/pytest --cov --cov-report=term

check: $(READY) format lint types contracts docs-check test  ## everything that must hold before a merge

format: $(READY)
	$(BIN)/ruff format --check .

lint: $(READY)
	$(BIN)/ruff check .

types: $(READY)
	$(BIN)/mypy

contracts: $(READY)
	$(BIN)/lint-imports --no-cache

docs: $(READY)  ## write the generated pages anew
	$(BIN)/python -m docs.generate

docs-check: $(READY)
	$(BIN)/python -m docs.generate --check

# uv comes from the same lock file, by hash; it then installs the rest in seconds.
$(READY): requirements.lock pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	awk '/^uv==/ {on = 1} on {print} on && !/\\$$/ {exit}' requirements.lock > $(VENV)/uv.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r $(VENV)/uv.txt
	$(BIN)/uv pip sync --quiet --python $(BIN)/python --require-hashes requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	touch $(READY)

lock: $(READY)  ## resolve the ranges of pyproject.toml anew
	$(BIN)/uv pip compile --quiet --upgrade --all-extras --universal --python-version 3.11 --no-header --no-annotate \
	  --generate-hashes --output-file requirements.lock pyproject.toml

clean:
	rm -rf $(VENV) .curate build dist
