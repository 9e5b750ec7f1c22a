/*
** test_keys.c -- files of keys: what is taken, and what is said of the rest
*/
#include <stdlib.h>

#include "../../src/core/buf.h"
#include "../../src/server/keys.h"
#include "test.h"

static const struct { const char *text; int tenants, keys; } good[] = {
  {"", 0, 0},
  {"# nothing\n   \n\t# more\n", 0, 0},
  {"ann id:secret", 1, 1},
  {"ann id:secret # a note\r\nbob id:other\r\n", 2, 2},
  {"ann id:a\nann id:b\nann id:c", 1, 3},
  {"a.b-c_9 id:with:colons rate=10/s concurrency=4 images=1000/day", 1, 1},
  {"ann sha256:9F86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a"
   "08", 1, 1},
};

static const struct { const char *text, *why; } bad[] = {
  {"ann", "line 1 of the keys: there is no key"},
  {"\n\nann :", "line 3 of the keys: there is no key"},
  {"ann sha256:zz", "line 1 of the keys: there is no key"},
  {"\xC3\xA4 id:a", "line 1 of the keys: that is no name"},
  {"ann id:a rate", "line 1 of the keys: that is no limit"},
  {"ann id:a rate=1/fortnight", "line 1 of the keys: that is no limit"},
  {"ann id:a rate=-1/s", "line 1 of the keys: that is no limit"},
  {"ann id:a rate=1e9/s", "line 1 of the keys: that is no limit"},
  {"ann id:a concurrency=0.5", "line 1 of the keys: that is no limit"},
  {"ann id:a concurrency=3/s", "line 1 of the keys: that is no limit"},
  {"ann id:a images=3", "line 1 of the keys: that is no limit"},
  {"ann id:a\nbob id:a", "line 2 of the keys: this key is there already"},
};


static void test_files (void) {
  keys_file f;
  fal_error err;
  size_t i;
  for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
    CHECK(good[i].text, keys_parse(good[i].text, strlen(good[i].text), &f,
                                   &err) == FAL_OK);
    CHECK(good[i].text, f.ntenants == good[i].tenants &&
                        f.nkeys == good[i].keys);
    keys_file_free(&f);
  }
  for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
    CHECK(bad[i].text, keys_parse(bad[i].text, strlen(bad[i].text), &f, &err)
                       == FAL_EVALIDATION);
    CHECK_TEXT(bad[i].text, err.message, strlen(err.message), bad[i].why);
    keys_file_free(&f);
  }
}


static void test_limits (void) {
  static const char text[] = "ann id:test rate=90/min concurrency=4 "
                             "images=1000/day";
  unsigned char digest[KEYS_DIGEST];
  keys_file f;
  CHECK("limits", keys_parse(text, sizeof(text) - 1, &f, NULL) == FAL_OK);
  CHECK("rate", f.tenants[0].rate == 1.5 && f.tenants[0].burst == 90);
  CHECK("others", f.tenants[0].concurrency == 4 &&
                  f.tenants[0].images == 1000);
  keys_digest("id:test", 7, digest);
  CHECK("digest", memcmp(f.keys[0].digest, digest, KEYS_DIGEST) == 0);
  keys_file_free(&f);
}


static void test_many (void) {
  fal_buf b;
  keys_file f;
  fal_error err;
  int i;
  fal_buf_init(&b, 1u << 20);
  for (i = 0; i < KEYS_MAX; i++)
    fal_buf_addf(&b, "t%d id:%d\n", i / 2, i);
  CHECK("many", keys_parse(b.s, b.n, &f, &err) == FAL_OK &&
                f.nkeys == KEYS_MAX && f.ntenants == KEYS_MAX / 2);
  CHECK("the last", f.keys[KEYS_MAX - 1].tenant == KEYS_MAX / 2 - 1);
  keys_file_free(&f);
  fal_buf_addstr(&b, "more id:more\n");
  CHECK("too many", keys_parse(b.s, b.n, &f, &err) == FAL_EVALIDATION);
  keys_file_free(&f);
  fal_buf_free(&b);
}


int main (void) {
  test_files();
  test_limits();
  test_many();
  return TEST_END("keys");
}
