# reftracker: make help says what there is.
# Out-of-tree: everything made lies below $(BUILD). Knobs: CC=clang, SAN=address,undefined,
# DEVELOPER=1 (warnings are errors), V=1, BUILD=dir, DESTDIR and prefix for install.

VERSION := $(shell cat VERSION)
prefix ?= /usr/local
bindir ?= $(prefix)/bin
mandir ?= $(prefix)/share/man
CC := $(if $(filter default undefined,$(origin CC)),gcc,$(CC))
PKG_CONFIG ?= pkg-config
comma := ,
BUILD ?= build$(if $(SAN),/$(subst $(comma),-,$(SAN)))
PACKAGES := libdw libelf smartcols jansson

WARNINGS := -Wall -Wextra -Wstrict-prototypes -Wmissing-prototypes -Wshadow -Wswitch-enum \
	-Wvla -Wwrite-strings -Wpointer-arith -Wundef -Wformat=2 -fno-common
CFLAGS ?= -O2 -g
CFLAGS_ALL := -std=c11 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 $(WARNINGS) \
	$(if $(DEVELOPER),-Werror) $(if $(SAN),-fsanitize=$(SAN) -fno-omit-frame-pointer \
	-fno-sanitize-recover=all) -DREFTRACKER_VERSION='"$(VERSION)"' -Iinclude -pthread \
	$(shell $(PKG_CONFIG) --cflags $(PACKAGES)) $(CPPFLAGS) $(CFLAGS)
LDFLAGS_ALL := -pthread $(if $(SAN),-fsanitize=$(SAN)) $(LDFLAGS)
LIBS := $(shell $(PKG_CONFIG) --libs $(PACKAGES)) -lm
Q := $(if $(V),,@)

LAYERS := base target objfile python heap capture analyze report cmd
SOURCES := $(foreach layer,$(LAYERS),$(wildcard src/$(layer)/*.c))
OBJECTS := $(SOURCES:%.c=$(BUILD)/%.o)
LIB_OBJECTS := $(filter-out $(BUILD)/src/cmd/main.o,$(OBJECTS))
HEADERS := $(wildcard include/*/*.h src/*/*.h)
UNITS := $(patsubst tests/unit/%.check,$(BUILD)/tests/unit/%,$(wildcard tests/unit/*.check))
UNIT_LIB := $(patsubst %.c,$(BUILD)/%.o,$(wildcard tests/lib/*.c))
TOOLS := $(patsubst tools/%.c,$(BUILD)/tools/%,$(wildcard tools/*.c))
VICTIMS := $(patsubst tests/victim/%.c,$(BUILD)/tests/victim/%,$(wildcard tests/victim/*.c))

.PHONY: all help check check-unit check-integration check-valgrind lint format bench install clean
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
	$(Q)mkdir -p $(@D) && $(CC) $(CFLAGS_ALL) -MMD -MP -c -o $@ $<

# The test's own files may include private headers of a layer.
$(BUILD)/tests/%.o $(BUILD)/tools/%.o: CPPFLAGS += -Isrc -Itests/lib

$(BUILD)/tests/unit/%.c: tests/unit/%.check
	$(Q)mkdir -p $(@D) && checkmk clean_mode=1 $< > $@.tmp && mv $@.tmp $@

$(BUILD)/tests/unit/%.o: $(BUILD)/tests/unit/%.c
	@echo "  CC      $<"
	$(Q)$(CC) $(filter-out -Wmissing-prototypes -Wstrict-prototypes -Wwrite-strings -Wformat=2,$(CFLAGS_ALL)) \
		-Isrc -Itests/lib -MMD -MP -c -o $@ $<

# Allocations go through the failing allocator of tests/lib/alloc.c.
WRAP := -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc
$(BUILD)/tests/unit/%: $(BUILD)/tests/unit/%.o $(UNIT_LIB) $(BUILD)/libreftracker.a
	@echo "  LD      $@"
	$(Q)$(CC) $(LDFLAGS_ALL) $(WRAP) -o $@ $^ $(shell $(PKG_CONFIG) --libs check) $(LIBS)

$(BUILD)/tools/%: $(BUILD)/tools/%.o $(BUILD)/libreftracker.a
	@echo "  LD      $@"
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $^ $(LIBS)

# Victims are programs of their own: no sanitizer, no library of ours.
$(BUILD)/tests/victim/%: tests/victim/%.c
	@echo "  CC      $<"
	$(Q)mkdir -p $(@D) && $(CC) -std=c11 -D_GNU_SOURCE -O2 -Wall -Wextra -pthread -o $@ $<

tools: $(TOOLS) ## the developers' programs (layout_dump, heap_dump)
victims: $(VICTIMS)

check-unit: $(UNITS) ## unit tests (Check)
	$(Q)scripts/run-units $(UNITS)

check-valgrind: $(UNITS) ## unit tests under valgrind
	$(Q)scripts/run-units --valgrind $(UNITS)

check-integration: all tools victims ## tests on real interpreters
	$(Q)python3 tests/integration/run.py --build $(BUILD)

check: check-unit check-integration ## all tests

lint: ## layers, headers, format, generated files, tokens
	$(Q)scripts/lint

format: ## re-format all sources
	$(Q)clang-format -i $(filter-out %.inc,$(SOURCES) $(HEADERS) $(wildcard tools/*.c tests/*/*.[ch]))

bench: all tools ## measure against in-process figures and the bulk-copy floor
	$(Q)scripts/bench --build $(BUILD)

install: all ## install program and man page (DESTDIR, prefix)
	install -D -m 755 $(BUILD)/reftracker $(DESTDIR)$(bindir)/reftracker
	install -D -m 644 man/reftracker.1 $(DESTDIR)$(mandir)/man1/reftracker.1

clean: ## remove what was built
	rm -rf build

-include $(OBJECTS:.o=.d) $(UNITS:=.d) $(UNIT_LIB:.o=.d) $(TOOLS:=.d)
