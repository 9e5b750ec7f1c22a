/*
** acl.c -- who may read a file: by default, and by name
**
** Rules are kept as text, "bob=a,cat=h,": a tenant and the first letter of
** what was decided for him.
*/
#include <stdio.h>
#include <string.h>

#include "../core/json.h"
#include "files.h"

#define USER_MAX  64

static const char *const words[] = {"allow", "forbid", "hide"};


/* The decision at 'path' of s[0..n). 0 when it is none of the three. */
static int read_decision (const char *s, size_t n, const char *path,
                          files_access *access) {
  fal_buf b;
  int i, known = 0;
  fal_buf_init(&b, 32);
  if (fal_json_find_string(s, n, path, &b))
    for (i = 0; i < 3; i++)
      if (b.n == strlen(words[i]) && memcmp(b.s, words[i], b.n) == 0) {
        *access = (files_access)i;
        known = 1;
      }
  fal_buf_free(&b);
  return known;
}


/* One rule. Who cannot be a tenant here is left out. 0 when it is no rule, or
** one too many. */
static int add_rule (const char *s, size_t n, char to[FILES_RULES]) {
  static const char good[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                             "abcdefghijklmnopqrstuvwxyz-_.";
  files_access access;
  size_t used = strlen(to);
  fal_buf user;
  int ok;
  fal_buf_init(&user, 1024);
  ok = read_decision(s, n, "decision", &access) &&
       fal_json_find_string(s, n, "user", &user) &&
       fal_buf_cstr(&user) != NULL;
  if (ok && user.n > 0 && user.n < USER_MAX &&
      strspn(user.s, good) == user.n) {
    ok = used + user.n + 3 < FILES_RULES;
    if (ok)
      snprintf(to + used, FILES_RULES - used, "%s=%c,", user.s,
               words[access][0]);
  }
  fal_buf_free(&user);
  return ok;
}


static int read_rules (const char *s, size_t n, char to[FILES_RULES]) {
  char path[48];
  const char *raw;
  size_t raw_n;
  int i, kind, ok = 1;
  to[0] = '\0';
  kind = fal_json_find(s, n, "initial_acl.rules", &raw, &raw_n);
  if (kind == FAL_JSON_END || kind == FAL_JSON_NULL)
    return 1;
  ok = kind == FAL_JSON_ARRAY;
  s = raw;
  n = raw_n;
  for (i = 0; ok; i++) {
    snprintf(path, sizeof(path), "%d", i);
    kind = fal_json_find(s, n, path, &raw, &raw_n);
    if (kind == FAL_JSON_END)
      break;
    ok = kind == FAL_JSON_OBJECT && add_rule(raw, raw_n, to);
  }
  return ok;
}


int files_acl_read (const char *s, size_t n, files_meta *m) {
  const char *raw;
  size_t raw_n;
  files_access access = FILES_ALLOW;
  char rules[FILES_RULES];
  if (fal_json_find(s, n, "initial_acl.default", &raw, &raw_n) != FAL_JSON_END
      && !read_decision(s, n, "initial_acl.default", &access))
    return 0;
  if (!read_rules(s, n, rules))
    return 0;
  m->access = access;
  snprintf(m->rules, FILES_RULES, "%s", rules);
  return 1;
}


int files_acl_of (const files_meta *m, const char *user,
                  files_access *access) {
  size_t n = strlen(user);
  const char *p = m->rules;
  while (*p != '\0' && n > 0) {
    if (strncmp(p, user, n) == 0 && p[n] == '=') {
      *access = p[n + 1] == 'a' ? FILES_ALLOW
              : p[n + 1] == 'h' ? FILES_HIDE : FILES_FORBID;
      return 1;
    }
    p += strcspn(p, ",");
    p += *p == ',';
  }
  return 0;
}


int files_acl_is_open (const files_meta *m) {
  return m->access == FILES_ALLOW && m->rules[0] == '\0';
}
