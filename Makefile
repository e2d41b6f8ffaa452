# What there is to do here; `make` alone lists it. Needs Python 3.11 or later, git and make, nothing else.

VENV ?= .venv
BIN := $(VENV)/bin
# The oldest supported Python first: the pinned versions were chosen on it.
PYTHON ?= $(shell for python in python3.11 python3.12 python3.13 python3 python; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$python; break; }; done)

# Ports of `make airflow`; the next free one is taken when one of these is not.
AIRFLOW_PORT ?= 8080
SANDBOX_PORT ?= 8125

# Of `make live-check`.
WAREHOUSE ?= snowflake
# Environments beside the other one, for the second engines: with Spark, half a gigabyte that nobody else needs, and
# with an emulator of BigQuery whose own needs do not go together with Airflow's.
SPARK := .venv-spark
BQEMULATOR := .venv-bqemulator
# What rows are sent with elsewhere, for `make bench`, with what draws its chart and what looks at a run.
PEERS := .venv-peers

# With this set, Python would compile all of Airflow again in every process: 6 seconds instead of 2.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo airflow change test explore test-matrix test-scheduler test-celery test-upgrade test-clients memory bench bench-age bench-read profile live-check test-other-engines test-bqemulator test-spark lint format docs clean

help: ## List the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 26

demo: $(VENV)/.demo ## Watch rows travel from a sample warehouse through Airflow to a local Braze and Klaviyo
	@$(BIN)/python -m demo tour

airflow: $(VENV)/.demo ## Bring up the whole Airflow, UI included, with the same warehouse, Braze, Klaviyo and DAGs
	@$(BIN)/python -m demo airflow --port $(AIRFLOW_PORT) --sandbox-port $(SANDBOX_PORT)

change: $(VENV)/.demo ## Change a few rows in the warehouse of `make airflow`, so that there is something to send
	@$(BIN)/python -m demo change

# Four processes on any machine: half of their time they wait for one another's servers.
test: $(VENV)/.dev lint ## Run all checks and tests
	$(BIN)/pytest --numprocesses 4 --dist loadfile

explore: $(VENV)/.dev ## Try the property tests on examples that nobody tried yet; `make test` has the same ones each time
	$(BIN)/pytest --numprocesses 4 --dist loadfile --hypothesis-profile=explore $$(grep -rl '^from hypothesis' tests/unit tests/integration)

test-matrix: $(VENV)/.uv ## Run the tests of what touches Airflow on every version from 3.0 on (VERSIONS=3.1.8 for one)
	$(BIN)/python tests/matrix.py $(VERSIONS)

test-scheduler: $(VENV)/.dev ## Run every kind of run under a real scheduler, workers killed and state lost included
	$(BIN)/pytest -m scheduler tests/scheduler

test-celery: $(VENV)/.dev ## Run tries on two Celery workers without a shared disk, one of them killed or frozen (needs redis-server, PostgreSQL)
	$(BIN)/pytest -m celery tests/celery_suite

test-upgrade: $(VENV)/.dev ## Begin syncs with the last version whose state must go on working, out of git, and end them with this one
	CDI_UPGRADE=run $(BIN)/pytest tests/upgrade

test-clients: $(VENV)/.dev ## Run clients that nobody here wrote against the local Braze and Klaviyo (needs node, npm and the network)
	$(BIN)/pytest -m "" tests/clients

memory: $(VENV)/.dev ## Measure that memory does not grow with the table: 100,000 against 1,000,000 rows
	$(BIN)/python benchmarks/memory.py 100000 1000000

bench: $(VENV)/.dev $(PEERS)/.ready ## Measure how fast rows reach Braze, beside what people use today; twenty minutes (ARGS="--rows 20000" for a try)
	$(BIN)/python benchmarks/speed.py $(ARGS)

profile: $(VENV)/.dev $(PEERS)/.ready ## Show where the time of a sync goes: a table, and a flame graph in build/profile (ROWS=100000 for a try)
	$(BIN)/python benchmarks/profile_sync.py $(ROWS)

bench-age: $(VENV)/.dev ## Measure what a run costs after 10 and after 10,000 earlier ones: it must be the same; some minutes
	$(BIN)/python benchmarks/age.py 10 10000

bench-read: $(VENV)/.dev ## Measure what reading each warehouse costs the worker, beside the usual ways (ROWS=20000 for a try)
	$(BIN)/python benchmarks/read.py $(ROWS)

