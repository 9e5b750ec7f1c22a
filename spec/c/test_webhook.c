/*
** test_webhook.c -- verifying deliveries, reading keys
*/
#include <stdlib.h>

#include <openssl/evp.h>

#include "../../src/core/base64.h"
#include "../../src/core/buf.h"
#include "../../src/core/digest.h"
#include "../../src/core/webhook.h"
#include "test.h"

#define NOW  1700000000.0
#define BODY "{\"request_id\":\"r-1\",\"status\":\"OK\",\"payload\":{}}"

/* A key pair and one delivery signed with it; tests change what they like. */
static EVP_PKEY *pair;
static fal_webhook_keys keys;


static EVP_PKEY *new_pair (void) {
  EVP_PKEY *p = NULL;
  EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_id(EVP_PKEY_ED25519, NULL);
  CHECK("a key", EVP_PKEY_keygen_init(ctx) == 1 &&
                 EVP_PKEY_keygen(ctx, &p) == 1);
  EVP_PKEY_CTX_free(ctx);
  return p;
}


static void add_public (fal_webhook_keys *to, EVP_PKEY *p) {
  unsigned char x[FAL_WEBHOOK_KEY];
  size_t n = sizeof(x);
  CHECK("its public half", EVP_PKEY_get_raw_public_key(p, x, &n) == 1);
  CHECK("added", fal_webhook_add_key(to, x, NULL) == FAL_OK);
}


static void put_hex (char *hex, const unsigned char *s, size_t n) {
  size_t i;
  for (i = 0; i < n; i++)
    sprintf(hex + 2 * i, "%02x", s[i]);
}


/* Signs any bytes: 128 characters of hex. */
static void sign_bytes (EVP_PKEY *p, const char *s, size_t n, char *hex) {
  unsigned char signature[64];
  size_t len = sizeof(signature);
  EVP_MD_CTX *ctx = EVP_MD_CTX_new();
  CHECK("signed", EVP_DigestSignInit(ctx, NULL, NULL, NULL, p) == 1 &&
                  EVP_DigestSign(ctx, signature, &len,
                                 (const unsigned char *)s, n) == 1);
  EVP_MD_CTX_free(ctx);
  put_hex(hex, signature, sizeof(signature));
}


/* The four lines, written as the protocol says and not as webhook.c does. */
static void sign (EVP_PKEY *p, const char *request, const char *user,
                  const char *timestamp, const char *body, char *hex) {
  char message[1024], sha[FAL_DIGEST_HEX];
  int n;
  fal_digest("sha256", body, strlen(body), sha);
  n = snprintf(message, sizeof(message), "%s\n%s\n%s\n%s", request, user,
               timestamp, sha);
  sign_bytes(p, message, (size_t)n, hex);
}


static fal_webhook_text text (const char *s) {
  fal_webhook_text t;
  t.s = s;
  t.n = s != NULL ? strlen(s) : 0;
  return t;
}


static fal_webhook delivery (const char *request, const char *user,
                             const char *timestamp, const char *signature,
                             const char *body) {
  fal_webhook w;
  w.request_id = text(request);
  w.user_id = text(user);
  w.timestamp = text(timestamp);
  w.signature = text(signature);
  w.body = body;
  w.body_n = strlen(body);
  return w;
}


/* Expects one answer, and that its words fit it. */
static void expect (const char *what, const fal_webhook *w,
                    const fal_webhook_keys *with, double now,
                    fal_webhook_why why, const char *type) {
  fal_error err;
  memset(&err, 0, sizeof(err));
  CHECK(what, fal_webhook_verify(w, with, now, FAL_WEBHOOK_TOLERANCE, &err) ==
              why);
  CHECK(what, fal_webhook_verify(w, with, now, FAL_WEBHOOK_TOLERANCE, NULL) ==
              why);
  CHECK_TEXT(what, err.type, strlen(err.type), type);
  CHECK(what, err.code == (why == FAL_WEBHOOK_OK ? FAL_OK : FAL_EAUTH));
  CHECK(what, (why == FAL_WEBHOOK_OK) == (err.message[0] == '\0'));
}


/* RFC 8032, 7.1: secret, public, message, signature. */
static const struct { const char *secret, *public_, *message, *signature; }
vectors[] = {
  {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
   "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
   "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
   "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"},
  {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
   "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "\x72",
   "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
   "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"},
  {"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
   "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
   "\xaf\x82",
   "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
   "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"},
};


