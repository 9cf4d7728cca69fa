# Farhand. Every job has a target; plain `make` lists them.
#
# The targets only say what is wanted: the steps live in tools/, each of them idempotent,
# so that running a target twice costs a second. Everything made goes under build/.

.DEFAULT_GOAL := help
.SUFFIXES:
MAKEFLAGS += --no-print-directory

PREFIX ?= /usr/local
FUZZ_SECONDS ?= 60
CHAOS_ROUNDS ?= 100
ARGS ?=
ENV := tools/env.sh

help: ## list the targets
	@printf 'Farhand: steer the coding agent on this machine from anywhere.\n\n'
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' Makefile
	@printf '\nFirst time: make up. Options for it: make up ARGS="--lan --port 4317".\n'

deps: ## install what a build needs (Debian packages; Node and Codex into build/)
	@tools/deps.sh build run

build: deps ## release build: build/release/farhand and the page in build/web
	@tools/build.sh release
	@tools/web.sh build

up: build ## set everything up, build, and run: agent, relay, page, QR code
	@$(ENV) build/release/farhand up $(ARGS)

test: ## set everything up and run the whole suite once, with sanitizers
	@tools/deps.sh build run test
	@tools/test.sh

test-all: ## the suite, plus gcc, clang, TSan, clang-format, clang-tidy, cppcheck
	@tools/deps.sh build run test lint
	@tools/test-all.sh

bench: build ## measure; prints a table and writes build/bench/NAME.json
	@$(ENV) tools/bench.sh $(ARGS)

escape-chroot: ## the escape suite in a chroot, as root and as an ordinary user (needs root)
	@tools/deps.sh build run test fresh
	@tools/build.sh asan
	@tools/escape-chroot.sh

bench-web: ## measure the page in Chromium, slowed; writes build/bench/web.json
	@tools/deps.sh build run test
	@tools/web.sh build
	@$(ENV) tools/page.sh bench

screens: ## every screen, size and colour into build/screens, and checks on each
	@tools/deps.sh build run test
	@tools/web.sh build
	@$(ENV) tools/page.sh screens

chaos: ## kill, cut, slow and reload anything, CHAOS_ROUNDS (100); prints what it did
	@tools/deps.sh build run test
	@tools/build.sh asan
	@tools/web.sh build
	@rm -rf build/chaos
	@FARHAND_CHAOS=$(CHAOS_ROUNDS) $(ENV) node tools/vitest.mjs functional chaos; status=$$?; \
		cat build/chaos/*.txt; exit $$status

fuzz: ## run every fuzz target for FUZZ_SECONDS (60) each
	@tools/deps.sh build lint
	@tools/fuzz.sh $(FUZZ_SECONDS)

install: build ## install under DESTDIR and PREFIX (/usr/local)
	@tools/install.sh

fresh: ## prove `make up` and `make test` on a bare Debian 12 (needs root)
	@tools/deps.sh fresh
	@tools/fresh.sh

lint: ## layers, banned functions, sizes, commit subjects (no package needed)
	@tools/lint.sh

fmt: ## format the C sources in place
	@tools/deps.sh lint
	@tools/fmt.sh

clean: ## remove what was built (keeps the tools in build/tools)
	@find build -mindepth 1 -maxdepth 1 ! -name tools -exec rm -rf {} + 2>/dev/null || true

.PHONY: help deps build up test test-all bench bench-web screens chaos escape-chroot fuzz install fresh lint fmt clean

export PREFIX DESTDIR
