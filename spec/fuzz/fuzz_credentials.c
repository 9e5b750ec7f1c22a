/*
** fuzz_credentials.c -- any bytes as a stored login: the file, the token, what
** is encoded in the token
*/
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../src/core/base64.h"
#include "../../src/core/credentials.h"

int LLVMFuzzerInitialize (int *argc, char ***argv);
int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static char dir[] = "/tmp/fuzz-login-XXXXXX", path[64];


static void need (int condition) {
  if (!condition)
    abort();
}


static void tidy (void) {
  unlink(path);
  rmdir(dir);
}


int LLVMFuzzerInitialize (int *argc, char ***argv) {
  (void)argc; (void)argv;
  need(mkdtemp(dir) != NULL);
  snprintf(path, sizeof(path), "%s/auth0_token", dir);
  setenv("FAL_HOME_DIR", dir, 1);
  unsetenv("FAL_KEY");
  unsetenv("FAL_KEY_ID");
  atexit(tidy);
  return 0;
}


/* On its own in memory, so that overruns are seen. */
static double expiry (const char *s, size_t n) {
  char *copy = malloc(n);
  double when;
  need(copy != NULL || n == 0);
  if (n > 0)
    memcpy(copy, s, n);
  when = fal_login_expiry(copy, n);
  need(when >= 0 && when < 1e24);
  free(copy);
  return when;
}


/* The bytes as the payload of a token: what is around it does not matter. */
static void payload (const uint8_t *data, size_t size) {
  size_t room = fal_base64_encoded(size), n;
  char *token = malloc(room + 4);
  double when;
  need(token != NULL);
  memcpy(token, "a.", 2);
  n = 2 + fal_base64_encode(token + 2, data, size);
  need(expiry(token, n) == 0);  /* no end */
  memcpy(token + n, ".b", 2);
  when = expiry(token, n + 2);
  need(expiry(token + 1, n) == when);
  free(token);
}


static void file (const uint8_t *data, size_t size) {
  FILE *f = fopen(path, "wb");
  double until;
  char *s;
  need(f != NULL);
  need(fwrite(data, 1, size, f) == size && fclose(f) == 0);
  s = fal_credentials_found(1, &until);
  need(s != NULL);
  if (s[0] == '\0')
    need(until == 0);
  else {
    need(strncmp(s, "Bearer ", 7) == 0 && s[7] != '\0');
    need(s[7 + strcspn(s + 7, " \t\r\n")] == '\0');
    need(until == expiry(s + 7, strlen(s + 7)));
  }
  free(s);
}


int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size) {
  expiry((const char *)data, size);
  payload(data, size);
  file(data, size);
  return 0;
}
