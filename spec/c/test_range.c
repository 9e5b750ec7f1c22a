/*
** test_range.c -- Range headers, sealed tokens, names of files
*/
#include <stdlib.h>

#include "../../src/server/files.h"
#include "../../src/server/range.h"
#include "../../src/server/seal.h"
#include "test.h"

static const struct {
  const char *text; uint64_t size; serve_range what; uint64_t from, n;
} ranges[] = {
  {"bytes=0-7", 16, RANGE_ONE, 0, 8},
  {"bytes=8-8", 16, RANGE_ONE, 8, 1},
  {"bytes=10-", 16, RANGE_ONE, 10, 6},
  {"bytes=-5", 16, RANGE_ONE, 11, 5},
  {"bytes=-99", 16, RANGE_ONE, 0, 16},
  {"bytes=3-99", 16, RANGE_ONE, 3, 13},
  {"bytes=16-", 16, RANGE_BAD, 0, 0},
  {"bytes=-0", 16, RANGE_BAD, 0, 0},
  {"bytes=0-", 0, RANGE_BAD, 0, 0},
  {"bytes=-1", 0, RANGE_BAD, 0, 0},
  {NULL, 16, RANGE_NONE, 0, 0},
  {"", 16, RANGE_NONE, 0, 0},
  {"bytes=", 16, RANGE_NONE, 0, 0},
  {"bytes=-", 16, RANGE_NONE, 0, 0},
  {"bytes=5-2", 16, RANGE_NONE, 0, 0},
  {"bytes=0-1,3-4", 16, RANGE_NONE, 0, 0},
  {"bytes=0-1x", 16, RANGE_NONE, 0, 0},
  {"items=0-1", 16, RANGE_NONE, 0, 0},
  {"bytes=9999999999999999999999-", 16, RANGE_NONE, 0, 0},
};


static void test_ranges (void) {
  size_t i;
  for (i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
    uint64_t from = 0, n = 0;
    const char *what = ranges[i].text != NULL ? ranges[i].text : "(none)";
    CHECK(what, serve_read_range(ranges[i].text, ranges[i].size, &from, &n)
                == ranges[i].what);
    if (ranges[i].what == RANGE_ONE)
      CHECK(what, from == ranges[i].from && n == ranges[i].n);
  }
}


static void test_seals (void) {
  unsigned char secret[SEAL_SECRET], other[SEAL_SECRET];
  fal_buf b, claims;
  size_t i;
  memset(secret, 7, sizeof(secret));
  memset(other, 8, sizeof(other));
  fal_buf_init(&b, SEAL_MAX);
  CHECK("seal", serve_seal_make(secret, "put", "an \"owner\"", 60, "\"x\":1", &b)
        == FAL_OK);
  CHECK("seal", serve_seal_open(secret, "put", b.s, b.n, &claims));
  CHECK("claims", memmem(claims.s, claims.n, "\"x\":1", 5) != NULL);
  fal_buf_free(&claims);
  CHECK("bad seal", !serve_seal_open(secret, "cdn", b.s, b.n, NULL));
  CHECK("bad seal", !serve_seal_open(other, "put", b.s, b.n, NULL));
  for (i = 0; i < b.n; i++) {
    b.s[i] ^= 1;  /* not one character may be another */
    CHECK("bad seal", !serve_seal_open(secret, "put", b.s, b.n, NULL));
    b.s[i] ^= 1;
    CHECK("bad seal", !serve_seal_open(secret, "put", b.s, i, NULL));
  }
  b.n = 0;
  CHECK("seal", serve_seal_make(secret, "put", "", -1, NULL, &b) == FAL_OK);
  CHECK("bad seal", !serve_seal_open(secret, "put", b.s, b.n, NULL));  /* it is over */
  fal_buf_free(&b);
}


static const struct { const char *json; int good; double lasts; int access; }
cycles[] = {
  {NULL, 1, 0, FILES_ALLOW},
  {"{}", 1, 0, FILES_ALLOW},
  {"{\"expiration_duration_seconds\":60}", 1, 60, FILES_ALLOW},
  {"{\"expiration_duration_seconds\":null}", 1, 0, FILES_ALLOW},
  {"{\"expiration_duration_seconds\":1e99}", 1, 0, FILES_ALLOW},
  {"{\"initial_acl\":{\"default\":\"forbid\",\"rules\":[]}}", 1, 0,
   FILES_FORBID},
  {"{\"initial_acl\":{\"default\":\"hide\"}}", 1, 0, FILES_HIDE},
  {"{\"initial_acl\":{\"default\":7}}", 0, 0, 0},
  {"{\"initial_acl\":{\"default\":\"none\"}}", 0, 0, 0},
  {"{\"expiration_duration_seconds\":-1}", 0, 0, 0},
  {"{\"expiration_duration_seconds\":\"1h\"}", 0, 0, 0},
  {"nonsense", 0, 0, 0},
};


static void test_lifecycles (void) {
  size_t i;
  for (i = 0; i < sizeof(cycles) / sizeof(cycles[0]); i++) {
    files_meta m;
    memset(&m, 0, sizeof(m));
    CHECK(cycles[i].json != NULL ? cycles[i].json : "(none)",
          files_lifecycle(cycles[i].json, &m) == cycles[i].good);
    if (cycles[i].good)
      CHECK("lifecycle", m.lasts == cycles[i].lasts && (int)m.access == cycles[i].access);
  }
}


int main (void) {
  test_ranges();
  test_seals();
  test_lifecycles();
  return TEST_END("range");
}
