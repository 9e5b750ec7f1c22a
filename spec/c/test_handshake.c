/*
** test_handshake.c -- answers to a WebSocket handshake, whole and cut short
*/
#include <stdlib.h>

#include "../../src/core/handshake.h"
#include "test.h"

#define KEY  "dGhlIHNhbXBsZSBub25jZQ=="     /* of RFC 6455, 1.3 */
#define GOOD "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


static void test_accept (void) {
  char to[29];
  fal_handshake_accept(KEY, to);
  CHECK_TEXT("accept", to, strlen(to), GOOD);
}


static void test_status (void) {
  static const struct { const char *s; int status; } rows[] = {
    { "HTTP/1.1 101 Switching Protocols\r\n", 101 },
    { "HTTP/1.0 503 No\r\n", 503 },
    { "HTTP/1.1 200\r\n", 200 },
    { "HTTP/1.1 2x0 OK\r\n", 2 },
    { "HTTP/2 200 OK\r\n", 0 },
    { "HTTP/1.1", 0 },
    { "SSH-2.0-OpenSSH\r\n", 0 },
    { "", 0 },
  };
  size_t i;
  for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
    CHECK(rows[i].s, fal_handshake_status(rows[i].s, strlen(rows[i].s)) ==
          rows[i].status);
}


static void test_check (void) {
  static const struct { const char *head; int good; } rows[] = {
    { "Upgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Accept: " GOOD "\r\n", 1 },
    { "upgrade: WebSocket\r\nCONNECTION: keep-alive, upgrade\r\n"
      "sec-websocket-accept:" GOOD " \r\n", 1 },
    { "Upgrade: websocket\r\nConnection: Upgrade\r\n", 0 },
    { "Upgrade: h2c\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Accept: " GOOD "\r\n", 0 },
    { "Upgrade: websocket\r\nConnection: close\r\n"
      "Sec-WebSocket-Accept: " GOOD "\r\n", 0 },
    { "Upgrade: websocket\r\nConnection: Upgraded\r\n"
      "Sec-WebSocket-Accept: " GOOD "\r\n", 0 },
    { "Upgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Accept: S3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n", 0 },
    { "Upgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Accept: " GOOD "\r\n"
      "Sec-WebSocket-Extensions: permessage-deflate\r\n", 0 },
    { "Upgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Accept: " GOOD "\r\nSec-WebSocket-Protocol: x\r\n", 0 },
    { "", 0 },
  };
  fal_error err;
  size_t i;
  for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
    CHECK(rows[i].head, (fal_handshake_check(rows[i].head,
          strlen(rows[i].head), KEY, &err) == FAL_OK) == rows[i].good);
}


/* The body is whole exactly from 'whole' bytes on (0: one never knows). */
static void test_bodies (void) {
  static const struct {
    const char *head, *body;
    size_t whole;
    const char *text;
  } rows[] = {
    { "Content-Length: 3\r\n", "abc", 3, "abc" },
    { "Content-Length: 0\r\n", "", 0, "" },
    { "Transfer-Encoding: chunked\r\n", "3\r\nabc\r\n0\r\n\r\n", 11, "abc" },
    { "transfer-encoding: Chunked\r\n",
      "3;x=y\r\nabc\r\n10\r\n0123456789abcdef\r\n0\r\n", 37,
      "abc0123456789abcdef" },
    { "Transfer-Encoding: chunked\r\n", "zz\r\nabc", 0, "" },
    { "Transfer-Encoding: chunked\r\n", "ffffffffffffffff\r\nabc", 0, "" },
    { "Transfer-Encoding: chunked\r\n", "-1\r\nabc", 0, "" },
    { "Transfer-Encoding: chunked\r\n", "\n\n\n", 0, "" },
    { "Content-Length: 9999999999\r\n", "abc", 0, "abc" },
    { "", "abc", 0, "abc" },
  };
  size_t i, n;
  for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    size_t all = strlen(rows[i].body);
    for (n = 0; n <= all; n++) {
      char *copy = malloc(n + 1);  /* exactly so long, for the sanitizer */
      char *body = copy != NULL ? realloc(copy, n > 0 ? n : 1) : NULL;
      fal_answer a;
      if (body == NULL)
        abort();
      memcpy(body, rows[i].body, n);
      memset(&a, 0, sizeof(a));
      a.head = rows[i].head;
      a.head_n = strlen(rows[i].head);
      a.body = body;
      a.body_n = n;
      if (rows[i].whole > 0)
        CHECK(rows[i].body, fal_handshake_complete(&a) == (n >= rows[i].whole));
      else if (all > 0)
        CHECK(rows[i].body, !fal_handshake_complete(&a));
      fal_handshake_dechunk(&a, body);
      if (n == all)
        CHECK_TEXT(rows[i].head, a.body, a.body_n, rows[i].text);
      free(body);
    }
  }
}


int main (void) {
  test_accept();
  test_status();
  test_check();
  test_bodies();
  return TEST_END("handshake");
}
