# SPDX-License-Identifier: MIT
#
# The front door. Everything it does is in scripts/ and meson.build; run those directly if you
# prefer. `make test` and `make demo` install what is missing first (scripts/setup).

BUILD = build
PREFIX = /usr/local
MESON = meson
# A newer compiler's new warnings must not keep anybody from building; .ci/run passes true.
MESON_ARGS ?= -Dwerror=false

# Reference data beside the checkout; tests that need more than the repository has look there.
FOVEA_SHARED ?= $(wildcard $(CURDIR)/../shared)
export FOVEA_SHARED

.PHONY: all setup demo test install dist deb clean
.NOTPARALLEL:

all: setup $(BUILD)/build.ninja
	@ninja -C $(BUILD)

setup:
	@scripts/setup

$(BUILD)/build.ninja: | setup
	@$(MESON) setup $(BUILD) $(MESON_ARGS)

demo: all
	@$(BUILD)/src/cli/fovea demo

# Limits of time are for what hangs; a busy machine may need four times as long.
test: all
	@$(MESON) test -C $(BUILD) --no-rebuild --print-errorlogs --timeout-multiplier 4

# DESTDIR is understood too. The prefix is set each time: an earlier one must not stick.
install: all
	@$(MESON) configure $(BUILD) -Dprefix="$(PREFIX)"
	@$(MESON) install -C $(BUILD)

# The last commit as a tarball in dist/, that needs no npm; and as a package for this Debian.
dist: setup
	@scripts/dist

deb: setup
	@scripts/dist --deb

clean:
	rm -rf $(BUILD) build-asan build-clang build-tsan build-fuzz build-cov dist