static void from_hex (unsigned char *to, const char *hex) {
  unsigned v;
  for (; hex[0] != '\0'; hex += 2) {
    sscanf(hex, "%2x", &v);
    *to++ = (unsigned char)v;
  }
}


/* The signer of these tests makes the RFC's signatures with the RFC's keys,
** and deliveries signed with those keys pass with the RFC's public halves. */
static void rfc_8032 (void) {
  size_t i;
  for (i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
    unsigned char secret[32], public_[32];
    char hex[129];
    fal_webhook_keys rfc;
    fal_webhook w;
    EVP_PKEY *p;
    memset(&rfc, 0, sizeof(rfc));
    from_hex(secret, vectors[i].secret);
    from_hex(public_, vectors[i].public_);
    p = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, secret, 32);
    sign_bytes(p, vectors[i].message, strlen(vectors[i].message), hex);
    CHECK_TEXT("the RFC's signature", hex, 128, vectors[i].signature);
    fal_webhook_add_key(&rfc, public_, NULL);
    sign(p, "r-1", "u-1", "1700000000", BODY, hex);
    w = delivery("r-1", "u-1", "1700000000", hex, BODY);
    expect("the RFC's keys", &w, &rfc, NOW, FAL_WEBHOOK_OK, "");
    w.signature = text(vectors[i].signature);
    expect("a signature of something else", &w, &rfc, NOW,
           FAL_WEBHOOK_NO_MATCH, "webhook_no_match");
    EVP_PKEY_free(p);
  }
}


/* An untouched delivery passes; changed in one place, it does not. */
static void wrong_by_one (void) {
  char hex[129], other[129], body[sizeof(BODY)];
  size_t i;
  fal_webhook good, w;
  sign(pair, "r-1", "u-1", "1700000000", BODY, hex);
  w = good = delivery("r-1", "u-1", "1700000000", hex, BODY);
  expect("as signed", &w, &keys, NOW, FAL_WEBHOOK_OK, "");
  for (i = 0; i < strlen(BODY); i++) {
    strcpy(body, BODY);
    body[i] ^= 1;
    w.body = body;
    expect("a changed byte", &w, &keys, NOW, FAL_WEBHOOK_NO_MATCH,
           "webhook_no_match");
  }
  w = good;
  w.body_n--;
  expect("a byte short", &w, &keys, NOW, FAL_WEBHOOK_NO_MATCH,
         "webhook_no_match");
  w.body = NULL;
  w.body_n = 0;
  expect("no body", &w, &keys, NOW, FAL_WEBHOOK_NO_MATCH, "webhook_no_match");
  w = good;
  w.request_id = text("r-2");
  expect("another request", &w, &keys, NOW, FAL_WEBHOOK_NO_MATCH,
         "webhook_no_match");
  w = good;
  w.user_id = text("u-2");
  expect("another user", &w, &keys, NOW, FAL_WEBHOOK_NO_MATCH,
         "webhook_no_match");
  w = good;
  w.timestamp = text("1700000001");
  expect("another time", &w, &keys, NOW, FAL_WEBHOOK_NO_MATCH,
         "webhook_no_match");
  w.timestamp = text("01700000000");
  expect("the same time in other digits", &w, &keys, NOW,
         FAL_WEBHOOK_NO_MATCH, "webhook_no_match");
  sign(pair, "r-2", "u-1", "1700000000", BODY, other);
  w = good;
  w.signature = text(other);
  expect("the signature of another request", &w, &keys, NOW,
         FAL_WEBHOOK_NO_MATCH, "webhook_no_match");
  for (i = 0; i < 128; i++) {
    strcpy(other, hex);
    other[i] = other[i] == '0' ? '1' : '0';
    expect("a changed signature", &w, &keys, NOW, FAL_WEBHOOK_NO_MATCH,
           "webhook_no_match");
  }
}


/* Fields whose bytes move over the line between them: the same four lines
** could be read in two ways, were control bytes allowed. */
static void moved_lines (void) {
  char hex[129];
  fal_webhook w;
  sign(pair, "a", "b\nc", "1700000000", BODY, hex);
  w = delivery("a\nb", "c", "1700000000", hex, BODY);
  expect("a line feed in an id", &w, &keys, NOW, FAL_WEBHOOK_BAD_ID,
         "webhook_bad_header");
  w = delivery("a", "b\nc", "1700000000", hex, BODY);
  expect("and in the other", &w, &keys, NOW, FAL_WEBHOOK_BAD_ID,
         "webhook_bad_header");
}


