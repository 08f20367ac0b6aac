# The commands of this project; each installs what it needs by itself (Debian 12, Node 20, root).
#   make demo    the main job, live, in a lab of network namespaces
#   make test    everything that CI runs
#   make build   dist/dots-callhome.js and dist/dtls.wasm
#   make screenshots  docs/pictures, the web page in a browser
#   make test-offload  software flow offloading, in a virtual machine with a kernel that has it (KERNEL=6.12)
#   make fuzz    the nightly million of mutated messages (RUNS=… SEED=…)
#   make bench   speed and memory, as ratios side by side
#   make package dist/*.ipk and dist/*.apk for OpenWrt
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
MAKEFLAGS += --no-print-directory
.PHONY: build demo test test-offload fuzz screenshots bench package spike-quickjs lint types unit lab-test golden clean needs-build needs-demo needs-test needs-offload

sources := $(shell find src -name '*.ts') package.json scripts/bundle.mjs

build: needs-build dist/dots-callhome.js

dist/dtls.wasm: src/dtls/shim.c src/dtls/mbedtls-config.h scripts/build-dtls.sh
	@mkdir -p dist
	scripts/build-dtls.sh $@

dist/dots-callhome.js: $(sources) dist/dtls.wasm
	node scripts/bundle.mjs

demo: needs-demo dist/dots-callhome.js
	@node --import tsx test/lab/demo.ts

test: needs-test lint types dist/dots-callhome.js unit lab-test

lint:
	npx eslint --max-warnings 0 src test eslint.config.js
	shellcheck scripts/*.sh .ci/run

types:
	npx tsc --noEmit -p .

# Quick, in parallel; kernel tests make namespaces of their own.
unit: dist/dots-callhome.js
	node --import tsx --test $$(find test -name '*.test.ts' -not -name '*.lab.test.ts' -not -name '*.offload.test.ts' | sort)

# End to end in the lab, one after the other.
lab-test: dist/dots-callhome.js
	node --import tsx --test --test-concurrency=1 $$(find test -name '*.lab.test.ts' | sort)

# Some five minutes, without /dev/kvm. TESTS=… runs others on that kernel.
test-offload: needs-offload dist/dots-callhome.js
	$(MAKE) -s -C test/lab
	$(MAKE) -s -C test/peer
	@node --import tsx test/offload/run-in-vm.ts $(if $(KERNEL),--kernel $(KERNEL)) $(or $(TESTS),$(sort $(wildcard test/offload/*.offload.test.ts)))

screenshots: needs-test dist/dots-callhome.js
	node --import tsx test/browser/make-screenshots.ts

fuzz: needs-test dist/dots-callhome.js
	FUZZ_RUNS=$(or $(RUNS),1000000) $(if $(SEED),FUZZ_SEED=$(SEED)) node --import tsx --test test/callhome-server/fuzz.test.ts

bench: needs-demo dist/dots-callhome.js
	@node --import tsx test/bench/bench.ts $(PART)

package: needs-build dist/dots-callhome.js
	@node scripts/build-packages.mjs

# How much of the tree runs on QuickJS: docs/small-routers.md. A minute and a half, of which half a minute once.
spike-quickjs: needs-build
	@node scripts/spike-quickjs/run.mjs

needs-build needs-demo needs-test needs-offload: needs-%:
	@scripts/install-needs.sh $*

clean:
	rm -rf dist build
