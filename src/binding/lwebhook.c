/*
** lwebhook.c -- verifying webhooks, for lua/fal/webhook.lua
*/
#include <string.h>

#include "../core/webhook.h"
#include "lfal.h"

#define KEYS_T  "fal.WebhookKeys"


static fal_webhook_keys *new_keys (lua_State *L) {
  fal_webhook_keys *keys = lua_newuserdata(L, sizeof(*keys));
  memset(keys, 0, sizeof(*keys));
  luaL_setmetatable(L, KEYS_T);
  return keys;
}


/* keys{32 bytes, ...} -> keys */
static int webhook_keys (lua_State *L) {
  fal_error err;
  fal_webhook_keys *keys;
  size_t i;
  luaL_checktype(L, 1, LUA_TTABLE);
  keys = new_keys(L);
  for (i = 1; i <= lua_rawlen(L, 1); i++) {
    size_t n = 0;
    const char *s;
    lua_rawgeti(L, 1, (int)i);
    s = lua_type(L, -1) == LUA_TSTRING ? lua_tolstring(L, -1, &n) : NULL;
    if (s == NULL || n != FAL_WEBHOOK_KEY)
      return luaL_error(L, "key %d is not a string of %d bytes", (int)i,
                        FAL_WEBHOOK_KEY);
    if (fal_webhook_add_key(keys, s, &err) != FAL_OK)
      return luaL_error(L, "%s", err.message);
    lua_pop(L, 1);
  }
  return 1;
}


/* jwks(text) -> keys | nil, err */
static int webhook_jwks (lua_State *L) {
  fal_error err;
  size_t n;
  const char *s = luaL_checklstring(L, 1, &n);
  if (fal_webhook_jwks(s, n, new_keys(L), &err) != FAL_OK)
    return lfal_fail(L, &err);
  return 1;
}


static int keys_len (lua_State *L) {
  const fal_webhook_keys *keys = luaL_checkudata(L, 1, KEYS_T);
  lua_pushinteger(L, (lua_Integer)keys->n);
  return 1;
}


/* A header at argument 'arg', nil when it is missing. */
static fal_webhook_text header (lua_State *L, int arg) {
  fal_webhook_text t;
  t.s = luaL_optlstring(L, arg, NULL, &t.n);
  return t;
}


/* verify(request id, user id, timestamp, signature, body, keys, now,
** tolerance) -> true | nil, err */
static int webhook_verify (lua_State *L) {
  fal_error err;
  fal_webhook w;
  const fal_webhook_keys *keys = luaL_checkudata(L, 6, KEYS_T);
  w.request_id = header(L, 1);
  w.user_id = header(L, 2);
  w.timestamp = header(L, 3);
  w.signature = header(L, 4);
  w.body = luaL_checklstring(L, 5, &w.body_n);
  if (fal_webhook_verify(&w, keys, luaL_checknumber(L, 7),
                         luaL_checknumber(L, 8), &err) != FAL_WEBHOOK_OK)
    return lfal_fail(L, &err);
  lua_pushboolean(L, 1);
  return 1;
}


static const luaL_Reg webhook[] = {
  {"keys", webhook_keys},
  {"jwks", webhook_jwks},
  {"verify", webhook_verify},
  {NULL, NULL}
};


int lfal_open_webhook (lua_State *L) {
  luaL_newmetatable(L, KEYS_T);
  lua_pushcfunction(L, keys_len);
  lua_setfield(L, -2, "__len");
  lua_pop(L, 1);
  luaL_newlib(L, webhook);
  return 1;
}