static void empty_body (void) {
  char hex[129];
  fal_webhook w;
  sign(pair, "r-1", "u-1", "1700000000", "", hex);
  w = delivery("r-1", "u-1", "1700000000", hex, "");
  w.body = NULL;
  expect("an empty body, signed", &w, &keys, NOW, FAL_WEBHOOK_OK, "");
}


/* A MAC made with what everybody knows, the public key. */
static void hmac (void) {
  unsigned char mac[64];
  size_t n = sizeof(mac);
  char message[512], sha[FAL_DIGEST_HEX], hex[129];
  EVP_PKEY *p = EVP_PKEY_new_raw_private_key(EVP_PKEY_HMAC, NULL,
                                             keys.key[0], 32);
  EVP_MD_CTX *ctx = EVP_MD_CTX_new();
  fal_webhook w;
  fal_digest("sha256", BODY, strlen(BODY), sha);
  sprintf(message, "r-1\nu-1\n1700000000\n%s", sha);
  CHECK("HMAC", EVP_DigestSignInit(ctx, NULL, EVP_sha512(), NULL, p) == 1 &&
                EVP_DigestSign(ctx, mac, &n, (unsigned char *)message,
                               strlen(message)) == 1 && n == 64);
  put_hex(hex, mac, 64);
  w = delivery("r-1", "u-1", "1700000000", hex, BODY);
  expect("HMAC", &w, &keys, NOW, FAL_WEBHOOK_NO_MATCH, "webhook_no_match");
  EVP_MD_CTX_free(ctx);
  EVP_PKEY_free(p);
}


static void missing_headers (void) {
  static const struct {
    fal_webhook_why why;
    const char *request, *user, *timestamp, *signature, *name;
  } rows[] = {
    {FAL_WEBHOOK_NO_REQUEST_ID, NULL, "u", "1", "00", "Request-Id"},
    {FAL_WEBHOOK_NO_REQUEST_ID, "", "u", "1", "00", "Request-Id"},
    {FAL_WEBHOOK_NO_USER_ID, "r", NULL, "1", "00", "User-Id"},
    {FAL_WEBHOOK_NO_TIMESTAMP, "r", "u", NULL, "00", "Timestamp"},
    {FAL_WEBHOOK_NO_SIGNATURE, "r", "u", "1", NULL, "Signature"},
    {FAL_WEBHOOK_NO_SIGNATURE, "r", "u", "1", "", "Signature"},
  };
  size_t i;
  for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    fal_error err;
    fal_webhook w = delivery(rows[i].request, rows[i].user, rows[i].timestamp,
                             rows[i].signature, BODY);
    expect(rows[i].name, &w, &keys, NOW, rows[i].why,
           "webhook_missing_header");
    fal_webhook_verify(&w, &keys, NOW, FAL_WEBHOOK_TOLERANCE, &err);
    CHECK(rows[i].name, strstr(err.message, rows[i].name) != NULL);
  }
}


static void times (void) {
  static const struct { double off; fal_webhook_why why; const char *type; }
  rows[] = {
    {0, FAL_WEBHOOK_OK, ""}, {300, FAL_WEBHOOK_OK, ""},
    {-300, FAL_WEBHOOK_OK, ""},
    {301, FAL_WEBHOOK_TOO_OLD, "webhook_too_old"},
    {300.5, FAL_WEBHOOK_TOO_OLD, "webhook_too_old"},
    {-301, FAL_WEBHOOK_IN_FUTURE, "webhook_in_future"},
    {1e18, FAL_WEBHOOK_TOO_OLD, "webhook_too_old"},
  };
  static const char *const bad[] = {
    "-1700000000", "+1700000000", " 1700000000", "1700000000 ", "1.7e9",
    "1700000000.0", "0x6553f100", "now", "1700000000000000",
    "99999999999999999999999999",
  };
  char hex[129];
  size_t i;
  fal_webhook w;
  sign(pair, "r-1", "u-1", "1700000000", BODY, hex);
  w = delivery("r-1", "u-1", "1700000000", hex, BODY);
  for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
    expect("time", &w, &keys, NOW + rows[i].off, rows[i].why, rows[i].type);
  CHECK("no tolerance", fal_webhook_verify(&w, &keys, NOW + 1, 0, NULL) ==
                        FAL_WEBHOOK_TOO_OLD);
  CHECK("a lot", fal_webhook_verify(&w, &keys, NOW + 3600, 3600, NULL) ==
                 FAL_WEBHOOK_OK);
  for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
    sign(pair, "r-1", "u-1", bad[i], BODY, hex);
    w = delivery("r-1", "u-1", bad[i], hex, BODY);
    expect(bad[i], &w, &keys, NOW, FAL_WEBHOOK_BAD_TIMESTAMP,
           "webhook_bad_timestamp");
  }
}


