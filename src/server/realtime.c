/*
** realtime.c -- realtime connections and HTTP over WebSocket (protocol 7)
**
** GET {id}/realtime upgrades to a socket on which each message is an input,
** in MessagePack or JSON, and is answered in kind. GET ws/{id} upgrades to one
** on which each message is the body of a POST, answered by a start, the body
** and an end.
*/
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../core/fal.h"
#include "../core/json.h"
#include "live.h"
#include "token.h"

#define BORED    300.0   /* seconds without an input before we part */
#define WAITING  60      /* inputs in line; the most that may be asked for */


static void say (serve_live *v, fal_buf *b) {
  serve_live_send(v, 1, b->s, b->n);
  fal_buf_free(b);
}


/*
** {======================================================
** Realtime
** =======================================================
*/

/* {"type":"x-fal-error", ...}: what the clients call an error. */
static void say_error (serve_live *v, const char *error, const char *reason,
                       size_t n) {
  fal_buf b;
  fal_buf_init(&b, 65536);
  fal_buf_addstr(&b, "{\"type\":\"x-fal-error\",\"error\":");
  fal_json_put_string(&b, error, strlen(error));
  fal_buf_addstr(&b, ",\"reason\":");
  if (fal_json_put_string(&b, reason, n) != FAL_OK)
    fal_buf_addstr(&b, "\"\"");
  fal_buf_addstr(&b, "}");
  say(v, &b);
}


static const char *error_word (unsigned int status) {
  switch (status) {
    case 401: return "UNAUTHORIZED";
    case 404: return "NOT_FOUND";
    case 422: return "INVALID_INPUT";
    case 429: return "TOO_MANY_REQUESTS";
    case 499: return "CANCELED";
    case 504: return "GENERATION_TIMEOUT";
    default: return "INTERNAL_ERROR";
  }
}


/* The flaws of a refused input as one line: "prompt: Field required; ..." */
static void put_flaws (const fal_buf *body, fal_buf *out) {
  int i;
  for (i = 0; i < 8; i++) {
    char path[40];
    fal_buf name, msg;
    fal_buf_init(&name, 256);
    fal_buf_init(&msg, 4096);
    snprintf(path, sizeof(path), "detail.%d.msg", i);
    if (fal_json_find_string(body->s, body->n, path, &msg)) {
      snprintf(path, sizeof(path), "detail.%d.loc.1", i);
      if (out->n > 0)
        fal_buf_addstr(out, "; ");
      if (fal_json_find_string(body->s, body->n, path, &name))
        fal_buf_addf(out, "%.*s: ", (int)name.n, name.s);
      fal_buf_add(out, msg.s, msg.n);
    }
    fal_buf_free(&name);
    fal_buf_free(&msg);
  }
}


static void refuse (serve_live *v) {
  const serve_reply *reply = &v->job.reply;
  fal_buf b;
  fal_buf_init(&b, 32768);
  if (!fal_json_find_string(reply->body.s, reply->body.n, "detail", &b))
    put_flaws(&reply->body, &b);
  say_error(v, error_word(reply->status), b.s != NULL ? b.s : "", b.n);
  fal_buf_free(&b);
}


static int any_input (serve_live *v, const serve_message *m) {
  (void)v;
  (void)m;
  return 1;
}


static void send_result (serve_live *v) {
  const serve_reply *reply = &v->job.reply;
  fal_buf b;
  if (reply->status < 200 || reply->status > 299) {
    refuse(v);
    return;
  }
  serve_live_send(v, v->now->text, reply->body.s, reply->body.n);
  fal_buf_init(&b, 256);
  fal_buf_addf(&b, "{\"type\":\"x-fal-message\",\"action\":\"timings\","
               "\"timing\":%.6f}", fal_now() - v->began);
  say(v, &b);
}


static void part (serve_live *v) {
  static const char why[] = "no input for a while";
  say_error(v, "TIMEOUT", why, sizeof(why) - 1);
  serve_socket_close(&v->socket, 1000, why);
}


static const serve_live_class realtime = {
  SERVE_REALTIME, WAITING, 1, BORED, any_input, send_result, part
};


static const char *argument (const serve_request *r, const char *name) {
  return MHD_lookup_connection_value(r->mc, MHD_GET_ARGUMENT_KIND, name);
}


