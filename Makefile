# Makefile: the one-word jobs. CMake builds; tools/setup.sh fetches what is missing.
PREFIX ?= /usr/local
JOBS ?= $(shell nproc)
FUZZ_SECONDS ?= 20
# CI wants no warnings and runs the unit tests under the sanitizers too.
TARN_SANITIZE ?= $(if $(CI),1)
CONFIGURE = $(if $(CI),-DTARN_WERROR=ON)

.PHONY: all setup setup-dev build test demo asan tsan fuzz fuzz-golden bench interop wheel fmt tidy docs install clean
all: build

setup:
	@tools/setup.sh
setup-dev:
	@tools/setup.sh --dev

# $(call cmake,PRESET,FOLDER[,TARGET]): configures quietly, builds aloud.
define cmake
@mkdir -p $(2) && { cmake --preset $(1) $(CONFIGURE) >$(2)/configure.log 2>&1 || { cat $(2)/configure.log; exit 1; }; }
@cmake --build $(2) -j $(JOBS) $(if $(3),--target $(3))
endef
CTEST = ctest -j $(JOBS) --output-on-failure --no-tests=error

build: setup
	$(call cmake,release,build)

# The sanitizers' run comes first, so that the summary of all tests is the last thing shown; a failure there still fails the whole.
test: build
ifeq ($(TARN_SANITIZE),1)
	$(call cmake,asan,build/asan)
	@echo "== the unit tests under AddressSanitizer and UndefinedBehaviorSanitizer"
	@$(CTEST) --test-dir build/asan -L unit && asan=ok || asan=failed; \
	echo "== all tests"; \
	$(CTEST) --test-dir build; code=$$?; \
	[ $$asan = ok ] || { echo "the run under the sanitizers failed (above)"; exit 1; }; exit $$code
else
	@$(CTEST) --test-dir build
endif

demo: build
	@build/tarn -w build/demo-lake demo

asan tsan: setup
	$(call cmake,$@,build/$@)
	@$(CTEST) --test-dir build/$@ -L unit

# New inputs are collected under build/; what crashes is kept in build/fuzz/crashes.
fuzz: setup-dev
	$(call cmake,fuzz,build/fuzz,fuzzers)
	@tools/fuzz.sh build/fuzz $(FUZZ_SECONDS)

# Damaged copies of golden tables, read and written under the sanitizers; the seed is printed.
fuzz-golden: setup
	$(call cmake,asan,build/asan,tarn_cli)
	@TARN_MUTATIONS=$${TARN_MUTATIONS:-600} ~/.cache/tarn/venv/bin/python -m pytest -q -s -p no:cacheprovider tests/golden/test_mutated.py

bench: build
	@tools/setup.sh --bench
	@bench/run.sh
interop: build
	@tests/interop/run.sh

wheel: build
	@. tools/versions.env && ~/.cache/tarn/venv/bin/python python/build_wheel.py build ~/.cache/tarn/duckdb-$$DUCKDB_VERSION python/dist

fmt: setup-dev
	@find src include tests fuzz -name '*.[ch]' | xargs clang-format-14 -i
tidy:
	@python3 tools/tidy.py
docs:
	@python3 tools/gen_docs.py

install: build
	@cmake --install build --prefix $(PREFIX)
clean:
	rm -rf build
