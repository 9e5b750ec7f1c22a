/*
** scope.c -- the apps that a token is for
*/
#include <string.h>

#include "../core/endpoint.h"
#include "../core/json.h"
#include "scope.h"


/* Does "alias", "owner/alias" or anything below that name the app? */
static int names (const char *app, size_t n, const char *id) {
  fal_endpoint ep, asked;
  if (fal_endpoint_parse(id, strlen(id), &ep, NULL) != FAL_OK)
    return 0;
  if (memchr(app, '/', n) == NULL)
    return n == ep.alias.n && memcmp(app, ep.alias.s, n) == 0;
  return fal_endpoint_parse(app, n, &asked, NULL) == FAL_OK &&
         asked.ns.n == ep.ns.n && asked.owner.n == ep.owner.n &&
         asked.alias.n == ep.alias.n &&
         memcmp(asked.owner.s, ep.owner.s, ep.owner.n) == 0 &&
         memcmp(asked.alias.s, ep.alias.s, ep.alias.n) == 0;
}


/* Calls for each app in the array until one names 'id'; with id NULL, counts
** them: how many, or -1 when it is no array of strings. */
static int look (const char *s, size_t n, const char *id) {
  fal_json j;
  fal_json_token t;
  int count = 0, found = 0;
  fal_json_open(&j, s, n, 2);
  if (fal_json_next(&j, &t) != FAL_JSON_ARRAY)
    count = -1;
  while (count >= 0 && fal_json_next(&j, &t) == FAL_JSON_STRING) {
    count++;
    found = found || (id != NULL && names(t.s, t.n, id));
  }
  if (t.kind != FAL_JSON_ARRAY_END)
    count = -1;
  fal_json_close(&j);
  return id != NULL ? found : count;
}


int serve_scope_count (const char *s, size_t n) {
  return look(s, n, NULL);
}


int serve_scope_has (const char *s, size_t n, const char *id) {
  return look(s, n, id);
}
