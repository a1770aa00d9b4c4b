# reftracker: make help says what there is.
# Out-of-tree: everything made lies below $(BUILD). Knobs: CC=clang, SAN=address,undefined,
# DEVELOPER=1 (warnings are errors), V=1, BUILD=dir, DESTDIR and prefix for install.

VERSION := $(shell cat VERSION)
prefix ?= /usr/local
bindir ?= $(prefix)/bin
mandir ?= $(prefix)/share/man
docdir ?= $(prefix)/share/doc/reftracker
unitdir ?= $(prefix)/lib/systemd/system
CC := $(if $(filter default undefined,$(origin CC)),gcc,$(CC))
PKG_CONFIG ?= pkg-config
comma := ,
BUILD ?= build$(if $(SAN),/$(subst $(comma),-,$(SAN)))
PACKAGES := libdw libelf smartcols jansson libunwind-generic libzstd libxxhash sqlite3

WARNINGS := -Wall -Wextra -Wstrict-prototypes -Wmissing-prototypes -Wshadow -Wswitch-enum \
	-Wvla -Wwrite-strings -Wpointer-arith -Wundef -Wformat=2 -fno-common
CFLAGS ?= $(if $(SAN),-O1,-O2) -g
CFLAGS_ALL := -std=c11 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 $(WARNINGS) \
	$(if $(DEVELOPER),-Werror) $(if $(SAN),-fsanitize=$(SAN) -fno-omit-frame-pointer \
	-fno-sanitize-recover=all) -DREFTRACKER_VERSION='"$(VERSION)"' -Iinclude -pthread \
	$(shell $(PKG_CONFIG) --cflags $(PACKAGES)) $(CPPFLAGS) $(CFLAGS)
LDFLAGS_ALL := -pthread $(if $(SAN),-fsanitize=$(SAN)) $(LDFLAGS)
LIBS := $(shell $(PKG_CONFIG) --libs $(PACKAGES)) -lm
Q := $(if $(V),,@)