live-check: $(VENV)/.dev ## Check a real account in depth and print a report: make live-check WAREHOUSE=snowflake ARGS="--source t"
	@$(BIN)/python -m airflow_provider_cdi check --warehouse-conn-id $(WAREHOUSE)_default --in-depth --report $(ARGS)

test-other-engines: test-bqemulator test-spark ## Run the contract's tests of BigQuery on a second emulator, those of Databricks on a real Spark (Java 17)

test-bqemulator: $(VENV)/.dev $(BQEMULATOR)/.ready
	CDI_BIGQUERY_ENGINE=bqemulator $(BIN)/pytest tests/warehouses/test_contract.py -k bigquery

test-spark: $(SPARK)/.ready
	CDI_DATABRICKS_ENGINE=spark $(SPARK)/bin/pytest tests/warehouses/test_contract.py -k databricks

lint: $(VENV)/.dev ## Run the checks alone: style, types, layers
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.dev ## Put the code into its form
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

docs: $(VENV)/.docs ## Build the documentation as HTML into docs/_build
	$(BIN)/python -m sphinx -W -q -b html docs docs/_build

clean: ## Remove everything that was made here, the environment included
	rm -rf $(VENV) $(SPARK) $(BQEMULATOR) $(PEERS) .venv-3.* .demo .airflow build dist docs/_build *.egg-info .*_cache .hypothesis

# --- the environment: made once, and again when what it is made of changes ------------------------------------------

$(VENV)/pyvenv.cfg:
	@if [ -z "$(PYTHON)" ]; then echo "Python 3.11 or later is needed; say which: make PYTHON=/path/to/python3.11"; exit 1; fi
	@echo "Making the environment $(VENV) with $(PYTHON)"
	@$(PYTHON) -m venv $(VENV) || { echo "No environment could be made; on Debian: apt-get install python3-venv"; exit 1; }

# What the tests need holds what the demo needs.
$(VENV)/.demo: setup.cfg constraints.txt | $(VENV)/pyvenv.cfg
	@echo "Installing Airflow and this package: some 150 packages, a minute or two"
	@$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ./cdi_sandbox --editable '.[demo]'
	@touch $@

$(VENV)/.dev: setup.cfg constraints.txt | $(VENV)/.uv
	@echo "Installing Airflow, this package, four warehouses' clients and what the tests need: 2 GB, a minute or two"
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --constraint constraints.txt --editable ./cdi_sandbox --editable '.[dev]'
	@touch $@ $(VENV)/.demo

$(SPARK)/.ready: setup.cfg constraints.txt | $(VENV)/.uv
	@java -version >/dev/null 2>&1 || { echo "Spark needs Java 17; on Debian: apt-get install openjdk-17-jre-headless"; exit 1; }
	@echo "Making the environment $(SPARK) with Spark"
	@$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(SPARK)
	@$(BIN)/uv pip install --quiet --python $(SPARK)/bin/python --constraint constraints.txt --editable ./cdi_sandbox --editable '.[dev]' pyspark==4.3.0
	@touch $@

# The emulator does not start without DuckDB's spatial extension, which comes from PyPI; its HOME is the environment, so
# that the extension lies there too.
$(BQEMULATOR)/.ready: | $(VENV)/.uv
	@echo "Making the environment $(BQEMULATOR) with a second BigQuery"
	@$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(BQEMULATOR)
	@$(BIN)/uv pip install --quiet --python $(BQEMULATOR)/bin/python bqemulator==1.4.0 numpy duckdb==1.5.5 \
		duckdb-extensions==1.5.5 duckdb-extension-spatial==1.5.5
	@HOME=$(CURDIR)/$(BQEMULATOR) $(BQEMULATOR)/bin/python -c \
		'from duckdb_extensions import import_extension; import_extension("spatial")'
	@touch $@

$(PEERS)/.ready: | $(VENV)/.uv
	@echo "Making the environment $(PEERS) with drt-core, dlt, matplotlib and py-spy"
	@$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(PEERS)
	@$(BIN)/uv pip install --quiet --python $(PEERS)/bin/python 'drt-core[duckdb]==1.2.1' dlt==1.31.0 duckdb==2.0.0 \
		requests==2.34.2 matplotlib==3.11.2 py-spy==0.4.3
	@touch $@

$(VENV)/.uv: constraints.txt | $(VENV)/pyvenv.cfg
	@$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt uv
	@touch $@

$(VENV)/.docs: setup.cfg constraints.txt | $(VENV)/.demo
	@$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[docs]'
	@touch $@