static void malformed_signatures (void) {
  char hex[132], changed[140] = "";
  size_t i;
  fal_webhook w;
  sign(pair, "r-1", "u-1", "1700000000", BODY, hex);
  w = delivery("r-1", "u-1", "1700000000", changed, BODY);
  for (i = 0; i < 128; i++) {  /* cut short anywhere, exactly allocated */
    char *cut = malloc(i > 0 ? i : 1);
    memcpy(cut, hex, i);
    w.signature.s = cut;
    w.signature.n = i;
    expect("cut short", &w, &keys, NOW, i > 0 ? FAL_WEBHOOK_BAD_SIGNATURE
                                              : FAL_WEBHOOK_NO_SIGNATURE,
           i > 0 ? "webhook_bad_signature" : "webhook_missing_header");
    free(cut);
  }
  sprintf(changed, "%s0", hex);
  w.signature = text(changed);
  expect("a digit more", &w, &keys, NOW, FAL_WEBHOOK_BAD_SIGNATURE,
         "webhook_bad_signature");
  sprintf(changed, "%s00", hex);
  w.signature = text(changed);
  expect("a byte more", &w, &keys, NOW, FAL_WEBHOOK_BAD_SIGNATURE,
         "webhook_bad_signature");
  strcpy(changed, hex);
  changed[127] = 'g';
  w.signature = text(changed);
  expect("not hex", &w, &keys, NOW, FAL_WEBHOOK_BAD_SIGNATURE,
         "webhook_bad_signature");
  for (i = 0; i < 128; i++)
    if (hex[i] >= 'a')
      hex[i] = (char)(hex[i] - 'a' + 'A');
  w.signature = text(hex);
  expect("capitals", &w, &keys, NOW, FAL_WEBHOOK_OK, "");
}


static void many_keys (void) {
  char hex[129], id[260];
  fal_webhook_keys list;
  fal_webhook w;
  unsigned char junk[32];
  size_t i;
  memset(&list, 0, sizeof(list));
  sign(pair, "r-1", "u-1", "1700000000", BODY, hex);
  w = delivery("r-1", "u-1", "1700000000", hex, BODY);
  expect("no keys", &w, &list, NOW, FAL_WEBHOOK_NO_KEYS, "webhook_no_keys");
  for (i = 0; i < 63; i++) {  /* some are not even points of the curve */
    memset(junk, (int)i, sizeof(junk));
    CHECK("added", fal_webhook_add_key(&list, junk, NULL) == FAL_OK);
  }
  expect("63 others", &w, &list, NOW, FAL_WEBHOOK_NO_MATCH,
         "webhook_no_match");
  add_public(&list, pair);
  expect("the last of 64", &w, &list, NOW, FAL_WEBHOOK_OK, "");
  CHECK("the 65th", fal_webhook_add_key(&list, junk, NULL) == FAL_ETOOBIG &&
                    list.n == 64);
  memset(id, 'i', sizeof(id));
  id[257] = '\0';
  w.request_id = text(id);
  expect("an endless id", &w, &list, NOW, FAL_WEBHOOK_BAD_ID,
         "webhook_bad_header");
  id[256] = '\0';
  w.request_id = text(id);
  sign(pair, id, "u-1", "1700000000", BODY, hex);
  expect("a long id", &w, &list, NOW, FAL_WEBHOOK_OK, "");
}


/*
** {======================================================
** JWKS
** =======================================================
*/

/* RFC 8037, appendix A. */
#define X    "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\""
#define KEY  "{\"kty\":\"OKP\",\"crv\":\"Ed25519\"," X "}"

#define HUNDRED "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" \
                "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

