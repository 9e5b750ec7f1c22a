/*
** webhook.c -- is this delivery from fal?
*/
#include <math.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>

#include "base64.h"
#include "buf.h"
#include "digest.h"
#include "json.h"
#include "webhook.h"

#define MAX_ID        256   /* bytes of an id */
#define MAX_DIGITS    15    /* of a timestamp: a double holds them exactly */
#define SIGNATURE     64    /* bytes */
#define MAX_MESSAGE   1024


static void set_type (fal_error *err, const char *type) {
  if (err != NULL)
    fal_copy_text(err->type, sizeof(err->type), type, strlen(type));
}


/*
** {======================================================
** Keys
** =======================================================
*/

fal_code fal_webhook_add_key (fal_webhook_keys *keys, const void *key,
                              fal_error *err) {
  if (keys->n >= FAL_WEBHOOK_KEYS)
    return fal_fail(err, FAL_ETOOBIG, "more than %d webhook keys",
                    FAL_WEBHOOK_KEYS);
  memcpy(keys->key[keys->n++], key, FAL_WEBHOOK_KEY);
  return FAL_OK;
}


static int is (const fal_json_token *t, const char *s) {
  return t->n == strlen(s) && memcmp(t->s, s, t->n) == 0;
}


/* The "x" of a key: 1 when it is one. */
static int read_x (const fal_json_token *t, unsigned char *x) {
  unsigned char bytes[64];
  if (t->n < 43 || t->n > 44 ||  /* 32 bytes, with and without padding */
      fal_base64_decode(bytes, t->s, t->n) != FAL_WEBHOOK_KEY)
    return 0;
  memcpy(x, bytes, FAL_WEBHOOK_KEY);
  return 1;
}


/* Reads a key of the list whose '{' was just read. 1 when it is one of ours,
** with its bytes in 'x'; 0 when it is another; -1 when the text is broken. */
static int read_key (fal_json *r, unsigned char *x) {
  enum { KTY = 1, CRV = 2, X = 4 };
  fal_json_token t;
  int have = 0;
  while (fal_json_next(r, &t) == FAL_JSON_KEY) {
    int which = is(&t, "kty") ? KTY : is(&t, "crv") ? CRV :
                is(&t, "x") ? X : 0;
    have &= ~which;  /* the last of its name counts */
    if (fal_json_next(r, &t) == FAL_JSON_STRING &&
        ((which == KTY && is(&t, "OKP")) ||
         (which == CRV && is(&t, "Ed25519")) ||
         (which == X && read_x(&t, x))))
      have |= which;
    if (fal_json_skip(r, &t) != 0)
      return -1;
  }
  if (t.kind != FAL_JSON_OBJECT_END)
    return -1;
  return have == (KTY | CRV | X);
}


/* Reads the list whose '[' was just read. */
static fal_code read_list (fal_json *r, fal_webhook_keys *keys,
                           fal_error *err) {
  fal_json_token t;
  keys->n = 0;
  while (fal_json_next(r, &t) != FAL_JSON_ARRAY_END) {
    unsigned char x[FAL_WEBHOOK_KEY];
    int ours = 0;
    if (t.kind == FAL_JSON_OBJECT)
      ours = read_key(r, x);
    else if (t.kind == FAL_JSON_ERROR || fal_json_skip(r, &t) != 0)
      ours = -1;
    if (ours < 0)
      return FAL_EPROTOCOL;
    if (ours && fal_webhook_add_key(keys, x, err) != FAL_OK)
      return FAL_ETOOBIG;
  }
  return FAL_OK;
}


/* Reads the document. FAL_EPROTOCOL, and no words yet, when it is not one. */
static fal_code read_document (fal_json *r, fal_webhook_keys *keys,
                               fal_error *err) {
  fal_json_token t;
  int found = 0;
  if (fal_json_next(r, &t) != FAL_JSON_OBJECT)
    return FAL_EPROTOCOL;
  while (fal_json_next(r, &t) == FAL_JSON_KEY) {
    int list = is(&t, "keys");
    if (fal_json_next(r, &t) == FAL_JSON_ARRAY && list) {
      fal_code code = read_list(r, keys, err);
      if (code != FAL_OK)
        return code;
      found = 1;
    }
    else if (fal_json_skip(r, &t) != 0)
      return FAL_EPROTOCOL;
  }
  if (t.kind != FAL_JSON_OBJECT_END || fal_json_next(r, &t) != FAL_JSON_END)
    return FAL_EPROTOCOL;
  return found ? FAL_OK : FAL_EPROTOCOL;
}


