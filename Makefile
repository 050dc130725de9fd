# make demo    makes .venv, runs the workflow on the simulated sky, shows what came out
# make test    the tests
# make chaos   20 whole runs with 30 % of all requests broken, and ten kills; half an hour
# make lint    style and Snakemake's own checks
# make bundle  one file with products, answers and workflow, for others to replay (ARCHIVE=demo)
# make replay  makes the products once more from kept answers, and compares them (ARCHIVE=demo)
# make clean   removes the demo's products, so that the next `make demo` starts anew
# make docs    writes docs/columns.md and the table in config/README.md anew
# make lock    pins the packages anew (needs uv)

PYTHON ?= python3
CORES ?= all
UV ?= uv

VENV := .venv
READY := $(VENV)/.ready
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help demo bundle replay test chaos lint clean docs lock

help:
	@sed -n 's/^# make/make/p' Makefile

demo: $(READY)
	@snakemake --cores $(CORES) --config archive=demo
	@echo
	@cat results/demo/summary.txt
	@echo
	@echo "Open  results/demo/site/index.html"

# Without ARCHIVE, the one that the config names.
bundle: $(READY)
	@snakemake --cores 1 bundle $(if $(ARCHIVE),--config archive=$(ARCHIVE))

replay: $(READY)
	@snakemake --cores $(CORES) replay --config archive=replay \
	  $(if $(ARCHIVE),'replay={archive: $(ARCHIVE)}')

test: $(READY)
	@pytest -q -n 2

chaos: $(READY)
	@python tests/chaos.py --seeds 20 --rate 0.3 --kills 10

lint: $(READY)
	@ruff check .
	@ruff format --check .
	@snakefmt --check Snakefile workflow
	@snakemake --lint

docs: $(READY)
	@python -m xgamma.config
	@python -m xgamma.provenance

# Products of other archives stay: they may have taken hours.
clean:
	rm -rf results/demo results/demo.zip

# The stamp comes last, so an interrupted installation is made anew, from nothing. The lock is
# complete, so pip need not resolve it. Bytecode is made here, on all cores, and not by pip on
# one, or by every start where PYTHONDONTWRITEBYTECODE is set. (Some packages carry files for
# other Pythons, which do not compile: no matter.)
$(READY): requirements.lock
	@case "$$PWD" in *[\\?{}:]*) \
	  echo "xgamma cannot work in $$PWD: packages that it uses fail with" \
	    '\ ? { } or : in a path. Rename the folder, or take another one' >&2; exit 1;; esac
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2> /dev/null || { \
	  echo "xgamma needs Python 3.11 or later, which $(PYTHON) is not; name one that is:" \
	    "make demo PYTHON=python3.12" >&2; exit 1; }
	@echo "Making $(VENV) from requirements.lock: once, about two minutes"
	@$(PYTHON) -m venv --clear $(VENV)
	@$(VENV)/bin/python -m pip install --quiet --no-input --no-deps --no-compile \
	  --require-hashes --requirement requirements.lock
	@$(VENV)/bin/python -m pip install --quiet --no-input --no-deps --no-build-isolation \
	  --editable .
	@$(VENV)/bin/python -m compileall -q -j 0 -x /tests/ $(VENV)/lib workflow/lib \
	  > /dev/null 2>&1 || true
	@touch $@

# One version of each package for all Pythons, so that products do not depend on which it is.
lock:
	$(UV) pip compile --quiet --upgrade --universal --python-version 3.11 --fork-strategy fewest \
	  --generate-hashes --extra dev --custom-compile-command "make lock" \
	  --output-file requirements.lock pyproject.toml
