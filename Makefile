# Two commands set everything up: `make run` and `make test`. The rest is for contributors; `make help` lists it.
SHELL := /bin/bash
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
# Node 24 comes from the npm package `node`, so that an older Node on the machine is enough to begin with.
export PATH := $(CURDIR)/node_modules/.bin:$(PATH)

CONFIG ?= config/samples/pulltraceconfig.yaml
UNIT := '{core,agent,operator,server,cli,sdk}/**/*.test.ts' 'test/*.test.ts' 'test/rules/*.test.ts'

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

node_modules/.package-lock.json: package-lock.json
	@echo 'make: installing the npm packages of package-lock.json (Node 24 among them)'
	@npm ci --no-audit --no-fund --loglevel=error
	@touch $@

.PHONY: setup
setup: node_modules/.package-lock.json ## Install the npm packages

.PHONY: run
run: setup ## Run Pulltrace on this machine: pulls of its containerd, or demo data; rules; the pages of both
	@exec ./bin/pulltrace up -f $(CONFIG)

.PHONY: test
test: setup programs ## Run every check and every test (SOAK=1: the long counts in full)
	@$(MAKE) --no-print-directory verify
	node test/run.ts

.PHONY: programs
programs: setup ## Install the real programs that the tests run (containerd, a registry, nginx, Chromium ...)
	@node test/install.ts

.PHONY: verify
verify: setup verify-types verify-style verify-generated verify-proto ## Every check that needs no running program

.PHONY: verify-types
verify-types: setup ## Type check: what Node runs, and what browsers run
	tsc --noEmit
	tsc --noEmit --project tsconfig.browser.json

.PHONY: verify-style update-style
verify-style: setup ## Format and lint; mended by `make update-style`
	biome ci --colors=off --error-on-warnings
update-style: setup ## Format, and mend what the linter can
	biome check --write

.PHONY: verify-generated update-generated
verify-generated: setup ## Fail when generated files are stale; mended by `make update-generated`
	node docs/generate.ts --check
	node config/generate.ts --check
	sh proto/generate.sh --check

.PHONY: verify-proto
verify-proto: setup ## Lint proto/; nothing that was released may break
	cd proto && buf lint && buf breaking --path trapperkeeper --against released.binpb
update-generated: setup ## Make the generated files again (docs/, crds/, config/install.yaml, proto/generated/)
	node docs/generate.ts
	node config/generate.ts
	sh proto/generate.sh

.PHONY: test-unit test-containerd test-durability test-stream test-pages test-image test-kubernetes test-sdks
test-unit: setup ## Tests that need no other program
	mocha $(UNIT)
test-containerd: setup programs ## Real containerd 1.6 and 2.4, a real registry behind a proxy that lies
	mocha 'test/{rig,containerd,scenarios}/**/*.test.ts'
test-durability: setup programs ## kill -9, full disks, the order of sync and answer, one instance of a service
	mocha 'test/{durability,sensor-api}/**/*.test.ts'
test-stream: setup programs ## The stream through nginx, in a browser, cut a thousand times
	mocha 'test/stream/**/*.test.ts'
test-pages: setup programs ## The pages in a browser: live, without scripts, by attackers, by axe
	mocha 'test/{pages,web-ui}/**/*.test.ts'
test-image: setup programs ## The container image: its bytes, its licences, each program in it under runc
	mocha 'test/image/**/*.test.ts'

test-sdks: setup programs ## The sensor: against a server that plays a script, the real one, and as an installed package
	mocha 'sdk/**/*.test.ts' 'test/sdk/**/*.test.ts'

test-kubernetes: setup programs ## A real control plane, and (as root) real nodes, built from Kubernetes' own source
	mocha 'test/{control-plane,cluster}/**/*.test.ts'

.PHONY: cluster-up cluster-down control-plane-up control-plane-down
cluster-up: setup ## A real Kubernetes on this machine, as root (NODES=2: two nodes); says how to use it
	@node test/cluster/up.ts cluster
cluster-down: setup ## End it; nothing of it is left
	@node test/cluster/down.ts cluster
control-plane-up: setup ## etcd, API server and controllers alone; needs no root
	@node test/cluster/up.ts control-plane
control-plane-down: setup ## End it
	@node test/cluster/down.ts control-plane

.PHONY: soak
soak: setup programs ## Wait for minutes in which nothing happens, and see that the next change is still seen
	mocha 'test/soak/*.soak.ts'

.PHONY: bench
bench: setup programs ## Measure, and write bench/RESULTS.md (an hour on two cores)
	node bench/all.ts

SCREENSHOTS ?= test/pages/screenshots.ts test/web-ui/screenshots.ts test/web-ui/rules-screenshots.ts
.PHONY: screenshots
screenshots: setup programs ## Make the pictures in docs/screenshots again (SCREENSHOTS=FILE: those of one script)
	@set -e; for script in $(SCREENSHOTS); do echo "make: $$script"; node $$script; done

.PHONY: bundle
bundle: setup ## Bundle the programs into dist/
	node build/bundle.ts

.PHONY: sdk
sdk: setup ## Make the npm package @trapperkeeper/sensor in dist/sdk-typescript/
	node sdk/typescript/build.ts

.PHONY: image
image: setup ## Make the container image in dist/image/, for amd64 and arm64, without a container engine (on Debian)
	node build/image.ts

.PHONY: krew
krew: setup ## Make kubectl-pulltrace for krew in dist/krew/: an archive and its manifest
	node build/krew.ts

.PHONY: clean
clean: ## Remove what is made here (not ./data)
	rm -rf node_modules dist
