/*
** fuzz_handshake.c -- a server's answer to a WebSocket handshake, from any
** bytes: up to the blank line it is head, the rest is body
*/
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../src/core/handshake.h"

int LLVMFuzzerTestOneInput (const uint8_t *s, size_t n);


int LLVMFuzzerTestOneInput (const uint8_t *s, size_t n) {
  const char *text = (const char *)s;
  const char *blank = n > 0 ? memmem(text, n, "\r\n\r\n", 4) : NULL;
  size_t head_n = blank != NULL ? (size_t)(blank - text) + 2 : n;
  size_t body_n = blank != NULL ? n - head_n - 2 : 0;
  char *head = malloc(head_n + 1), *body = malloc(body_n + 1);
  fal_answer a;
  fal_error err;
  if (head == NULL || body == NULL)
    abort();
  if (head_n > 0)
    memcpy(head, text, head_n);
  if (body_n > 0)
    memcpy(body, blank + 4, body_n);
  memset(&a, 0, sizeof(a));
  a.status = fal_handshake_status(head, head_n);
  a.head = head;
  a.head_n = head_n;
  a.body = body;
  a.body_n = body_n;
  fal_handshake_check(head, head_n, "dGhlIHNhbXBsZSBub25jZQ==", &err);
  fal_handshake_complete(&a);
  fal_handshake_dechunk(&a, body);
  if (a.body_n > body_n)
    abort();  /* it only ever shrinks */
  free(head);
  free(body);
  return 0;
}
