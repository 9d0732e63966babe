# Every target sets up what it needs in .venv.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: setup demo test up bench lint clean

setup: .venv/installed

.venv/installed: requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(0 if (3, 11) <= sys.version_info < (3, 15) else "Python 3.11 to 3.14 is needed, this is " + sys.version.split()[0])'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	# uv installs the same locked files a few times faster; without it pip does
	$(BIN)/uv pip sync --quiet --require-hashes requirements.lock 2>/dev/null \
	  || { $(BIN)/pip install --quiet --disable-pip-version-check uv && $(BIN)/uv pip sync --quiet --require-hashes requirements.lock; } \
	  || $(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	# the package itself: a link to this folder, and the command `engage`
	$(BIN)/uv pip install --quiet --no-deps --editable . || $(BIN)/pip install --quiet --disable-pip-version-check --no-deps --editable .
	touch .venv/installed

demo: setup
	$(BIN)/engage demo $(ARGS)

# two processes; the demo's tests come first, since they take longest
test: setup
	$(BIN)/pytest -n 2 --dist loadgroup --no-loadscope-reorder $(ARGS)

up: setup
	$(BIN)/engage up

bench: setup
	$(BIN)/engage bench $(ARGS)

lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/sqlfluff lint --processes 2 dbt_project/models

clean:
	-test -x $(BIN)/engage && $(BIN)/engage down
	rm -rf .venv .engage dbt_project/target
