# make help lists what there is. Two commands do everything: make demo, make test.
.DEFAULT_GOAL := help
SHELL := /bin/bash

PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3)
YIGONG_HOME ?= $(CURDIR)/var
RESIDENTS ?= 3000
MONTHS ?= 6
SEED ?= 7
PORT ?= 8088
COUNTY ?= $(YIGONG_HOME)/county-$(RESIDENTS)x$(MONTHS)-$(SEED)
PYTEST_ARGS ?=

export YIGONG_HOME
export UV_LINK_MODE ?= copy
export PIP_DISABLE_PIP_VERSION_CHECK = 1
# The tools below must never phone home.
export DO_NOT_TRACK = 1

YIGONG = .venv/bin/yigong
STEP = @printf '\n\033[1m== %s\033[0m\n'

.PHONY: help
help: ## this list
	@grep -hE '^[a-z][a-z-]*:.*## ' $(MAKEFILE_LIST) | sort \
	  | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

.PHONY: demo
demo: setup ## install, make a county, run the pipeline, publish, start the cockpit in the background
	@$(YIGONG) init --site demo
	$(STEP) "示范县 $(RESIDENTS) 人 × $(MONTHS) 个月"
	@test -d "$(COUNTY)/inbox" || $(YIGONG) county --residents $(RESIDENTS) --months $(MONTHS) --seed $(SEED) --out "$(COUNTY)"
	$(STEP) "接入、构建、检查、发布"
	@$(YIGONG) run --inbox "$(COUNTY)/inbox"
	$(STEP) "指标"
	@$(YIGONG) indicators --period 2026 --county
	$(STEP) "决策驾驶舱"
	@$(YIGONG) serve start --port $(PORT)

.PHONY: stop
stop: ## stop the cockpit
	@$(YIGONG) serve stop --port $(PORT)

.PHONY: test
test: setup dev-tools browser ## all tests; what cannot be had here is skipped with a line that says so
	@.venv/bin/python -m pytest -n 2 --dist loadscope --no-loadscope-reorder $(PYTEST_ARGS)

.PHONY: check
check: setup dev-tools ## style, types and lock files
	@.venv/bin/ruff check . && .venv/bin/ruff format --check . && .venv/bin/mypy

.PHONY: derived
derived: setup dev-tools ## write what is derived from YAML: library SQL and columns, dictionary, coverage, asset keys
	@for what in standards.dbt_files standards.dictionary standards.guideline tests.unit.pipelines.test_definitions; \
	  do .venv/bin/python -m $$what || exit 1; done

.PHONY: bench
bench: setup dev-tools ## measurements, peers side by side
	@.venv/bin/python benchmarks/hl7_ingestion.py

.PHONY: dev
dev: setup ## the Dagster page on loopback
	@$(YIGONG) dev

.PHONY: conformance
conformance: setup ## docs/conformance.md from ../shared/samples
	@.venv/bin/python -m ingestion.conformance ../shared/samples docs/conformance.md

.PHONY: golden
golden: setup ## expected rows of every sample in sites/demo/golden; read the diff before you commit it
	@.venv/bin/python -m ingestion.golden demo

.PHONY: clean
clean: ## remove the lake (var/) but keep what is installed
	@rm -rf var

.PHONY: setup
setup: .venv/.installed dashboards/.venv/.installed ## both environments, from lock files with hashes

.PHONY: dev-tools
dev-tools: .venv/.dev-installed

# $(1): environment folder, $(2): lock file
define install
	@command -v "$(PYTHON)" >/dev/null || { echo "Python 3.11 or 3.12 is needed: set PYTHON=..."; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' \
	  || { echo "Python 3.11 or 3.12 is needed; $(PYTHON) is another. Set PYTHON=..."; exit 1; }
	@"$(PYTHON)" -c 'import ensurepip' 2>/dev/null \
	  || { [ "$$(id -u)" = 0 ] && apt-get install -y -q python3-venv >/dev/null; } \
	  || { echo "The venv module is missing: apt-get install python3-venv"; exit 1; }
	@test -x $(1)/bin/python || "$(PYTHON)" -m venv $(1)
	@$(1)/bin/python -m pip install -q --require-hashes -r requirements-tools.lock
	@$(1)/bin/uv pip install -q --compile-bytecode --python $(1)/bin/python --require-hashes -r $(2)
endef

.venv/.installed: requirements.lock requirements-tools.lock pyproject.toml
	$(STEP) "安装数据管道环境 .venv"
	$(call install,.venv,requirements.lock)
	@.venv/bin/uv pip install -q --python .venv/bin/python --no-deps --no-build-isolation -e .
	@touch $@

.venv/.dev-installed: requirements-dev.lock .venv/.installed
	@.venv/bin/uv pip install -q --compile-bytecode --python .venv/bin/python --require-hashes -r requirements-dev.lock
	@touch $@

dashboards/.venv/.installed: dashboards/requirements.lock requirements-tools.lock
	$(STEP) "安装驾驶舱环境 dashboards/.venv"
	$(call install,dashboards/.venv,dashboards/requirements.lock)
	@touch $@

.PHONY: browser
browser:
	@if ! command -v chromium >/dev/null || ! fc-list :lang=zh 2>/dev/null | grep -q .; then \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    echo "installing Chromium and a Chinese font"; \
	    { apt-get update -q && apt-get install -y -q --no-install-recommends chromium fontconfig fonts-noto-cjk; } \
	      >.browser-install.log 2>&1 || echo "Chromium could not be installed; browser tests will be skipped"; \
	  else echo "no Chromium and no right to install it; browser tests will be skipped"; fi; fi
