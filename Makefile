# Only make and Python 3.11 are needed; uv is used where it is installed.
PYTHON ?= $(shell command -v python3.11 || echo python3)
RUN := .venv/bin/python
PORT ?=
ONCE ?=
ARGS ?=
# The services end when make is killed, not only when it is interrupted. Without `exec` they would
# be tied to make's shell, which outlives it.
TIED = exec env ONCE="$(ONCE)" PORT="$(PORT)" DIES_WITH_PARENT=$$PPID $(RUN)

.DEFAULT_GOAL := help
.PHONY: help install install-demo up demo test lint types contracts migrations deployment check \
	format lock bench openapi fuzz screenshots gameday sdk-install sdk-table sdk-smoke

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: ## Make .venv with everything for development
	@$(PYTHON) dev/install.py dev

install-demo:
	@$(PYTHON) dev/install.py demo

up: install-demo ## Run the platform on embedded stores that keep their data (PORT=8000)
	@$(TIED) -m dev.up

demo: install-demo ## Watch one event being signed, refused, retried and delivered (ONCE=1 ends then)
	@$(TIED) -m dev.demo

test: install ## Run the test suite on embedded stores (ARGS="-k name")
	@$(RUN) -m dev.suite $(ARGS)

lint: install ## Check style and formatting
	@$(RUN) -m ruff check .
	@$(RUN) -m ruff format --check .

types: install ## Check types
	@$(RUN) -m mypy

contracts: install ## Check which package may import which
	@.venv/bin/lint-imports

migrations: install ## Check that no migration is missing
	@DJANGO_SETTINGS_MODULE=tests.settings $(RUN) manage.py makemigrations --check --dry-run

deployment: install ## Check the Dockerfile and the compose file
	@.venv/bin/hadolint Dockerfile
	@.venv/bin/check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yml
	@.venv/bin/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml

check: ## Run everything that CI runs
	@.ci/run

format: install ## Format the code and fix what can be fixed
	@$(RUN) -m ruff format .
	@$(RUN) -m ruff check --fix .

lock: ## Lock what pyproject.toml asks for; ARGS=--upgrade takes newer versions (needs uv)
	@dev/lock $(ARGS)

bench: install-demo ## Measure publishing and delivering (ARGS="--events 20000")
	@$(TIED) -m dev.bench $(ARGS)

openapi: install ## Write docs/openapi.json and the Postman collection from the code
	@DJANGO_SETTINGS_MODULE=tests.settings $(RUN) -m dev.api_documents

fuzz: install ## Try the API with many made-up requests (FUZZ_EXAMPLES=300 of each kind)
	@FUZZ_EXAMPLES=$(or $(FUZZ_EXAMPLES),300) $(RUN) -m pytest tests/integration/api/test_fuzz.py $(ARGS)

screenshots: install ## Take the pictures of the admin for docs/images (needs Chromium)
	@$(TIED) -m dev.screenshots

gameday: install-demo ## Rehearse failures (ARGS="--list")
	@$(TIED) -m dev.gameday $(ARGS)

sdk-install: install ## Install the SDKs that the contract tests drive, each apart
	@$(RUN) -m tests.contract.environments

sdk-table: install ## Drive the SDKs against a server, and write docs/sdk.md anew
	@SDK_TABLE=write CI=true $(RUN) -m pytest tests/contract/test_sdks.py $(ARGS)

sdk-smoke: install ## Publish and verify with the SDKs of Go, Java and Rust (minutes)
	@$(RUN) -m pytest tests/contract/smoke.py $(ARGS)
