# make                   the module for $(LUA), and falua
# make LUA=luajit        the module for another Lua (a pkg-config name)
# make hero              installs what is missing, builds, paints three heroes
# make test              installs what is missing, builds, runs every test
# make check             the same tests without installing anything
# make gates             both compilers with -Werror, ASan+UBSan, Valgrind,
#                        the collector at its most aggressive, luacheck, fuzz
# make bench             measures against raw libcurl and the official client
# make install           to $(DESTDIR)$(PREFIX)
#
# V=1 shows the commands.

LUA      ?= lua5.4
LUAS      = lua5.4 luajit lua5.1
B        ?= build
PREFIX   ?= /usr/local
CFLAGS   ?= -O2 -g
FUZZTIME ?= 20

WARN    = -Wall -Wextra -Wshadow -Wundef -Wstrict-prototypes \
          -Wmissing-prototypes $(WERROR)
BASE    = -std=c99 -D_GNU_SOURCE -fPIC -fvisibility=hidden \
          -ffp-contract=off $(WARN) $(CFLAGS)
PKG    := pkg-config
# Debian's libwslay has no .pc file; msgpack-c's name depends on its version.
NOPC   := $(shell $(PKG) --exists libwslay || echo libwslay)
MSGPACK := $(shell $(PKG) --exists msgpack-c && echo msgpack-c || echo msgpack)
cflags  = $(shell $(PKG) --cflags $(filter-out $(NOPC),$(1)))
libs    = $(shell $(PKG) --libs $(filter-out $(NOPC),$(1))) \
          $(patsubst lib%,-l%,$(filter $(NOPC),$(1)))
LUACFLAGS ?= $(call cflags,$(LUA))

VERSION := $(shell sed -n 's/^\#define FAL_VERSION *"\(.*\)"/\1/p' src/core/fal.h)

Q     := $(if $(V),,@)
SILENT = $(findstring s,$(firstword -$(MAKEFLAGS)))
say    = $(if $(V)$(SILENT),,@printf '  %-5s %s\n' $(1) $(2))

CORE    = $(patsubst src/%.c,$B/%.o,$(wildcard src/core/*.c src/image/*.c))
PAINT   = $(patsubst src/%.c,$B/%.o,$(wildcard src/paint/*.c))
BINDING = $(patsubst src/binding/%.c,$B/$(LUA)/binding/%.o,$(wildcard src/binding/*.c))
LUASRC  = $(sort $(wildcard lua/fal/*.lua))
MODULE  = $B/$(LUA)/fal.so
MODLIBS = libcurl libpng zlib libdeflate libcrypto libwslay $(MSGPACK)

# The host is built on Lua 5.4 whatever $(LUA) is.
HOSTLUA = lua5.4
SERVER  = $(patsubst src/%.c,$B/%.o,$(wildcard src/server/*.c))
HOST    = $(patsubst src/%.c,$B/%.o,$(wildcard src/host/*.c)) \
          $(patsubst src/binding/%.c,$B/$(HOSTLUA)/binding/%.o,$(wildcard src/binding/*.c))
HOSTSRC = $(sort $(wildcard lua/falua/*.lua lua/falua/*/*.lua lua/falua/*/*/*.lua))
SERVELIBS = libmicrohttpd sqlite3
PAINTLIBS = libjpeg
HOSTLIBS = $(MODLIBS) $(PAINTLIBS) $(SERVELIBS) libedit

all: $(MODULE) $B/falua

.PHONY: all hero test check gates bench install clean module
module: $(MODULE)

# ---- objects: the core is compiled without Lua's headers in reach ----

$B/core/%.o: ALL = $(BASE) $(call cflags,$(MODLIBS))
# gcc makes vectors of loops over pixels from -O3 on.
$B/image/%.o: ALL = $(subst -O2,-O3,$(BASE)) $(call cflags,$(MODLIBS))
# Painting is loops over rows: -O3 lets gcc do several pixels at once. The other
# two change no result, they only say that nobody asks for errno or traps.
$B/paint/%.o: ALL = $(BASE) $(patsubst -O2,-O3,$(filter -O2,$(CFLAGS))) \
  -fno-math-errno -fno-trapping-math $(NOPRE) $(call cflags,$(PAINTLIBS))
# gcc's pass PRE makes branches of a clamp that is followed by a floor, and loops
# with branches are no vectors. It changes no result either.
NOPRE := $(shell $(CC) -Werror -fno-tree-pre -x c -fsyntax-only /dev/null \
           2>/dev/null && echo -fno-tree-pre)
