/*
** fuzz_names.c -- what callers say of a file: its name, type and lifecycle
*/
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../src/server/acl.c"
#include "../../src/server/names.c"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);


static void need (int condition) {
  if (!condition)
    abort();
}


/* A name is one part of a path, a type is fit for a header, and the URL holds
** nothing that has a meaning in URLs. */
static void clean (const char *s, size_t n) {
  files_meta m;
  char url[FILES_URL];
  memset(&m, 0, sizeof(m));
  files_clean_name(s, n, s, m.name);
  need(m.name[0] != '\0' && strlen(m.name) < FILES_NAME);
  need(strcmp(m.name, ".") != 0 && strcmp(m.name, "..") != 0);
  need(strpbrk(m.name, "/\\\"%\r\n") == NULL);
  need(fal_utf8_check(m.name, strlen(m.name)) == strlen(m.name));
  files_clean_type(s, n, m.name, m.type);
  need(strlen(m.type) > 2 && strchr(m.type, '/') != NULL);
  need(strpbrk(m.type, "\r\n\t") == NULL);
  files_random(m.id);
  files_url(&m, url);
  need(strlen(url) > FILES_HEX + 1 && strlen(url) < FILES_URL);
  need(strspn(url, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrst"
                   "uvwxyz-._~%/") == strlen(url));
}


/* What it says is one of three things, for everybody; the rules can stand in
** JSON as they are. */
static void lifecycle (const char *s) {
  files_meta m;
  files_access access = FILES_HIDE;
  memset(&m, 0, sizeof(m));
  if (!files_lifecycle(s, &m))
    need(m.lasts == 0 && files_acl_is_open(&m));
  need(m.lasts >= 0 && m.lasts < YEARS_100 && m.access <= FILES_HIDE);
  need(strlen(m.rules) < FILES_RULES && strpbrk(m.rules, "\"\\") == NULL);
  files_acl_of(&m, "ann", &access);
  need(access <= FILES_HIDE);
}


int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size) {
  char *s = malloc(size + 1);
  need(s != NULL);
  if (size > 0)
    memcpy(s, data, size);
  s[size] = '\0';
  clean(s, size);
  lifecycle(s);
  free(s);
  return 0;
}
