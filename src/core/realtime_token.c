/*
** realtime_token.c -- the token of a realtime connection (protocol 7)
**
** It is asked for with the key, is good for one app, and is used until most
** of its time is over, also for several connections.
*/
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "realtime_private.h"

#define FRESH  0.9   /* of its time it is used */


static void wipe (char **s) {
  fal_wipe(*s);
  free(*s);
  *s = NULL;
}


void fal_rt_token_clear (fal_rt_token *t) {
  fal_buf_free(&t->alias);
  wipe(&t->credentials);
  wipe(&t->text);
}


void fal_rt_token_drop (fal_rt_token *t) {
  wipe(&t->text);
}


int fal_rt_token_fresh (const fal_rt_token *t) {
  return t->text != NULL && fal_now() < t->fresh_until;
}


fal_code fal_rt_token_key (fal_rt_token *t, const char *credentials) {
  char *copy = credentials != NULL ? strdup(credentials) : NULL;
  if (credentials != NULL && copy == NULL)
    return FAL_ENOMEM;
  wipe(&t->credentials);
  t->credentials = copy;
  return FAL_OK;
}


fal_code fal_rt_token_ask (const fal_rt_token *t, fal_call *c,
                           fal_error *err) {
  const fal_client *client = c->op->client;
  fal_code code = fal_client_check_key(client, FAL_ROLE_REST,
    t->credentials != NULL ? t->credentials : client->credentials, err);
  if (code != FAL_OK)
    return code;
  fal_buf_addf(&c->url, "%s/tokens/", client->hosts[FAL_ROLE_REST]);
  fal_buf_addstr(&c->input, "{\"allowed_apps\":[");
  fal_json_put_string(&c->input, t->alias.s, t->alias.n);
  fal_buf_addf(&c->input, "],\"token_expiration\":%ld}",
               (long)ceil(t->expiration));
  c->x.has_body = 1;
  c->x.max_body = FAL_MAX_TOKEN;
  c->safe = 1;
  if (t->credentials != NULL)
    code = fal_call_headers(c, t->credentials, NULL, err);
  return code == FAL_OK ? fal_call_start(c, err) : code;
}


/* A JSON string, or an object with it. */
fal_code fal_rt_token_read (fal_rt_token *t, const fal_answer *a,
                            fal_error *err) {
  fal_buf text;
  char *escaped;
  fal_buf_init(&text, FAL_MAX_TOKEN);
  if (!fal_json_find_string(a->body, a->body_n, "", &text) &&
      !fal_json_find_string(a->body, a->body_n, "token", &text)) {
    if (fal_json_find_string(a->body, a->body_n, "detail", &text))
      fal_fail(err, FAL_EAUTH, "no realtime token: %.*s", (int)text.n,
               text.s);
    else
      fal_fail(err, FAL_EPROTOCOL, "no realtime token in the answer of the "
               "token endpoint");
    fal_buf_free(&text);
    return err->code;
  }
  escaped = text.n > 0 ? curl_easy_escape(NULL, text.s, (int)text.n) : NULL;
  wipe(&t->text);
  t->text = escaped != NULL ? strdup(escaped) : NULL;
  curl_free(escaped);
  if (fal_buf_cstr(&text) != NULL)
    wipe(&text.s);
  if (t->text == NULL)
    return fal_fail(err, FAL_EPROTOCOL, "an empty realtime token");
  t->fresh_until = fal_now() + t->expiration * FRESH;
  t->used = 0;
  return FAL_OK;
}