fal_code fal_webhook_jwks (const char *s, size_t n, fal_webhook_keys *keys,
                           fal_error *err) {
  fal_json r;
  fal_code code;
  memset(keys, 0, sizeof(*keys));
  fal_json_open(&r, s, n, 0);
  code = read_document(&r, keys, err);
  if (code == FAL_EPROTOCOL)
    fal_fail(err, code, "the webhook keys are not a JWKS document: %s",
             r.error != NULL ? r.error : "it has no list 'keys'");
  if (code != FAL_OK) {
    memset(keys, 0, sizeof(*keys));
    set_type(err, "webhook_jwks");
  }
  fal_json_close(&r);
  return code;
}

/* }====================================================== */


/*
** {======================================================
** Headers
** =======================================================
*/

static int from_hex (char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}


static int read_signature (const fal_webhook_text *t, unsigned char *to) {
  size_t i;
  if (t->n != 2 * SIGNATURE)
    return 0;
  for (i = 0; i < SIGNATURE; i++) {
    int high = from_hex(t->s[2 * i]), low = from_hex(t->s[2 * i + 1]);
    if (high < 0 || low < 0)
      return 0;
    to[i] = (unsigned char)(high << 4 | low);
  }
  return 1;
}


static int read_timestamp (const fal_webhook_text *t, double *seconds) {
  size_t i;
  double d = 0;
  if (t->n > MAX_DIGITS)
    return 0;
  for (i = 0; i < t->n; i++) {
    if (t->s[i] < '0' || t->s[i] > '9')
      return 0;
    d = d * 10 + (t->s[i] - '0');
  }
  *seconds = d;
  return 1;
}


/* A line feed in an id would make other lines of the same message. */
static int sound_id (const fal_webhook_text *t) {
  size_t i;
  for (i = 0; i < t->n; i++)
    if ((unsigned char)t->s[i] < 32 || t->s[i] == 127)
      return 0;
  return t->n <= MAX_ID;
}


static int missing (const fal_webhook_text *t) {
  return t->s == NULL || t->n == 0;
}


/* Everything that needs no key. */
static fal_webhook_why check_headers (const fal_webhook *w, double now,
                                      double tolerance, double *age,
                                      unsigned char *signature) {
  double seconds;
  if (missing(&w->request_id)) return FAL_WEBHOOK_NO_REQUEST_ID;
  if (missing(&w->user_id)) return FAL_WEBHOOK_NO_USER_ID;
  if (missing(&w->timestamp)) return FAL_WEBHOOK_NO_TIMESTAMP;
  if (missing(&w->signature)) return FAL_WEBHOOK_NO_SIGNATURE;
  if (!sound_id(&w->request_id) || !sound_id(&w->user_id))
    return FAL_WEBHOOK_BAD_ID;
  if (!read_timestamp(&w->timestamp, &seconds))
    return FAL_WEBHOOK_BAD_TIMESTAMP;
  if (!read_signature(&w->signature, signature))
    return FAL_WEBHOOK_BAD_SIGNATURE;
  *age = now - seconds;
  if (*age < -tolerance) return FAL_WEBHOOK_IN_FUTURE;
  if (!(*age <= tolerance)) return FAL_WEBHOOK_TOO_OLD;
  return FAL_WEBHOOK_OK;
}

/* }====================================================== */


/*
** {======================================================
** Signature
** =======================================================
*/

static int add_line (fal_buf *b, const fal_webhook_text *t) {
  return fal_buf_add(b, t->s, t->n) == FAL_OK &&
         fal_buf_add(b, "\n", 1) == FAL_OK;
}


/* What was signed. */
static int put_message (fal_buf *b, const fal_webhook *w) {
  char hex[FAL_DIGEST_HEX];
  return fal_digest("sha256", w->body_n > 0 ? w->body : "", w->body_n, hex) &&
         add_line(b, &w->request_id) && add_line(b, &w->user_id) &&
         add_line(b, &w->timestamp) && fal_buf_addstr(b, hex) == FAL_OK;
}