$B/$(LUA)/%.o: ALL = $(BASE) $(LUACFLAGS) $(call cflags,$(MODLIBS))
$B/$(HOSTLUA)/%.o $B/host/%.o $B/server/%.o: \
  ALL = $(BASE) $(call cflags,$(HOSTLUA) $(HOSTLIBS))

$B/%.o: src/%.c
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(ALL) -MMD -MP -c -o $@ $<

$B/$(LUA)/binding/%.o: src/binding/%.c
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(ALL) -MMD -MP -c -o $@ $<

ifneq ($(LUA),$(HOSTLUA))
$B/$(HOSTLUA)/binding/%.o: src/binding/%.c
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(ALL) -MMD -MP -c -o $@ $<
endif

# ---- Lua parts, compiled in as text ----

$B/embed: tools/embed.c
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) -O1 -o $@ $<

$B/lua_fal.c: $B/embed $(LUASRC)
	$(Q)$B/embed lfal_sources lua/ $(LUASRC) > $@.tmp && mv $@.tmp $@

ARGPARSE = $(shell $(HOSTLUA) -e 'print(assert(package.searchpath("argparse", package.path)))')
$B/lua_falua.c: $B/embed $(HOSTSRC)
	$(Q)$B/embed falua_sources lua/ $(HOSTSRC) $(ARGPARSE) > $@.tmp && mv $@.tmp $@

$B/lua_%.o: $B/lua_%.c
	$(Q)$(CC) $(BASE) -Isrc/binding -c -o $@ $<

# ---- what is built ----

# libfal: the core and pictures, for C programs too (examples/c).
$B/libfal.a: $(CORE)
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$B/libpaint.a: $(PAINT)
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$B/libserve.a: $(SERVER)
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

# -z nodelete: libcurl's and OpenSSL's exit handlers must outlive a dlclose.
ifeq ($(shell uname),Darwin)
SHARED = -bundle -undefined dynamic_lookup
EXPORT =
else
SHARED = -shared -Wl,-z,nodelete
EXPORT = -Wl,-E
endif

$(MODULE): $(BINDING) $B/lua_fal.o $B/libfal.a
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$(Q)$(CC) $(SHARED) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(call libs,$(MODLIBS)) -lpthread -lm

LIBLUA = $(firstword $(wildcard $(shell $(PKG) --variable=libdir $(HOSTLUA))/lib$(HOSTLUA).a \
           /usr/lib/*/lib$(HOSTLUA).a) $(call libs,$(HOSTLUA)))
$B/falua: $(HOST) $B/lua_fal.o $B/lua_falua.o $B/libserve.a $B/libpaint.a $B/libfal.a
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $(EXPORT) -o $@ $^ $(LIBLUA) \
	  $(call libs,$(HOSTLIBS)) -lpthread -lm -ldl

$B/frames: examples/c/frames.c $B/libfal.a
	$(Q)$(CC) $(BASE) $(LDFLAGS) -o $@ $^ $(call libs,$(MODLIBS)) -lpthread -lm

-include $(shell find $B -name '*.d' 2>/dev/null)

# ---- tests ----

include tools/check.mk

hero:
	@tools/deps build
	@$(MAKE) --no-print-directory $B/falua
	@mkdir -p $B/hero && cp examples/posts/*.md $B/hero/
	$B/falua --local examples/blog_hero.lua $B/hero/*.md

bench:
	@tools/deps build test bench
	@$(MAKE) --no-print-directory all
	@$(MAKE) --no-print-directory module LUA=luajit
	B=$B bench/run

test:
	@tools/deps build test
	@$(MAKE) --no-print-directory packages
	@$(MAKE) --no-print-directory check

SHARE = $(DESTDIR)$(PREFIX)/share
install: all
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/lib/lua/5.4
	install -m 755 $B/falua $(DESTDIR)$(PREFIX)/bin/falua
	install -m 755 $B/$(HOSTLUA)/fal.so $(DESTDIR)$(PREFIX)/lib/lua/5.4/fal.so
	$(HOSTLUA) tools/man.lua $B/falua > $B/falua.1
	install -d $(SHARE)/man/man1 $(SHARE)/bash-completion/completions \
	  $(SHARE)/zsh/site-functions $(SHARE)/fish/vendor_completions.d
	install -m 644 $B/falua.1 $(SHARE)/man/man1/falua.1
	$B/falua completion bash > $(SHARE)/bash-completion/completions/falua
	$B/falua completion zsh > $(SHARE)/zsh/site-functions/_falua
	$B/falua completion fish > $(SHARE)/fish/vendor_completions.d/falua.fish

clean:
	rm -rf $B