LAYERS := base target objfile python heap capture analyze sql report cmd
SOURCES := $(foreach layer,$(LAYERS),$(wildcard src/$(layer)/*.c))
PAGE := $(BUILD)/src/report/page
OBJECTS := $(SOURCES:%.c=$(BUILD)/%.o) $(PAGE).o
LIB_OBJECTS := $(filter-out $(BUILD)/src/cmd/main.o,$(OBJECTS))
HEADERS := $(wildcard include/*/*.h src/*/*.h)
# Those that take longest begin first, so that no processor is left alone at the end.
LONG_UNITS := $(addprefix $(BUILD)/tests/unit/test_,target file heaps sql paths graph)
UNITS := $(LONG_UNITS) $(filter-out $(LONG_UNITS),\
	$(patsubst tests/unit/%.check,$(BUILD)/tests/unit/%,$(wildcard tests/unit/*.check)))
UNIT_LIB := $(patsubst %.c,$(BUILD)/%.o,$(wildcard tests/lib/*.c))
TOOLS := $(patsubst tools/%.c,$(BUILD)/tools/%,$(wildcard tools/*.c))
VICTIM_COMMON := tests/victim/common.c
VICTIMS := $(patsubst tests/victim/%.c,$(BUILD)/tests/victim/%,\
	$(filter-out $(VICTIM_COMMON),$(wildcard tests/victim/*.c)))
TARGETS := $(patsubst tests/targets/%.c,$(BUILD)/tests/targets/%,$(wildcard tests/targets/*.c))

.PHONY: all help faults tools victims check check-unit check-integration check-valgrind check-viewers fuzz fuzzers lint format bench bench-file bench-graph bench-pause install clean
.SECONDARY:

all: $(BUILD)/reftracker ## build the program (default)

help: ## this list
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1\t\2/p' Makefile | expand -t 26

$(BUILD)/reftracker: $(BUILD)/src/cmd/main.o $(BUILD)/libreftracker.a
	@echo "  LD      $@"
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $^ $(LIBS)

$(BUILD)/libreftracker.a: $(LIB_OBJECTS)
	@echo "  AR      $@"
	$(Q)rm -f $@ && ar rcs $@ $^

$(BUILD)/%.o: %.c Makefile VERSION
	@echo "  CC      $<"
	$(Q)mkdir -p $(@D) && $(CC) $(CFLAGS_ALL) $(PRIVATE) -MMD -MP -c -o $@ $<

# The code that is put into a clone: nothing but itself, so no instrumentation either.
GUEST_CFLAGS := -std=c11 $(WARNINGS) $(if $(DEVELOPER),-Werror) -Iinclude -O2 -ffreestanding -fPIC \
	-fno-stack-protector -fcf-protection=none -fno-lto -fno-asynchronous-unwind-tables \
	-fno-unwind-tables -fno-jump-tables -fno-strict-aliasing \
	-fno-tree-vectorize -fno-tree-slp-vectorize # vectors come with constants in memory

$(BUILD)/src/target/%_loop.o: src/target/%_loop.c scripts/check-guest-code Makefile
	@echo "  CC      $<"
	$(Q)mkdir -p $(@D) && $(CC) $(GUEST_CFLAGS) -MMD -MP -MT $@ -MF $(@:.o=.d) -c -o $@.tmp $< && \
		scripts/check-guest-code $@.tmp && mv $@.tmp $@

# The page of the HTML report, as a string.
$(PAGE).c: scripts/embed-page $(wildcard src/report/page/*)
	@echo "  PAGE    $@"
	$(Q)mkdir -p $(@D) && scripts/embed-page src/report/page > $@.tmp && mv $@.tmp $@

$(PAGE).o: $(PAGE).c
	$(Q)$(CC) $(CFLAGS_ALL) -c -o $@ $<

# The test's own files may include private headers of a layer.
$(BUILD)/tests/%.o $(BUILD)/tools/%.o: PRIVATE := -Isrc -Itests/lib

$(BUILD)/tests/unit/%.c: tests/unit/%.check
	$(Q)mkdir -p $(@D) && checkmk clean_mode=1 $< > $@.tmp && mv $@.tmp $@

$(BUILD)/tests/unit/%.o: $(BUILD)/tests/unit/%.c
	@echo "  CC      $<"
	$(Q)$(CC) $(filter-out -Wmissing-prototypes -Wstrict-prototypes -Wwrite-strings -Wformat=2,$(CFLAGS_ALL)) \
		-Isrc -Itests/lib -MMD -MP -c -o $@ $<

# Allocations go through the failing allocator of tests/lib/alloc.c.
WRAP := -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=aligned_alloc,--wrap=mmap64
$(BUILD)/tests/unit/%: $(BUILD)/tests/unit/%.o $(UNIT_LIB) $(BUILD)/libreftracker.a
	@echo "  LD      $@"
	$(Q)$(CC) $(LDFLAGS_ALL) $(WRAP) -o $@ $^ $(shell $(PKG_CONFIG) --libs check) $(LIBS)

$(BUILD)/tools/%: $(BUILD)/tools/%.o $(BUILD)/libreftracker.a
	@echo "  LD      $@"
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $^ $(LIBS)

# Victims are programs of their own: no sanitizer, no library of ours.
$(BUILD)/tests/victim/%: tests/victim/%.c $(VICTIM_COMMON) tests/victim/victim.h
	@echo "  CC      $<"
	$(Q)mkdir -p $(@D) && $(CC) -std=c11 -D_GNU_SOURCE -O2 -Wall -Wextra -pthread -o $@ $< \
		$(VICTIM_COMMON)

$(BUILD)/tests/targets/%: tests/targets/%.c
	@echo "  CC      $<"
	$(Q)mkdir -p $(@D) && $(CC) -std=c11 -D_GNU_SOURCE -O2 -Wall -Wextra -pthread -o $@ $<

# clang's libFuzzer; everything is instrumented, so it is a build of its own.
FUZZERS := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/fuzz/fuzz_*.c)) $(BUILD)/tests/fuzz/seeds \
	$(BUILD)/tests/fuzz/seed_layout $(BUILD)/tests/fuzz/seed_core
FUZZ_TIME ?= 60

fuzzers: $(FUZZERS)

$(BUILD)/tests/fuzz/fuzz_%: $(BUILD)/tests/fuzz/fuzz_%.o $(BUILD)/tests/lib/use_heap.o $(BUILD)/libreftracker.a
	@echo "  LD      $@"
	$(Q)$(CC) $(LDFLAGS_ALL) -fsanitize=fuzzer -o $@ $^ $(LIBS)

$(BUILD)/tests/fuzz/seeds: $(BUILD)/tests/fuzz/seeds.o $(BUILD)/libreftracker.a
	@echo "  LD      $@"
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $^ $(LIBS)

$(BUILD)/tests/fuzz/seed_layout: tests/fuzz/seed_layout.c
	@echo "  CC      $<"
	$(Q)mkdir -p $(@D) && $(CC) -g -gdwarf-4 -O1 -fPIC -shared -nostdlib -Wl,--build-id -o $@ $<

$(BUILD)/tests/fuzz/seed_core: tests/fuzz/seed_core.c tests/lib/tiny_core.c
	@echo "  CC      $<"
	$(Q)$(CC) -Itests/lib -O1 -o $@ $^

fuzz: ## run each fuzzer for FUZZ_TIME seconds (60)
	$(Q)$(MAKE) --no-print-directory CC=clang SAN=address,undefined BUILD=build/fuzz \
		CFLAGS="-O1 -g -fsanitize=fuzzer-no-link" all fuzzers
	$(Q)scripts/fuzz build/fuzz $(FUZZ_TIME)

# For the test that kills the tool at each of its steps: of all sources only those that have such places
# are compiled anew.
FAULT_OBJECTS := $(patsubst %.c,$(BUILD)/faults/%.o,$(shell grep -l '"fault.h"' $(SOURCES)))
FAULT_PROGRAMS := $(BUILD)/faults/reftracker $(BUILD)/faults/tools/capture_repeat

faults: $(FAULT_PROGRAMS)

$(BUILD)/faults/%.o: %.c Makefile VERSION
	@echo "  CC      $< (faults)"
	$(Q)mkdir -p $(@D) && $(CC) $(CFLAGS_ALL) -DREFTRACKER_FAULTS -MMD -MP -c -o $@ $<

$(BUILD)/faults/reftracker: $(BUILD)/src/cmd/main.o
$(BUILD)/faults/tools/capture_repeat: $(BUILD)/tools/capture_repeat.o
$(FAULT_PROGRAMS): $(FAULT_OBJECTS) $(BUILD)/libreftracker.a
	@echo "  LD      $@"
	$(Q)mkdir -p $(@D) && $(CC) $(LDFLAGS_ALL) -o $@ $(filter %.o,$^) $(filter %.a,$^) $(LIBS)

tools: $(TOOLS) ## the developers' programs (layout_dump, heap_dump)
victims: $(VICTIMS)

check-unit: $(UNITS) ## unit tests (Check)
	$(Q)scripts/run-units $(UNITS)

check-valgrind: $(UNITS) ## unit tests under valgrind
	$(Q)scripts/run-units --valgrind $(UNITS)

check-integration: all tools victims faults ## tests on real interpreters
	$(Q)python3 tests/integration/run.py --build $(BUILD)

check: check-unit check-integration ## all tests

lint: ## layers, headers, format, generated files, tokens
	$(Q)scripts/lint

format: ## re-format all sources
	$(Q)clang-format -i $(filter-out %.inc,$(SOURCES) $(HEADERS) $(wildcard tools/*.c tests/*/*.[ch]))