/* 1 when the key signed it, 0 when it did not, -1 when libcrypto could not
** say: no memory, or no Ed25519 in it. */
static int signed_by (const unsigned char *key, const unsigned char *signature,
                      const fal_buf *message) {
  int ok = -1;
  EVP_PKEY *pkey = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, key,
                                               FAL_WEBHOOK_KEY);
  EVP_MD_CTX *ctx = EVP_MD_CTX_new();
  if (pkey != NULL && ctx != NULL &&
      EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, pkey) == 1)
    ok = EVP_DigestVerify(ctx, signature, SIGNATURE,
                          (const unsigned char *)message->s, message->n) == 1;
  EVP_MD_CTX_free(ctx);
  EVP_PKEY_free(pkey);
  return ok;
}


static fal_webhook_why try_keys (const fal_webhook *w,
                                 const fal_webhook_keys *keys,
                                 const unsigned char *signature) {
  fal_buf message;
  size_t i;
  int ok = 0, unsure = 1;
  fal_buf_init(&message, MAX_MESSAGE);
  ERR_set_mark();  /* the queue of errors may be in use by others here */
  if (put_message(&message, w))
    for (i = 0, unsure = 0; i < keys->n && ok <= 0; i++) {
      ok = signed_by(keys->key[i], signature, &message);
      unsure |= ok < 0;  /* another key may still fit */
    }
  ERR_pop_to_mark();
  fal_buf_free(&message);
  if (ok > 0)
    return FAL_WEBHOOK_OK;
  return unsure ? FAL_WEBHOOK_FAILED : FAL_WEBHOOK_NO_MATCH;
}

/* }====================================================== */


/*
** {======================================================
** In words
** =======================================================
*/

#define SENT  "fal sends four X-Fal-Webhook-* headers; let whatever stands " \
              "in front of this program pass them on"
#define CLOCK "set this machine's clock; an old delivery may also be a " \
              "recording that somebody plays again"

static const struct { const char *type, *message, *hint; } words[] = {
  {"", "", ""},
  {"webhook_missing_header", "the header X-Fal-Webhook-Request-Id is missing",
   SENT},
  {"webhook_missing_header", "the header X-Fal-Webhook-User-Id is missing",
   SENT},
  {"webhook_missing_header", "the header X-Fal-Webhook-Timestamp is missing",
   SENT},
  {"webhook_missing_header", "the header X-Fal-Webhook-Signature is missing",
   SENT},
  {"webhook_bad_header", "an id in the webhook's headers is not one", ""},
  {"webhook_bad_timestamp", "the webhook's timestamp is not a number of "
   "seconds", ""},
  {"webhook_bad_signature", "the webhook's signature is not 64 bytes in hex",
   ""},
  {"webhook_too_old", "", CLOCK},
  {"webhook_in_future", "", "set this machine's clock"},
  {"webhook_no_keys", "there is no key to verify the webhook with",
   "the keys are at https://rest.fal.ai/.well-known/jwks.json"},
  {"webhook_no_match", "the webhook is not signed by fal, or was changed "
   "on its way", "verify the body as it was received, byte for byte, before "
   "anything decodes it"},
  {"", "libcrypto could not verify the webhook: no memory, or no Ed25519 "
   "in it", ""},
};


static void explain (fal_error *err, fal_webhook_why why, double age,
                     double tolerance) {
  if (why == FAL_WEBHOOK_FAILED) {
    fal_fail(err, FAL_ENOMEM, "%s", words[why].message);
    return;
  }
  if (why == FAL_WEBHOOK_TOO_OLD || why == FAL_WEBHOOK_IN_FUTURE)
    fal_fail(err, FAL_EAUTH, "the webhook was signed %.0f seconds %s; %.0f "
             "are allowed", fabs(age),
             why == FAL_WEBHOOK_TOO_OLD ? "ago" : "from now", tolerance);
  else
    fal_fail(err, FAL_EAUTH, "%s", words[why].message);
  fal_hint(err, "%s", words[why].hint);
  set_type(err, words[why].type);
}

/* }====================================================== */


fal_webhook_why fal_webhook_verify (const fal_webhook *w,
                                    const fal_webhook_keys *keys, double now,
                                    double tolerance, fal_error *err) {
  unsigned char signature[SIGNATURE];
  double age = 0;
  fal_webhook_why why = check_headers(w, now, tolerance, &age, signature);
  if (why == FAL_WEBHOOK_OK)
    why = keys->n > 0 ? try_keys(w, keys, signature) : FAL_WEBHOOK_NO_KEYS;
  if (why != FAL_WEBHOOK_OK)
    explain(err, why, age, tolerance);
  return why;
}
