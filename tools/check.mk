# check.mk -- tests and gates, included by the Makefile

BUSTED  = /usr/bin/busted
NODE    = build/node/node_modules
SPECENV = FALUA=$B/falua FAULTD_LUA=lua5.4 NODE_MODULES=$(NODE) LUA_PATH="./?.lua;;"
CTESTS  = $(patsubst spec/c/%.c,$B/spec/%,$(wildcard spec/c/test_*.c))
PLAIN   = $B/libserve.a $B/libpaint.a $B/libfal.a
FUZZERS = $(patsubst spec/fuzz/fuzz_%.c,%,$(wildcard spec/fuzz/fuzz_*.c))

$B/spec/%: spec/c/%.c spec/c/test.h $(PLAIN)
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(BASE) $(call cflags,$(MODLIBS)) $(LDFLAGS) -o $@ $< $(PLAIN) \
	  $(call libs,$(MODLIBS) $(PAINTLIBS) $(SERVELIBS)) -lpthread -lm

.SECONDARY:

# What the specs talk to and nobody here wrote.
PACKAGES = ws@8.18.3 @msgpack/msgpack@3.1.2 @fal-ai/server-proxy@1.2.1 @fal-ai/client@1.10.1 express@4.22.3
$(NODE)/.package-lock.json: tools/check.mk
	$(call say,NPM,"$(PACKAGES)")
	$(Q)mkdir -p $(@D) && npm install --prefix $(dir $(NODE)) --no-audit --no-fund --loglevel=error \
	  $(PACKAGES) >/dev/null && touch $@
packages: $(NODE)/.package-lock.json

.PHONY: packages build-all ctest spec interop specs luacheck
build-all: all $(CTESTS) $B/frames
	@for lua in $(LUAS); do \
	  $(MAKE) --no-print-directory module LUA=$$lua || exit 1; done

ctest: $(CTESTS)
	@for t in $(CTESTS); do $(RUN) $$t || exit 1; done

# The specs under one Lua, against modules and host already built, the big ones
# first. INTERP is what runs them: the Lua itself, or falua, which has module and
# Lua in one.
INTERP  = $(LUA)
spec:
	@echo "== specs under $(LUA) $(NOTE)"
	@$(SPECENV) LUA_CPATH="$B/$(LUA)/?.so;;" \
	  tools/specs $(INTERP) $(BUSTED) $(BUSTEDFLAGS) -- $$(ls -S spec/*_spec.lua)

interop:
	@echo "== real hosts"
	@$(SPECENV) LUA_CPATH="$B/lua5.4/?.so;;" \
	  tools/specs lua5.4 $(BUSTED) -- $$(ls -S spec/interop/*_spec.lua)

check: build-all
	@$(MAKE) --no-print-directory ctest
	@for lua in $(LUAS); do \
	  $(MAKE) --no-print-directory spec LUA=$$lua || exit 1; done
	@$(MAKE) --no-print-directory interop

# ---- gates ----

.PHONY: gate-warnings gate-asan gate-poll gate-gc gate-valgrind gate-fuzz

gates: luacheck gate-warnings gate-valgrind gate-poll gate-gc gate-asan gate-fuzz

luacheck:
	luacheck -q .

gate-warnings:
	@for cc in gcc clang; do for lua in $(LUAS); do \
	  echo "== $$cc, $$lua, warnings are errors"; \
	  $(MAKE) --no-print-directory -s module LUA=$$lua CC=$$cc B=build/$$cc WERROR=-Werror || exit 1; \
	  done; \
	  $(MAKE) --no-print-directory -s build/$$cc/falua CC=$$cc B=build/$$cc WERROR=-Werror || exit 1; \
	done

gate-valgrind: $(CTESTS)
	@echo "== C tests under Valgrind"
	@$(MAKE) --no-print-directory ctest \
	  RUN="valgrind -q --error-exitcode=9 --leak-check=full --errors-for-leak-kinds=definite,indirect"

gate-poll: build-all
	@FAL_POLLSET=poll $(MAKE) --no-print-directory spec NOTE="with poll()"

gate-gc: build-all
	@$(MAKE) --no-print-directory spec NOTE="collecting all the time" \
	  BUSTEDFLAGS="--helper=spec/support/gc.lua"

SAN = -fsanitize=address,undefined -fno-sanitize-recover=undefined
gate-asan:
	@echo "== ASan and UBSan"
	@$(MAKE) --no-print-directory -s all build/asan/frames $(patsubst $B/%,build/asan/%,$(CTESTS)) \
	  B=build/asan CC=gcc CFLAGS="-O1 -g -fno-omit-frame-pointer $(SAN)" LDFLAGS="$(SAN)"
	@$(MAKE) --no-print-directory ctest B=build/asan CC=gcc \
	  CFLAGS="-O1 -g -fno-omit-frame-pointer $(SAN)" LDFLAGS="$(SAN)"
	@$(MAKE) --no-print-directory spec B=build/asan INTERP="env SPEC_LUA=build/asan/falua build/asan/falua" \
	  NOTE="(falua) under ASan and UBSan"

gate-fuzz:
	@for f in $(FUZZERS); do $(MAKE) --no-print-directory fuzz-$$f || exit 1; done

fuzz-%: $B/fuzz/%
	@echo "== fuzzing $* for $(FUZZTIME) s"
	@mkdir -p $B/fuzz/corpus/$*
	@ASAN_OPTIONS=allocator_may_return_null=1 $< -max_total_time=$(FUZZTIME) -timeout=10 -rss_limit_mb=2048 \
	  -verbosity=0 -print_final_stats=0 -artifact_prefix=$B/fuzz/ $B/fuzz/corpus/$* spec/fuzz/corpus/$* > $B/fuzz/$*.log 2>&1 \
	  || { tail -40 $B/fuzz/$*.log; exit 1; }

$B/fuzz/%: spec/fuzz/fuzz_%.c $(wildcard src/core/*.c src/core/*.h src/image/*.c src/image/*.h \
  src/server/*.c src/server/*.h) src/paint/jpeg.c
	@mkdir -p $(@D)
	$(call say,FUZZ,$<)
	$(Q)clang -O1 -g -std=c99 -D_GNU_SOURCE -fsanitize=fuzzer,address,undefined \
	  -fno-sanitize-recover=undefined $(call cflags,$(MODLIBS) $(PAINTLIBS)) -o $@ \
	  $< $(wildcard src/core/*.c src/image/*.c) $(call libs,$(MODLIBS) $(PAINTLIBS)) -lm
