# The commands of this project; each installs what it needs by itself (Debian 12, Node 20, root).
#   make demo    the main job, live, in a lab of network namespaces
#   make test    everything that CI runs
#   make pure    quick tests of the pure folders, as an ordinary user (TESTS=… some of them); make watch: again at each change
#   make build   dist/dots-callhome.js and dist/dtls.wasm
#   make screenshots  docs/pictures, the web page in a browser
#   make test-offload  software flow offloading, in a virtual machine with a kernel that has it (KERNEL=6.12)
#   make fuzz    the nightly million of mutated messages (RUNS=… SEED=…)
#   make soak    mixed abuse for an hour: memory, descriptors and processes stay flat (MINUTES=…; a minute of it is in make test)
#   make bench   speed and memory, as ratios side by side
#   make package dist/*.ipk and dist/*.apk for OpenWrt
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
MAKEFLAGS += --no-print-directory
.PHONY: build demo test soak pure watch test-offload fuzz screenshots bench package spike-quickjs lint types unit lab-test test-programs clean needs-build needs-demo needs-test needs-offload needs-pure

sources := $(shell find src packages -name '*.ts') package.json scripts/bundle.mjs

build: needs-build dist/dots-callhome.js

dist/dtls.wasm: packages/dtls-wasm/src/shim.c packages/dtls-wasm/src/mbedtls-config.h scripts/build-dtls.sh
	@mkdir -p dist
	scripts/build-dtls.sh $@

dist/dots-callhome.js: $(sources) dist/dtls.wasm
	node scripts/bundle.mjs

demo: needs-demo dist/dots-callhome.js
	@node --import tsx test/lab/demo.ts

test: needs-test lint types dist/dots-callhome.js unit lab-test

lint:
	npx eslint --max-warnings 0 src packages test eslint.config.js
	shellcheck scripts/*.sh .ci/run

types:
	npx tsc --noEmit -p .

# Without root, sockets, processes or what has to be built.
pure: needs-pure
	@node scripts/run-tests.mjs pure $(TESTS)

watch: needs-pure
	@node scripts/watch-tests.mjs

# In parallel; kernel tests make namespaces of their own. TESTS=… takes those that have it in their path, here and below.
unit: dist/dots-callhome.js test-programs
	@node scripts/run-tests.mjs unit $(TESTS)

# End to end in the lab.
lab-test: dist/dots-callhome.js test-programs
	@node scripts/run-tests.mjs lab $(TESTS)

# Once, before tests that run at the same time would.
test-programs:
	@$(MAKE) -s -C test/lab
	@$(MAKE) -s -C test/peer

# Some ten minutes, without /dev/kvm. TESTS=… runs others on that kernel.
test-offload: needs-offload dist/dots-callhome.js test-programs
	@node --import tsx test/offload/run-in-vm.ts $(if $(KERNEL),--kernel $(KERNEL)) $(or $(TESTS),$(sort $(wildcard test/offload/*.offload.test.ts)))

screenshots: needs-test dist/dots-callhome.js
	node --import tsx test/browser/make-screenshots.ts

fuzz: needs-test dist/dots-callhome.js
	FUZZ_RUNS=$(or $(RUNS),1000000) $(if $(SEED),FUZZ_SEED=$(SEED)) node --import tsx --test test/callhome-server/fuzz.test.ts

soak: needs-test dist/dots-callhome.js test-programs
	MINUTES=$(or $(MINUTES),60) node scripts/run-tests.mjs lab lab/soak

bench: needs-demo dist/dots-callhome.js
	@node --import tsx test/bench/bench.ts $(PART)

package: needs-build dist/dots-callhome.js
	@node scripts/build-packages.mjs

# How much of the tree runs on QuickJS: docs/small-routers.md. A minute and a half, of which half a minute once.
spike-quickjs: needs-build
	@node scripts/spike-quickjs/run.mjs

needs-build needs-demo needs-test needs-offload needs-pure: needs-%:
	@scripts/install-needs.sh $*

clean:
	rm -rf dist build