/* Takes "/realtime" (or, as older clients have it, "/ws") off an id. */
static void app_of (const char *path, char *to, size_t n) {
  static const char *const ends[] = {"/realtime", "/ws"};
  size_t i, k;
  snprintf(to, n, "%s", path);
  k = strlen(to);
  while (k > 0 && to[k - 1] == '/')
    to[--k] = '\0';
  for (i = 0; i < 2; i++) {
    size_t e = strlen(ends[i]);
    if (k > e && strcmp(to + k - e, ends[i]) == 0) {
      to[k - e] = '\0';
      return;
    }
  }
}


/* Who calls: by the token, else as for any request. 0 after a refusal. */
static int who (serve_request *r, const char *app, char *owner, size_t n) {
  const char *token = argument(r, "fal_jwt_token");
  const char *why;
  snprintf(owner, n, "%s", r->owner);
  if (token == NULL)
    return 1;
  why = serve_token_check(r->s, token, app, owner, n);
  if (why == NULL)
    return 1;
  serve_answer_detail(&r->answer, MHD_HTTP_UNAUTHORIZED, NULL,
                      "Unauthorized: %s", why);
  return 0;
}


int serve_realtime (serve_request *r) {
  const char *most = argument(r, "max_buffering");
  char app[300], owner[128];
  int max = 0;
  if (r->role != ROLE_RUN || !serve_socket_wanted(r))
    return 0;
  app_of(r->rest, app, sizeof(app));
  if (most != NULL && ((max = atoi(most)) < 1 || max > WAITING))
    serve_answer_detail(&r->answer, MHD_HTTP_BAD_REQUEST, "bad_request",
                        "max_buffering must be from 1 to %d", WAITING);
  else if (!serve_endpoints_known(r->s->pool, app))
    serve_answer_detail(&r->answer, MHD_HTTP_NOT_FOUND, NULL,
                        "There is no endpoint '%.100s' here", app);
  else if (who(r, app, owner, sizeof(owner)))
    serve_live_open(r, &realtime, app, owner, max);
  return 1;
}

/* }====================================================== */


/*
** {======================================================
** HTTP over WebSocket
** =======================================================
*/

static void say_control (serve_live *v, const char *type, fal_buf *more) {
  unsigned int status = v->job.reply.status;
  fal_buf b;
  fal_buf_init(&b, 65536);
  fal_buf_addf(&b, "{\"type\":\"%s\",\"request_id\":\"%s\",\"status\":%u,",
               type, v->id, status);
  fal_buf_add(&b, more->s, more->n);
  fal_buf_addstr(&b, "}");
  fal_buf_free(more);
  say(v, &b);
}


/* "name: value\r\n"... as a JSON object, to 'b'. */
static void put_headers (const fal_buf *head, fal_buf *b) {
  const char *p = head->s, *end = head->s + head->n;
  int some = 0;
  fal_buf_addstr(b, "\"headers\":{");
  while (p < end) {
    const char *eol = memchr(p, '\r', (size_t)(end - p));
    const char *colon = eol != NULL ? memchr(p, ':', (size_t)(eol - p)) : NULL;
    if (colon == NULL)
      break;
    if (some++)
      fal_buf_addstr(b, ",");
    fal_json_put_string(b, p, (size_t)(colon - p));
    fal_buf_addstr(b, ":");
    colon += 1 + strspn(colon + 1, " ");
    if (fal_json_put_string(b, colon, (size_t)(eol - colon)) != FAL_OK)
      fal_buf_addstr(b, "\"\"");
    p = eol + 2;
  }
  fal_buf_addstr(b, "}");
}


static void send_exchange (serve_live *v) {
  const serve_reply *reply = &v->job.reply;
  double seconds = fal_now() - v->began;
  fal_buf b;
  fal_buf_init(&b, 32768);
  put_headers(&reply->head, &b);
  say_control(v, "start", &b);
  serve_live_send(v, fal_utf8_check(reply->body.s, reply->body.n)
                     == reply->body.n, reply->body.s, reply->body.n);
  fal_buf_init(&b, 256);
  fal_buf_addf(&b, "\"time_to_first_byte_seconds\":%.6f", seconds);
  say_control(v, "end", &b);
}


/* Bodies are JSON, so they come as text. */
static int only_text (serve_live *v, const serve_message *m) {
  if (!m->text)
    serve_socket_close(&v->socket, 1003, "a body is JSON, as a text frame");
  return m->text;
}


static const serve_live_class exchanges = {
  SERVE_RUN, WAITING, 0, 0, only_text, send_exchange, NULL
};


int serve_ws (serve_request *r) {
  char app[300];
  if (r->role != ROLE_WS)
    return 0;
  snprintf(app, sizeof(app), "%s", r->rest);
  serve_live_open(r, &exchanges, app, r->owner, 0);
  return 1;
}

/* }====================================================== */
