# The commands of this project; each installs what it needs by itself (Debian 12, Node 20, root).
#   make demo    the main job, live, in a lab of network namespaces
#   make test    everything that CI runs
#   make pure    quick tests of the pure folders, as an ordinary user (TESTS=… some of them); make watch: again at each change
#   make format  every TypeScript file as dprint.json says; lint checks it
#   make build   dist/dots-callhome.js and dist/dtls.wasm
#   make screenshots  docs/pictures, the web page in a browser
#   make test-offload  software flow offloading, in a virtual machine with a kernel that has it (KERNEL=6.12)
#   make fuzz    the nightly million of mutated messages (RUNS=… SEED=…)
#   make soak    mixed abuse for an hour: memory, descriptors and processes stay flat (MINUTES=…; a minute of it is in make test)
#   make bench   speed and memory, as ratios side by side
#   make native  dist/dots-callhome: the native runtime with the daemon in it (docs/small-routers.md); make test-native: its tests
#   make package dist/*.ipk and dist/*.apk for OpenWrt
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
MAKEFLAGS += --no-print-directory
.PHONY: build demo test soak pure watch test-offload fuzz screenshots bench package native test-native lint format types unit lab-test test-programs clean needs-build needs-demo needs-test needs-offload needs-pure needs-native

sources := $(shell find src packages -name '*.ts') package.json scripts/bundle.mjs

build: needs-build dist/dots-callhome.js

dist/dtls.wasm: packages/dtls-wasm/src/shim.c packages/dtls-wasm/src/mbedtls-config.h scripts/build-dtls.sh
	@mkdir -p dist
	scripts/build-dtls.sh $@

dist/dots-callhome.js: $(sources) dist/dtls.wasm
	node scripts/bundle.mjs

demo: needs-demo dist/dots-callhome.js
	@node --import tsx test/lab/demo.ts

test: needs-test lint types dist/dots-callhome.js unit lab-test test-native

lint:
	node scripts/format.mjs --check
	npx eslint --max-warnings 0 src packages host test eslint.config.js
	shellcheck scripts/*.sh .ci/run

format: needs-pure
	@node scripts/format.mjs

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

bench: needs-demo needs-native dist/dots-callhome.js dist/dots-callhome
	@node --import tsx test/bench/bench.ts $(PART)

package: needs-build dist/dots-callhome.js
	@node scripts/build-packages.mjs

# QuickJS and mbedTLS are compiled once, in a minute or two.
native: needs-native dist/dots-callhome

dist/dots-callhome: $(sources) dist/dtls.wasm $(shell find host -type f) scripts/build-native.sh scripts/bundle-native.mjs scripts/fetch-debian-source.sh
	@mkdir -p build/native
	node scripts/bundle-native.mjs build/native/program.js
	scripts/build-native.sh release build/native/program.js $@

# On the native runtime: its adapters with sanitizers, the tests of the pure folders, the command line beside Node's, and of the lab what needs
# neither TLS over TCP nor MQTT.
native-lab := lab/main-job lab/consent lab/quarantine lab/refusals lab/restart lab/session lab/faults lab/forged lab/loss
test-native: needs-native dist/dots-callhome dist/dots-callhome.js
	@scripts/build-native.sh sanitized build/native/run-script-sanitized
	@scripts/build-native.sh script build/native/run-script
	@node scripts/run-native-tests.mjs host
	@node scripts/run-native-tests.mjs pure
	@node scripts/run-tests.mjs native
	@RUNTIME=native node scripts/run-tests.mjs lab $(native-lab)

needs-build needs-demo needs-test needs-offload needs-pure needs-native: needs-%:
	@scripts/install-needs.sh $*

clean:
	rm -rf dist build
