/*
** hook.c -- what falua listen and falua trigger need of webhooks
**
** Keys are 32 bytes, the private half of an Ed25519 pair.
*/
#include <string.h>

#include "../binding/lengine.h"
#include "../server/listener.h"
#include "../server/serve.h"
#include "../server/sign.h"
#include "host.h"


static const unsigned char *to_key (lua_State *L, int idx) {
  size_t n;
  const char *s = luaL_checklstring(L, idx, &n);
  luaL_argcheck(L, n == SIGN_KEY, idx, "not a key");
  return (const unsigned char *)s;
}


/* derive(secret) -> the key of the server whose data folder has that secret */
static int hook_derive (lua_State *L) {
  unsigned char key[SIGN_KEY];
  serve_sign_key(to_key(L, 1), key);
  lua_pushlstring(L, (const char *)key, sizeof(key));
  return 1;
}


/* jwks(key) -> the document that lets others verify */
static int hook_jwks (lua_State *L) {
  const unsigned char *key = to_key(L, 1);
  fal_buf b;
  int ok;
  fal_buf_init(&b, 512);
  ok = serve_sign_jwks(key, &b) == FAL_OK;
  if (ok)
    lua_pushlstring(L, b.s, b.n);
  fal_buf_free(&b);
  return ok ? 1 : luaL_error(L, "no document of that key can be made");
}


/* sign(key, request_id, user, timestamp, body) -> signature in hex */
static int hook_sign (lua_State *L) {
  const unsigned char *key = to_key(L, 1);
  char hex[SIGN_HEX];
  size_t n;
  const char *body = luaL_checklstring(L, 5, &n);
  if (!serve_sign_delivery(key, luaL_checkstring(L, 2), luaL_checkstring(L, 3),
                           luaL_checkstring(L, 4), body, n, hex))
    return luaL_error(L, "it cannot be signed");
  lua_pushstring(L, hex);
  return 1;
}


/* uuid() -> a random one */
static int hook_uuid (lua_State *L) {
  char id[37];
  serve_uuid(id);
  lua_pushstring(L, id);
  return 1;
}


/*
** {======================================================
** Listeners
** =======================================================
*/

#define LISTENER_T  "falua.Listener"

static serve_listener *to_listener (lua_State *L) {
  return lfal_open_box(L, 1, LISTENER_T, "the listener");
}


/* What is wrong with being reached by others while anything is taken. */
static const serve_bind_fear open_to_all = {
  "with --insecure anybody could have anything done here",
  "listen on 127.0.0.1, or leave --insecure out"
};


/* listen{listen, path, max_body, insecure} -> Listener | nil, err */
static int hook_listen (lua_State *L) {
  serve_listener_options opt;
  fal_error err;
  void **box;
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  memset(&opt, 0, sizeof(opt));
  opt.listen = lfal_field_string(L, 1, "listen", NULL);
  opt.path = lfal_field_string(L, 1, "path", NULL);
  opt.max_body = (size_t)lfal_field_number(L, 1, "max_body", 0);
  opt.fear = lfal_field_boolean(L, 1, "insecure", 0) ? &open_to_all : NULL;
  luaL_argcheck(L, opt.listen != NULL, 1, "no address");
  box = lfal_new_box(L, LISTENER_T);
  *box = serve_listener_new(&opt, &err);
  return *box != NULL ? 1 : lfal_fail(L, &err);
}


/* Also __gc and __close. Who still waits is answered 503. */
static int listener_close (lua_State *L) {
  void **box = luaL_checkudata(L, 1, LISTENER_T);
  serve_listener *l = *box;
  *box = NULL;
  serve_listener_free(l);
  return 0;
}


static int listener_url (lua_State *L) {
  lua_pushstring(L, serve_listener_url(to_listener(L)));
  return 1;
}


/* Readable when 'next' has something. */
static int listener_pollfd (lua_State *L) {
  lua_pushinteger(L, serve_listener_fd(to_listener(L)));
  return 1;
}


/* next() -> id, head, body of a delivery; nil when there is none */
static int listener_next (lua_State *L) {
  const serve_letter *t = serve_listener_take(to_listener(L));
  if (t == NULL)
    return 0;
  lua_pushinteger(L, (lua_Integer)t->id);
  lua_pushlstring(L, t->head.n > 0 ? t->head.s : "", t->head.n);
  lua_pushlstring(L, t->body.n > 0 ? t->body.s : "", t->body.n);
  return 3;
}


/* answer(id, status, text) */
static int listener_answer (lua_State *L) {
  serve_listener_answer(to_listener(L), (uint64_t)luaL_checkinteger(L, 2),
                        (unsigned int)luaL_checkinteger(L, 3),
                        luaL_checkstring(L, 4));
  return 0;
}


static const luaL_Reg listener_methods[] = {
  {"url", listener_url},
  {"pollfd", listener_pollfd},
  {"next", listener_next},
  {"answer", listener_answer},
  {"close", listener_close},
  {NULL, NULL}
};

/* }====================================================== */


static const luaL_Reg functions[] = {
  {"derive", hook_derive},
  {"jwks", hook_jwks},
  {"sign", hook_sign},
  {"uuid", hook_uuid},
  {"listen", hook_listen},
  {NULL, NULL}
};


int host_open_hook (lua_State *L) {
  lfal_new_class(L, LISTENER_T, listener_methods, NULL, listener_close);
  luaL_newlib(L, functions);
  return 1;
}
