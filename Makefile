# Everything that is generated goes to build/ and node_modules/, both ignored by git.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

modules := node_modules/.package-lock.json
# What runs the engine on the lab's stack, in the lab's network.
engine = . lab/env && lab/lab exec pulumi --cwd "$$PROJECT" --stack dev --non-interactive

.PHONY: help up preview outputs down test soak lint sbom bench machine toolchain

help: ## List the targets
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

up: toolchain $(modules) ## Deploy the dev stack on a lab of three hosts made on this machine
	@lab/lab up
	@lab/stack dev >/dev/null
	@$(engine) up --yes --skip-preview
	@lab/next-steps

preview: toolchain $(modules) ## Show what the next up on the lab would change
	@$(engine) preview --diff

outputs: ## Print what application teams read
	@$(engine) stack output

down: ## Take the lab and its group away
	@lab/lab down
	@rm -rf build/stack/dev-*

machine:
	@tests/machine

toolchain:
	@toolchain/install

$(modules): package-lock.json
	@echo "Installing the packages of package-lock.json"
	@npm ci --ignore-scripts --no-audit --no-fund
	@touch $@

lint: toolchain $(modules) ## Check types, style, shell scripts and Python
	@npm run --silent typecheck
	@npm run --silent lint
	@tests/shellcheck

test: machine toolchain $(modules) ## Do all set-up and run every check and test
	@tests/run

soak: toolchain $(modules) ## Run the tests that take too long for every change: outages in every order, more hosts, large data
	@tests/run soak

sbom: ## Write what this program is made of to build/sbom.json
	@toolchain/sbom

bench: toolchain $(modules) ## Measure this program beside an Ansible playbook, on a lab of its own
	@bench/run