static const struct { const char *what, *text; int n; } documents[] = {
  {"one", "{\"keys\":[" KEY "]}", 1},
  {"two", "{\"keys\":[" KEY "," KEY "]}", 2},
  {"none", "{\"keys\":[]}", 0},
  {"more about it", " {\"a\":{\"keys\":[1]},\"keys\" : [ {\"kid\":\"1\",\"use\""
   ":\"sig\",\"x5c\":[\"a\",{}]," X ",\"crv\":\"Ed25519\",\"kty\":\"OKP\"} ],"
   "\"b\":[" KEY "]} ", 1},
  {"others beside it", "{\"keys\":[{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":"
   "\"AQAB\"},null,1,\"x\",[{}],{}," KEY "]}", 1},
  {"another curve", "{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"X25519\"," X
   "}]}", 0},
  {"another type", "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"Ed25519\"," X
   "}]}", 0},
  {"no curve", "{\"keys\":[{\"kty\":\"OKP\"," X "}]}", 0},
  {"no x", "{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\"}]}", 0},
  {"x is short", "{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":"
   "\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHUR\"}]}", 0},
  {"x is long", "{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":"
   "\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURoAAA\"}]}", 0},
  {"x is a byte long", "{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\","
   "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURoA\"}]}", 0},
  {"x is far too long", "{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":"
   "\"" HUNDRED HUNDRED "\"}]}", 0},
  {"x is not base64", "{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":"
   "\"11qYAYKxCrfVS!7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}]}", 0},
  {"x is a list", "{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":"
   "[\"x\"]}]}", 0},
  {"padded", "{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":"
   "\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo=\"}]}", 1},
  {"the last member counts", "{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\","
   X ",\"kty\":\"RSA\"}]}", 0},
  {"escaped", "{\"\\u006beys\":[{\"k\\u0074y\":\"OK\\u0050\",\"crv\":"
   "\"Ed25519\"," X "}]}", 1},
  {"no list", "{}", -1},
  {"keys is an object", "{\"keys\":" KEY "}", -1},
  {"a list alone", "[" KEY "]", -1},
  {"null", "null", -1},
  {"nothing", "", -1},
  {"a page", "<html></html>", -1},
  {"cut short", "{\"keys\":[" KEY, -1},
  {"more after it", "{\"keys\":[" KEY "]} {}", -1},
  {"broken within another key", "{\"keys\":[{\"kty\":\"RSA\",}," KEY "]}", -1},
};


static void jwks_rows (void) {
  unsigned char public_[32];
  size_t i, k;
  from_hex(public_, vectors[0].public_);
  for (i = 0; i < sizeof(documents) / sizeof(documents[0]); i++) {
    const char *what = documents[i].what;
    size_t n = strlen(documents[i].text);
    char *copy = malloc(n > 0 ? n : 1);
    fal_webhook_keys list;
    fal_error err;
    fal_code code;
    memcpy(copy, documents[i].text, n);
    memset(&list, 0xFF, sizeof(list));
    code = fal_webhook_jwks(copy, n, &list, &err);
    CHECK(what, code == (documents[i].n < 0 ? FAL_EPROTOCOL : FAL_OK));
    CHECK(what, (int)list.n == (documents[i].n < 0 ? 0 : documents[i].n));
    for (k = 0; k < list.n; k++)
      CHECK(what, memcmp(list.key[k], public_, 32) == 0);
    if (code != FAL_OK)
      CHECK_TEXT(what, err.type, strlen(err.type), "webhook_jwks");
    free(copy);
  }
}


static void jwks_ceiling (void) {
  fal_buf b;
  fal_webhook_keys list;
  fal_error err;
  int n, i;
  for (n = 64; n <= 65; n++) {
    fal_buf_init(&b, 65536);
    fal_buf_addstr(&b, "{\"keys\":[{}");
    for (i = 0; i < n; i++)
      fal_buf_addf(&b, ",%s", KEY);
    fal_buf_addstr(&b, "]}");
    CHECK("64 and 65", fal_webhook_jwks(b.s, b.n, &list, &err) ==
                       (n == 64 ? FAL_OK : FAL_ETOOBIG));
    CHECK("64 and 65", list.n == (n == 64 ? 64 : 0));
    fal_buf_free(&b);
  }
}

/* }====================================================== */


int main (void) {
  EVP_PKEY *other = new_pair();
  pair = new_pair();
  add_public(&keys, other);
  add_public(&keys, pair);
  rfc_8032();
  wrong_by_one();
  moved_lines();
  empty_body();
  hmac();
  missing_headers();
  times();
  malformed_signatures();
  many_keys();
  jwks_rows();
  jwks_ceiling();
  EVP_PKEY_free(pair);
  EVP_PKEY_free(other);
  return TEST_END("webhook");
}