bench: all tools bench-pause bench-graph bench-file ## measure against in-process figures and the bulk-copy floor
	$(Q)scripts/bench --build $(BUILD)

bench-file: all tools ## measure snapshot files of five million tracked objects
	$(Q)scripts/bench-file --build $(BUILD)

bench-graph: all tools ## measure snapshots of 1 and 5 million objects beside tools from PyPI
	$(Q)scripts/bench-graph --build $(BUILD)

bench-pause: all tools $(TARGETS) ## measure pauses and stalls against a bare fork()
	$(Q)scripts/bench-pause --build $(BUILD)

# Those of contrib/ that name the program know where it is; made anew, because that may change.
CONTRIB := $(BUILD)/contrib/crontab $(BUILD)/contrib/reftracker-snapshot@.service
.PHONY: FORCE
$(CONTRIB): $(BUILD)/contrib/%: contrib/%.in FORCE
	$(Q)mkdir -p $(@D) && sed 's|@bindir@|$(bindir)|g' $< > $@

check-viewers: all ## exports read by DevTools, memlab, graphviz and Chromium (needs npm)
	$(Q)scripts/check-viewers --build $(BUILD)

install: all $(CONTRIB) ## install program, man pages, systemd units, crontab line (DESTDIR, prefix)
	install -D -m 755 $(BUILD)/reftracker $(DESTDIR)$(bindir)/reftracker
	install -D -m 644 man/reftracker.1 $(DESTDIR)$(mandir)/man1/reftracker.1
	install -D -m 644 man/reftracker-snapshot.5 $(DESTDIR)$(mandir)/man5/reftracker-snapshot.5
	install -D -m 644 $(BUILD)/contrib/crontab $(DESTDIR)$(docdir)/crontab
	install -D -m 644 $(BUILD)/contrib/reftracker-snapshot@.service \
		$(DESTDIR)$(unitdir)/reftracker-snapshot@.service
	install -D -m 644 contrib/reftracker-snapshot@.timer \
		$(DESTDIR)$(unitdir)/reftracker-snapshot@.timer

clean: ## remove what was built
	rm -rf build

-include $(OBJECTS:.o=.d) $(UNITS:=.d) $(UNIT_LIB:.o=.d) $(TOOLS:=.d) $(FAULT_OBJECTS:.o=.d)
