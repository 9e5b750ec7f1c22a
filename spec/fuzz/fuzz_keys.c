/*
** fuzz_keys.c -- files of keys
*/
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../src/server/keysfile.c"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);


static void need (int condition) {
  if (!condition)
    abort();
}


int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size) {
  keys_file f;
  fal_error err;
  int i;
  char *s = malloc(size);  /* on its own, so that overruns are seen */
  need(s != NULL || size == 0);
  if (size > 0)
    memcpy(s, data, size);
  if (keys_parse(s, size, &f, &err) == FAL_OK)
    for (i = 0; i < f.nkeys; i++)
      need(f.keys[i].tenant >= 0 && f.keys[i].tenant < f.ntenants);
  else
    need(err.code != FAL_OK && err.message[0] != '\0');
  for (i = 0; i < f.ntenants; i++) {
    const keys_tenant *t = &f.tenants[i];
    need(t->name[0] != '\0' && strlen(t->name) < KEYS_NAME);
    need(t->rate >= 0 && t->images >= 0 && t->concurrency >= 0);
    need(t->rate == 0 || t->burst >= 1);
  }
  keys_file_free(&f);
  free(s);
  return 0;
}
