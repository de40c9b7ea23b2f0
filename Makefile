# Halley. `make help` lists the targets.

GO        ?= go
TESTFLAGS ?=
FUZZTIME  ?= 10s
SOAK      ?= 30m
# The commit goes into the binary where git will tell it; the build must not fail where it won't.
VCS       := $(shell git status --porcelain >/dev/null 2>&1 && echo true || echo false)

.PHONY: run
run: build ## build the server and start it with demo data on http://127.0.0.1:8080
	@exec bin/halley serve --demo

.PHONY: build
build: ## build bin/halley, static
	CGO_ENABLED=0 $(GO) build -buildvcs=$(VCS) -trimpath -o bin/halley ./cmd/halley

.PHONY: test
test: test-deps ## run every test: Go with the race detector, then the story and the day told by the published CometD clients
	$(GO) vet ./...
	$(GO) test -race $(TESTFLAGS) ./...
	$(MAKE) --no-print-directory interop

.PHONY: interop
interop: build ## tell the story and the day with the published CometD clients (Node) against a server of its own
	HALLEY_ROUTING_OFFER_TIMEOUT=4s tools/with-server interop/node/run.sh

.PHONY: conformance
conformance: test-deps ## check ours and CometD's own server with the Bayeux suite, and write docs/conformance.md
	tools/conformance

.PHONY: test-deps
test-deps: ## install what the tests need, and say what is installed
	@tools/test-deps

.PHONY: lint
lint: ## check the form of the code
	tools/lint

.PHONY: fuzz
fuzz: ## run each fuzz test for FUZZTIME (10s)
	tools/fuzz $(FUZZTIME)

.PHONY: bench
bench: build ## measure commits, the way of a message, storms, start-up and memory; bench/README.md explains
	$(GO) run ./bench/commit
	$(GO) run ./bench/journey
	$(GO) run ./bench/durable
	$(GO) run ./bench/storm
	$(GO) run ./bench/footprint

.PHONY: soak
soak: build ## keep the server under load for long (SOAK=30m), break it, its network and its disk, measure it beside ten million messages: over an hour
	$(GO) run ./bench/soak --length $(SOAK)
	$(GO) run ./interop/unbroken kills -results bench/results/$(shell date -u +%F)-kills
	$(GO) run ./interop/unbroken faults -results bench/results/$(shell date -u +%F)-faults
	HALLEY_TEST_POWER_CUTS=100 HALLEY_TEST_BIT_FLIPS=5000 $(GO) test -count=1 -timeout 1h -v -run 'TestPowerLoss|TestFlippedBit' ./cmd/halley ./internal/store/sqlite
	$(GO) run ./bench/growth

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
