/*
** handshake.c -- what a server's answer to a WebSocket handshake says
*/
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <openssl/evp.h>

#include "base64.h"
#include "handshake.h"


int fal_handshake_status (const char *s, size_t n) {
  int i, status = 0;
  if (n < 14 || memcmp(s, "HTTP/1.", 7) != 0 || s[8] != ' ')
    return 0;
  for (i = 9; i < 12 && s[i] >= '0' && s[i] <= '9'; i++)
    status = status * 10 + (s[i] - '0');
  return status;
}


/* Is 'word' one of the words of a header, between commas? */
static int has_word (const char *head, size_t n, const char *name,
                     const char *word) {
  const char *v;
  size_t left, k = strlen(word);
  if (!fal_header(head, n, name, &v, &left))
    return 0;
  while (left >= k) {
    size_t i = 0;
    if (strncasecmp(v, word, k) == 0 &&
        (left == k || v[k] == ',' || v[k] == ' ' || v[k] == '\t'))
      return 1;
    while (i < left && v[i] != ',')
      i++;
    while (i < left && (v[i] == ',' || v[i] == ' ' || v[i] == '\t'))
      i++;
    v += i;
    left -= i;
  }
  return 0;
}


void fal_handshake_accept (const char *key, char to[29]) {
  static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  unsigned char digest[EVP_MAX_MD_SIZE];
  char text[128];
  unsigned n = 0;
  snprintf(text, sizeof(text), "%.64s%s", key, guid);
  EVP_Digest(text, strlen(text), digest, &n, EVP_sha1(), NULL);
  to[fal_base64_encode(to, digest, 20)] = '\0';
}


fal_code fal_handshake_check (const char *head, size_t n, const char *key,
                              fal_error *err) {
  char accept[29];
  const char *v;
  size_t k;
  fal_handshake_accept(key, accept);
  if (!has_word(head, n, "upgrade", "websocket") ||
      !has_word(head, n, "connection", "upgrade"))
    return fal_fail(err, FAL_EPROTOCOL, "the server did not switch to "
                    "WebSocket: its answer has no 'Upgrade: websocket'");
  if (!fal_header(head, n, "sec-websocket-accept", &v, &k) || k != 28 ||
      memcmp(v, accept, 28) != 0)
    return fal_fail(err, FAL_EPROTOCOL, "the server did not switch to "
                    "WebSocket: its Sec-WebSocket-Accept is wrong");
  if (fal_header(head, n, "sec-websocket-extensions", &v, &k) ||
      fal_header(head, n, "sec-websocket-protocol", &v, &k))
    return fal_fail(err, FAL_EPROTOCOL, "the server wants a WebSocket "
                    "extension or protocol that nobody asked for");
  return FAL_OK;
}


/* The length of the chunk whose line begins at s[*i], which moves behind the
** line; -1 when the line is not complete, or is none. */
static long chunk (const char *s, size_t n, size_t *i) {
  const char *eol = memchr(s + *i, '\n', n - *i);
  long len;
  if (eol == NULL || !isxdigit((unsigned char)s[*i]))
    return -1;
  len = strtol(s + *i, NULL, 16);
  if (len < 0)
    return -1;
  *i = (size_t)(eol - s) + 1;
  return len;
}


static int is_chunked (const fal_answer *a) {
  return has_word(a->head, a->head_n, "transfer-encoding", "chunked");
}


/* Walks over the chunks of a body, putting them together at 'to' unless it is
** NULL. Returns how many bytes they have, '*done': the last one was there. */
static size_t walk (const fal_answer *a, char *to, int *done) {
  size_t i = 0, n = 0;
  *done = 0;
  while (i < a->body_n) {
    long len = chunk(a->body, a->body_n, &i);
    *done = len == 0;
    if (len <= 0 || (size_t)len > a->body_n - i)
      break;
    if (to != NULL)
      memmove(to + n, a->body + i, (size_t)len);
    n += (size_t)len;
    i += (size_t)len;
    while (i < a->body_n && (a->body[i] == '\r' || a->body[i] == '\n'))
      i++;
  }
  return n;
}


int fal_handshake_complete (const fal_answer *a) {
  const char *v;
  size_t n;
  int done;
  if (is_chunked(a)) {
    walk(a, NULL, &done);
    return done;
  }
  return fal_header(a->head, a->head_n, "content-length", &v, &n) && n > 0 &&
         n < 10 && (size_t)strtol(v, NULL, 10) <= a->body_n;
}


void fal_handshake_dechunk (fal_answer *a, char *body) {
  int done;
  if (is_chunked(a))
    a->body_n = walk(a, body, &done);
}
