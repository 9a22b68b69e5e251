# moat's front door: "make help" lists what there is. All that is built lands in build/.

PREFIX ?= /usr/local
# Where "make setup" puts a libraft of our own, on a Debian 12 without a backports suite.
export PKG_CONFIG_PATH := $(CURDIR)/build/raft/lib/pkgconfig:$(PKG_CONFIG_PATH)

# Where ccache is there: what was compiled in another clone is good here, too.
export CCACHE_NOHASHDIR := 1

program := src/cmd/moat
packages := run

# Of what meson says, only what is wrong.
configure = mkdir -p build; \
	if test -e build/build.ninja; then ninja -C build build.ninja; \
	else rm -rf build/meson-private && meson setup build; fi \
	>build/setup.log 2>&1 || { grep ERROR build/setup.log || cat build/setup.log; exit 1; }

# Say nothing when nothing is to be done, and show progress only to a terminal.
ninja = ninja -C build -n $(1) | grep -q 'no work to do' || \
	ninja -C build $$(test -t 1 || echo --quiet) $(1)

.PHONY: build run test test-clients bench check fuzz soak install setup format clean help

build: setup ## build build/moat and install what that takes
	@$(configure)
	@$(call ninja,$(program))
	@ln -sf $(program) build/moat

run: build ## build, then run a server here: make run ARGS='--name one'
	@exec build/moat server $(ARGS)

test: packages := test
test: setup ## build and run all tests; closes with "N passed, N failed"
	@$(configure)
	@$(call ninja,all)
	@ln -sf $(program) build/moat
	@tools/peers
	@tools/test

test-clients: packages := test
test-clients: build ## run real clients against it, unpacked below build/: etcdctl, Patroni, Kubernetes' ...
	@tools/peers
	@tools/clients
	@tests/clients/run

bench: build ## measure, where bench/run is there
	@if test -x bench/run; then exec bench/run; else echo "There is no bench/run."; fi

check: packages := check
check: setup ## format, lint, two compilers, sanitizers, short fuzzing: make check ONLY='format asan'
	@tools/check $(ONLY)

fuzz: packages := check
fuzz: setup ## fuzz each target for FUZZ_SECONDS (60)
	@FUZZ_SECONDS=$${FUZZ_SECONDS:-60} tools/fuzz $(ONLY)

soak: packages := check
soak: setup ## the long runs: MOAT_SIM_SEEDS (20000) seeds, all proofs, FUZZ_SECONDS (1800) a target
	@$(configure)
	@$(call ninja,all)
	@ln -sf $(program) build/moat
	@MOAT_SIM_SEEDS=$${MOAT_SIM_SEEDS:-20000} tools/test --timeout-multiplier 100
	@tests/powerloss/run prove
	@tests/planted/run
	@FUZZ_SECONDS=$${FUZZ_SECONDS:-1800} tools/fuzz

install: build ## install the program and its man pages: make install PREFIX=/usr DESTDIR=/tmp/x
	@meson configure build -Dprefix=$(PREFIX)
	@$(configure)
	@$(call ninja,$(program) $(if $(wildcard man/*.scd),man))
	@meson install -C build --no-rebuild $(if $(DESTDIR),--destdir $(abspath $(DESTDIR)))

setup: ## install the packages that are missing
	@tools/setup $(packages)

format: packages := check
format: setup ## lay out the C code as .clang-format says
	@command -v clang-format-14 >/dev/null || { \
		echo "The layout is that of clang-format-14, which is in Debian 12 only."; exit 1; }
	@find . -path ./build -prune -o -name '*.[ch]' -exec clang-format-14 -i {} +

clean: ## remove build/
	@rm -rf build

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' Makefile
