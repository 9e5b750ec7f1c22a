/*
** test_credentials.c -- where the key comes from, and when a login expires
*/
#include <stdlib.h>
#include <unistd.h>

#include "../../src/core/credentials.h"
#include "test.h"


static void expiry (void) {
  static const struct { const char *token; double when; } rows[] = {
    /* {"exp":1767608430} */
    { "eyJhbGciOiJSUzI1NiJ9.eyJleHAiOjE3Njc2MDg0MzB9.c2ln", 1767608430 },
    { "x.eyJleHAiOjE3Njc2MDg0MzB9.", 1767608430 },
    { "x.eyJhIjoiw7_DviIsImV4cCI6NX0.s", 5 },     /* the URL alphabet */
    { "x.eyJleHAiOi01fQ.s", 0 },                  /* {"exp":-5} */
    { "x.eyJleHAiOiI1In0.s", 0 },                 /* {"exp":"5"} */
    { "x.e30.s", 0 }, { "x.bm8.s", 0 }, { "x..s", 0 }, { "x.!!!.s", 0 },
    { "", 0 }, { ".", 0 }, { "..", 0 }, { "opaque-token", 0 }, { "a.b", 0 },
  };
  size_t i;
  for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
    CHECK(rows[i].token, fal_login_expiry(rows[i].token,
          strlen(rows[i].token)) == rows[i].when);
}


static const char *found (int login) {
  static char shown[200];
  double until;
  char *s = fal_credentials_found(login, &until);
  snprintf(shown, sizeof(shown), "%s %.0f", s != NULL ? s : "?", until);
  free(s);
  return shown;
}


static void is (const char *what, int login, const char *expected) {
  const char *s = found(login);
  CHECK_TEXT(what, s, strlen(s), expected);
}


static void store (const char *dir, const char *text) {
  char path[300];
  FILE *f;
  snprintf(path, sizeof(path), "%s/auth0_token", dir);
  f = fopen(path, "w");
  CHECK(path, f != NULL);
  fputs(text, f);
  fclose(f);
}


static void sources (void) {
  static const char *const names[] = {
    "FAL_KEY", "FAL_KEY_ID", "FAL_KEY_SECRET", "FAL_FORCE_AUTH_BY_USER"
  };
  char dir[] = "/tmp/fal-login-XXXXXX", path[300];
  size_t i;
  for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
    unsetenv(names[i]);
  CHECK("a folder", mkdtemp(dir) != NULL);
  setenv("FAL_HOME_DIR", dir, 1);
  is("nothing at all", 1, " 0");
  store(dir, "refresh\nx.eyJleHAiOjE3Njc2MDg0MzB9.s\n");
  is("a login", 1, "Bearer x.eyJleHAiOjE3Njc2MDg0MzB9.s 1767608430");
  is("that is not wanted", 0, " 0");
  store(dir, "refresh\r\nopaque\r\nmore\r\n");
  is("a login that does not say when", 1, "Bearer opaque 0");
  store(dir, "refresh\n\nx\n");
  is("half a login", 1, " 0");
  store(dir, "refresh");
  is("a quarter", 1, " 0");
  store(dir, "refresh\naccess");
  setenv("FAL_KEY_ID", "id", 1);
  is("an id without a secret", 1, "Bearer access 0");
  setenv("FAL_KEY_SECRET", "secret", 1);
  is("the pair", 1, "id:secret 0");
  setenv("FAL_KEY", "a:b", 1);
  is("the key", 1, "a:b 0");
  setenv("FAL_FORCE_AUTH_BY_USER", "1", 1);
  is("the login is forced", 1, "Bearer access 0");
  is("but not where it must not go", 0, " 0");
  setenv("FAL_FORCE_AUTH_BY_USER", "0", 1);
  is("it is not", 1, "a:b 0");
  unsetenv("FAL_KEY");
  unsetenv("FAL_KEY_ID");
  setenv("HOME", dir, 1);
  setenv("FAL_HOME_DIR", "~", 1);
  is("below the home folder", 1, "Bearer access 0");
  unsetenv("FAL_HOME_DIR");
  is("nothing in ~/.fal", 1, " 0");
  snprintf(path, sizeof(path), "%s/auth0_token", dir);
  unlink(path);
  rmdir(dir);
}


int main (void) {
  expiry();
  sources();
  return TEST_END("credentials");
}
