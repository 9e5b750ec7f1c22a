/*
** credentials.c -- where the key comes from when nobody gives one
*/
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base64.h"
#include "credentials.h"
#include "engine.h"
#include "file.h"
#include "json.h"

#define MAX_FILE  ((size_t)64 << 10)


/* A variable that is set and not empty. */
static const char *env (const char *name) {
  const char *v = getenv(name);
  return v != NULL && v[0] != '\0' ? v : NULL;
}


int fal_credentials_forced (void) {
  const char *v = env("FAL_FORCE_AUTH_BY_USER");
  return v != NULL && strcmp(v, "1") == 0;
}


fal_code fal_credentials_check (const char *s, fal_error *err) {
  for (; *s != '\0'; s++)
    if ((unsigned char)*s < 32 || *s == 127) {
      fal_fail(err, FAL_EAUTH, "the key has a line break or another control "
               "character in it");
      fal_hint(err, "copy it again; `FAL_KEY=$(cat file)` drops the last "
               "line break");
      return FAL_EAUTH;
    }
  return FAL_OK;
}


/* FAL_KEY, or the pair. */
static char *env_key (void) {
  const char *key = env("FAL_KEY");
  const char *id = env("FAL_KEY_ID"), *secret = env("FAL_KEY_SECRET");
  char *s;
  if (key != NULL || id == NULL || secret == NULL)
    return strdup(key != NULL ? key : "");
  s = malloc(strlen(id) + strlen(secret) + 2);
  if (s != NULL)
    sprintf(s, "%s:%s", id, secret);
  return s;
}


double fal_login_expiry (const char *token, size_t n) {
  const char *payload = memchr(token, '.', n), *end, *raw;
  char *text, number[24];
  ptrdiff_t len;
  size_t raw_n;
  double when = 0;
  if (payload == NULL)
    return 0;
  payload++;
  end = memchr(payload, '.', n - (size_t)(payload - token));
  if (end == NULL)
    return 0;
  text = malloc(fal_base64_decoded((size_t)(end - payload)) + 1);
  if (text == NULL)
    return 0;
  len = fal_base64_decode(text, payload, (size_t)(end - payload));
  if (len > 0 && fal_json_find(text, (size_t)len, "exp", &raw, &raw_n)
                   == FAL_JSON_INTEGER && raw_n < sizeof(number)) {
    memcpy(number, raw, raw_n);
    number[raw_n] = '\0';
    when = strtod(number, NULL);
  }
  free(text);
  return when > 0 ? when : 0;
}


/* {FAL_HOME_DIR}/auth0_token in 'b'; NULL when nobody knows where that is. */
static const char *login_path (fal_buf *b) {
  const char *dir = env("FAL_HOME_DIR"), *home = env("HOME");
  if (dir == NULL)
    dir = "~/.fal";
  if (dir[0] == '~' && (dir[1] == '/' || dir[1] == '\0')) {
    if (home == NULL)
      return NULL;
    fal_buf_addstr(b, home);
    dir++;
  }
  fal_buf_addf(b, "%s/auth0_token", dir);
  return fal_buf_cstr(b);
}


/* "Bearer " and the second line of a file; NULL when there is none. */
static char *login_of (fal_buf *text, double *until) {
  const char *line = fal_buf_cstr(text) != NULL ? strchr(text->s, '\n') : NULL;
  size_t n = line != NULL ? strcspn(line + 1, " \t\r\n") : 0;
  char *s = n > 0 ? malloc(n + sizeof("Bearer ")) : NULL;
  if (s != NULL) {
    sprintf(s, "Bearer %.*s", (int)n, line + 1);
    *until = fal_login_expiry(line + 1, n);
  }
  return s;
}


static char *stored_login (double *until) {
  fal_buf path, text;
  const char *name;
  char *login = NULL;
  fal_buf_init(&path, 4096);
  fal_buf_init(&text, MAX_FILE);
  name = login_path(&path);
  if (name != NULL && fal_file_get(name, &text, NULL) == FAL_OK)
    login = login_of(&text, until);
  if (fal_buf_cstr(&text) != NULL)
    fal_wipe(text.s);
  fal_buf_free(&path);
  fal_buf_free(&text);
  return login;
}


char *fal_credentials_found (int login, double *until) {
  char *key = fal_credentials_forced() ? strdup("") : env_key(), *stored;
  *until = 0;
  if (key == NULL || key[0] != '\0' || !login ||
      (stored = stored_login(until)) == NULL)
    return key;
  free(key);
  return stored;
}
