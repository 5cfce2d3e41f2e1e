# Every target installs what it needs. `make` alone lists them.
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SECONDS ?= 60
EXAMPLES ?= slow
SEED ?= 1
SAMPLE ?= 60
PACKAGE ?=
WRITE ?=
T ?=
MUTANTS := .cache/mutants/venv
RUNTIME := $(VENV)/.runtime
EMULATOR := $(VENV)/.emulator
UNIT := $(VENV)/.unit
TESTS := $(VENV)/.tests
CHECKS := $(VENV)/.checks
COMPILED := $(VENV)/.compiled
LOCK := .cache/lock
# Byte code is kept even if the environment forbids it: otherwise each worker compiles every test.
PYTEST_ALONE = PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest
PYTEST = $(PYTEST_ALONE) -n auto --dist worksteal
GOLDEN := tests/e2e/golden
PIP = pip --disable-pip-version-check
COMPILE = $(LOCK)/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 --only-binary :all: --generate-hashes --no-header
SHIPPED = $(shell sed -n 's/^\([a-z0-9-]*\)==.*/\1/p' requirements/runtime.txt)
# The form has two YAML documents (`spec:` and the job), which this schema cannot check; tests/e2e/test_gitlab.py runs it.
ONE_DOCUMENT := $(filter-out %/form.gitlab-ci.yml,$(wildcard examples/gitlab/*.yml))
LICENCES := MIT;BSD;Apache;MPL;Mozilla Public License 2.0;PSF

.PHONY: help demo test test-slow test-all format golden check lint types workflows documents dependencies docs hooks fuzz mutants bench soak peers lock clean

help: ## Show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 14

# $(call install,FOLDER,NAME) creates a virtual environment with the packages of requirements/NAME.txt. pip neither resolves nor
# builds anything, so no new release can change what is installed.
define install
"$(PYTHON)" -m venv $(1)
$(1)/bin/$(PIP) install --quiet --no-deps --only-binary :all: --require-hashes --requirement requirements/$(2).txt
endef

$(RUNTIME): requirements/runtime.txt
	@echo "Installing the program's libraries into $(VENV): 40 MB, about 20 seconds"
	@$(call install,$(VENV),runtime)
	@$(BIN)/$(PIP) check
	@touch $@

$(EMULATOR): $(RUNTIME) requirements/emulator.txt
	@$(call install,$(VENV),emulator)
	@$(BIN)/$(PIP) check
	@touch $@

$(UNIT): $(RUNTIME) requirements/unit.txt
	@echo "Installing the tools of unit tests and the formatter into $(VENV): 45 MB, about 10 seconds"
	@$(call install,$(VENV),unit)
	@$(BIN)/$(PIP) check
	@touch $@

$(TESTS): $(RUNTIME) requirements/test.txt pyproject.toml
	@echo "Installing the tools of all tests into $(VENV): 300 MB, about a minute"
	@$(call install,$(VENV),test)
	@$(BIN)/$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@$(BIN)/$(PIP) check
	@touch $(UNIT) $@

$(CHECKS): $(TESTS) requirements/dev.txt
	@echo "Installing the linters and type checkers into $(VENV): 500 MB more, about a minute"
	@$(call install,$(VENV),dev)
	@$(BIN)/$(PIP) check
	@touch $@

# Compile once, so that parallel workers do not each compile the same files.
$(COMPILED): $(TESTS)
	@$(PYTEST_ALONE) --collect-only -qq >/dev/null
	@touch $@

demo: $(EMULATOR) ## Run a demo job against the emulator, with the log that GitHub would show
	@$(BIN)/python -m tests.demo

ifeq ($(T),)
test: $(COMPILED) ## Run the everyday tests, or those of a folder, file or test: T=tests/unit/run
	$(PYTEST) -m "not slow"
else
# Unit tests, and those of one complete step, need few tools. Stop after three failures.
FEW_TOOLS := tests/unit% tests/e2e/test_action.py%
test: $(if $(filter $(FEW_TOOLS),$(firstword $(T))),$(UNIT),$(TESTS))
	$(if $(wildcard $(T)/.),$(PYTEST),$(PYTEST_ALONE)) $(if $(findstring ::,$(T)),,-m "not slow") --maxfail 3 '$(T)'
endif

test-slow: $(COMPILED) ## Run the tests that `make test` leaves out, and more examples: EXAMPLES=nightly
	$(PYTEST) -m "slow or hypothesis" --hypothesis-profile=$(EXAMPLES)

test-all: test test-slow ## Run every test: test, then test-slow

format: $(UNIT) ## Format the code, and fix what ruff can fix
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

golden: $(TESTS) ## Rewrite the golden texts, which users will read, and show how they differ
	RUN_ACTION_GOLDEN=write $(PYTEST) -q tests/e2e/test_platforms.py tests/e2e/test_first_lines.py tests/unit/report/test_golden.py
	@git --no-pager diff --color=auto -- $(GOLDEN)
	@git status --short -- $(GOLDEN)

check: lint types workflows documents dependencies ## Run every linter and check

lint: $(CHECKS) ## Check style, spelling, dead code, shell scripts and the Dockerfile
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/codespell
	$(BIN)/vulture
	$(or $(wildcard $(BIN)/shellcheck),shellcheck) examples/any-ci/agent.sh examples/buildkite/pre-exit .ci/run benchmarks/peers/*.sh scripts/*.sh tests/container/*.sh
	$(BIN)/hadolint Dockerfile

types: $(CHECKS) ## Check types and imports
	$(BIN)/mypy
	$(BIN)/basedpyright
	$(BIN)/lint-imports --no-cache

workflows: $(CHECKS) ## Check workflows, actions and pipelines, ours and the examples
	$(BIN)/check-jsonschema --builtin-schema vendor.github-actions action.yml native/action.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(BIN)/check-jsonschema --builtin-schema custom.github-workflows-require-timeout .github/workflows/*.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.gitlab-ci --data-transform gitlab-ci .gitlab-ci.yml $(ONE_DOCUMENT)
	$(BIN)/check-jsonschema --builtin-schema vendor.azure-pipelines examples/azure/azure-pipelines.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.bitbucket-pipelines examples/bitbucket/bitbucket-pipelines.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.buildkite examples/buildkite/pipeline.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.circle-ci examples/circleci/config.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows examples/forgejo/agent.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.dependabot .github/dependabot.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.github-issue-config .github/ISSUE_TEMPLATE/config.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.github-issue-forms .github/ISSUE_TEMPLATE/bug.yml .github/ISSUE_TEMPLATE/idea.yml
	$(BIN)/pre-commit validate-config
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows examples/workflows/*.yml
	$(BIN)/check-jsonschema --builtin-schema custom.github-workflows-require-timeout examples/workflows/*.yml
	$(BIN)/zizmor --offline --persona pedantic --quiet .github action.yml native/action.yml
	$(BIN)/zizmor --offline --persona pedantic --quiet --config examples/zizmor.yml examples/workflows/*.yml
	$(BIN)/python -m pytest -q tests/project/test_workflows.py tests/project/test_llms.py

documents: $(TESTS) ## Check links, and that a test runs each block of code
	$(BIN)/python -m pytest -q tests/project/test_documents.py

dependencies: $(CHECKS) ## Check licences and known vulnerabilities
	$(BIN)/pip-licenses --partial-match --allow-only "$(LICENCES)" --packages $(SHIPPED) --format plain-vertical >/dev/null
	$(BIN)/python -m scripts.audit

docs: $(TESTS) ## Write what follows from inputs and outputs: types, action.yml, native/action.yml, page, llms.txt
	$(BIN)/python -m scripts.reference
	$(BIN)/python -m scripts.native

hooks: $(CHECKS) ## Run the quick checks at each commit
	$(BIN)/pre-commit install

fuzz: $(TESTS) ## Fuzz the sanitizer and the reader of Markdown: SECONDS=60
	$(call install,$(VENV),fuzz)
	$(BIN)/python -m tests.fuzz --seconds $(SECONDS)

# Separate from the other tools, because some tests read the list of installed packages.
mutants: $(CHECKS) ## Change a package in SAMPLE=60 places and check that its tests fail: PACKAGE=gates T=tests/gates
	$(call install,$(MUTANTS),mutants)
	$(MUTANTS)/bin/python -m scripts.mutants --package "$(PACKAGE)" --tests "$(T)" --sample $(SAMPLE) --seed $(SEED)

bench: $(TESTS) ## Measure the speed and memory that the pages claim; WRITE=--write puts them into the page
	@$(BIN)/python -m benchmarks $(WRITE)

soak: $(TESTS) ## Follow 50 runs through two hours of faults, in six minutes: SEED=1
	@$(BIN)/python -m benchmarks.soak --seed $(SEED) $(WRITE)

peers: $(TESTS) ## Play the same faults to this step and to other tools, in a quarter of an hour: WRITE=--write
	@$(BIN)/python -m benchmarks.peers $(WRITE)

lock: ## Resolve all requirements and lock them
	$(call install,$(LOCK),lock)
	$(COMPILE) --output-file requirements/runtime.txt pyproject.toml
	$(COMPILE) --group build --output-file requirements/build.txt
	$(COMPILE) --constraint requirements/runtime.txt --constraint requirements/build.txt --group dev --output-file requirements/dev.txt pyproject.toml
	$(COMPILE) --constraint requirements/dev.txt --group test --output-file requirements/test.txt pyproject.toml
	$(COMPILE) --constraint requirements/dev.txt --group unit --output-file requirements/unit.txt
	$(COMPILE) --constraint requirements/dev.txt --group emulator --output-file requirements/emulator.txt
	$(COMPILE) --constraint requirements/dev.txt --group fuzz --output-file requirements/fuzz.txt
	$(COMPILE) --constraint requirements/dev.txt --group mutants --output-file requirements/mutants.txt
	$(COMPILE) --group lock --output-file requirements/lock.txt

clean: ## Remove everything that the other targets created
	rm -rf $(VENV) .cache out build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
