# The commands of this repository. Each installs what it needs into .venv first, which takes no time when it is there.
PYTHON ?= python3
BIN := .venv/bin
ARGS ?=
# Tests wait for the database half of their time: one process more than there are cores.
TESTERS ?= $(shell expr $$(nproc) + 1)
# Compiled once, not at each start of each process, whatever the caller's shell says.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help setup run stop test check e2e soak-kill soak-sync soak-edits soak-ledger soak-crawl soak-publish soak-api plugin clean
help:
	@echo "make run        the product on http://127.0.0.1:8000/ (PORT=… for another port)"
	@echo "make stop       stop it, and the embedded servers"
	@echo "make test       the tests (ARGS='tests/core -k name' for some of them)"
	@echo "make check      lint, formatting, imports, migrations, schema, settings"
	@echo "make e2e        the tests with a real WordPress, RabbitMQ and model server"
	@echo "make soak-kill  kills processes at random while a run publishes (KILLS=200)"
	@echo "make soak-sync  the first sync of a large WordPress, killed half way (POSTS=5000)"
	@echo "make soak-edits edits in WordPress and here at random, of which none is lost (EDITS=500)"
	@echo "make soak-ledger random operations on credits by 8 threads (OPERATIONS=10000)"
	@echo "make soak-crawl a shop crawled, scored and mapped over RabbitMQ, a worker killed (PRODUCTS=2000)"
	@echo "make soak-publish publishes through a proxy that breaks answers, while workers are killed (ARTICLES=1000)"
	@echo "make soak-api   asks every route for what it allows and for what it does not (EXAMPLES=50 a route, SEED=1)"
	@echo "make plugin     packs the WordPress plugin into dist/"
	@echo "make bench-NAME a benchmark of bench/"
	@echo "make clean      remove what can be made again; the data in .data stays"

setup:
	@$(PYTHON) scripts/setup.py

run: setup
	@$(BIN)/python -m config.serve

stop: setup
	@$(BIN)/python -m config.serve stop
	@$(BIN)/python -m scripts.e2e stop

test: setup
	@$(BIN)/pytest -n $(TESTERS) --dist worksteal $(ARGS)

check: setup
	@.ci/check

e2e:
	@$(PYTHON) scripts/setup.py bench.txt
	@# There is one WordPress: what needs none runs beside what does. 5: none of these were asked for.
	@TEST_DB_NAME=test_beside $(BIN)/pytest tests/e2e_real -m "not wordpress" $(ARGS) & beside=$$!; \
	$(BIN)/pytest tests/e2e_real -m wordpress $(ARGS); own=$$?; \
	wait $$beside; beside=$$?; [ $$own -eq 0 -o $$own -eq 5 ] && [ $$beside -eq 0 -o $$beside -eq 5 ]

soak-kill:
	@$(PYTHON) scripts/setup.py e2e.txt
	@KILLS=$(or $(KILLS),200) $(BIN)/pytest tests/e2e_real/test_kill.py $(ARGS)

soak-sync:
	@$(PYTHON) scripts/setup.py e2e.txt
	@POSTS=$(or $(POSTS),5000) $(BIN)/pytest tests/e2e_real/test_sync.py -k large $(ARGS)

soak-edits:
	@$(PYTHON) scripts/setup.py e2e.txt
	@EDITS=$(or $(EDITS),500) $(BIN)/pytest tests/e2e_real/test_sync.py -k edit $(ARGS)

soak-ledger: setup
	@OPERATIONS=$(or $(OPERATIONS),10000) $(BIN)/pytest tests/billing/test_ledger_property.py $(ARGS)

soak-crawl:
	@$(PYTHON) scripts/setup.py e2e.txt
	@PRODUCTS=$(or $(PRODUCTS),2000) $(BIN)/pytest tests/e2e_real/test_crawl.py $(ARGS)

soak-publish:
	@$(PYTHON) scripts/setup.py e2e.txt
	@ARTICLES=$(or $(ARTICLES),1000) $(BIN)/pytest tests/e2e_real/test_soak_publish.py $(ARGS)

soak-api:
	@$(PYTHON) scripts/setup.py e2e.txt
	@EXAMPLES=$(or $(EXAMPLES),50) $(BIN)/pytest tests/e2e_real/test_fuzz.py $(ARGS)

plugin:
	@$(PYTHON) -m scripts.plugin

bench-%:
	@$(PYTHON) scripts/setup.py bench.txt
	@$(BIN)/python -m bench.$(subst -,_,$*) $(ARGS)

clean:
	@if [ -x $(BIN)/python ]; then $(BIN)/python -m config.serve stop; $(BIN)/python -m scripts.e2e stop; fi
	@rm -rf dist .venv .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
