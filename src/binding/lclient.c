/*
** lclient.c -- clients, which are settings, as Lua objects
*/
#include "lengine.h"

#define CLIENT_T  "fal.ClientBox"

const char *const lfal_role_names[FAL_ROLES + 1] = {
  "run", "queue", "rest", "cdn", "realtime", "api", NULL
};


fal_client *lfal_to_client (lua_State *L, int idx) {
  return lfal_open_box(L, idx, CLIENT_T, "the client");
}


const char *const *lfal_headers (lua_State *L, int idx, const char *name,
                                 const char *lines[LFAL_MAX_HEADERS + 1]) {
  int n = 0;
  lua_getfield(L, idx, name);
  if (lua_isnil(L, -1))
    return NULL;
  luaL_checktype(L, -1, LUA_TTABLE);
  for (;;) {
    lua_rawgeti(L, -1, n + 1);
    if (lua_type(L, -1) != LUA_TSTRING)
      break;
    if (n >= LFAL_MAX_HEADERS)
      luaL_error(L, "more than %d headers", LFAL_MAX_HEADERS);
    lines[n++] = lua_tostring(L, -1);
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
  lines[n] = NULL;
  return lines;
}


/* core.client{...} -> Client | nil, err */
int lfal_client_new (lua_State *L) {
  const char *lines[LFAL_MAX_HEADERS + 1];
  fal_client_options opt;
  fal_error err;
  void **box;
  int i;
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  luaL_checkstack(L, 24, NULL);
  fal_client_options_init(&opt);
  opt.base_url = lfal_field_string(L, 1, "base_url", NULL);
  opt.credentials = lfal_field_string(L, 1, "credentials", NULL);
  opt.proxy_url = lfal_field_string(L, 1, "proxy_url", NULL);
  opt.ca_file = lfal_field_string(L, 1, "ca_file", NULL);
  opt.http_proxy = lfal_field_string(L, 1, "http_proxy", NULL);
  opt.user_agent = lfal_field_string(L, 1, "user_agent", NULL);
  opt.max_response = (size_t)lfal_field_number(L, 1, "max_response", 0);
  opt.timeout = lfal_field_number(L, 1, "timeout", 0);
  opt.retry.max = (int)lfal_field_number(L, 1, "retry_max", opt.retry.max);
  opt.retry.base_delay = lfal_field_number(L, 1, "retry_base_delay",
                                           opt.retry.base_delay);
  opt.retry.max_delay = lfal_field_number(L, 1, "retry_max_delay",
                                          opt.retry.max_delay);
  opt.headers = lfal_headers(L, 1, "headers", lines);
  lua_getfield(L, 1, "hosts");
  if (lua_istable(L, -1)) {
    int hosts = lua_gettop(L);
    for (i = 0; i < FAL_ROLES; i++)
      opt.hosts[i] = lfal_field_string(L, hosts, lfal_role_names[i], NULL);
  }
  box = lfal_new_box(L, CLIENT_T);
  *box = fal_client_new(&opt, &err);
  return *box != NULL ? 1 : lfal_fail(L, &err);
}


static int client_close (lua_State *L) {
  void **box = luaL_checkudata(L, 1, CLIENT_T);
  fal_client *c = *box;
  *box = NULL;
  fal_client_free(c);
  return 0;
}


/* client:host("run") -> base URL */
static int client_host (lua_State *L) {
  fal_client *c = lfal_to_client(L, 1);
  int role = luaL_checkoption(L, 2, "run", lfal_role_names);
  lua_pushstring(L, fal_client_host(c, (fal_role)role));
  return 1;
}


static int client_has_key (lua_State *L) {
  lua_pushboolean(L, fal_client_has_key(lfal_to_client(L, 1)));
  return 1;
}


/* client:login() -> when the stored login that it has expires, in seconds since
** 1970 (0: it does not say so); nil when it has none */
static int client_login (lua_State *L) {
  double until = fal_client_login(lfal_to_client(L, 1));
  if (until < 0)
    return 0;
  lua_pushnumber(L, until);
  return 1;
}


/* client:certificates() -> the file or the folder of those it trusts; nil when
** libcurl knows its own */
static int client_certificates (lua_State *L) {
  lua_pushstring(L, fal_client_certificates(lfal_to_client(L, 1)));
  return 1;
}


/* client:scrub(text) -> the text with KEY in place of the client's key */
static int client_scrub (lua_State *L) {
  fal_client *c = lfal_to_client(L, 1);
  size_t n;
  const char *s = luaL_checklstring(L, 2, &n);
  fal_buf out;
  fal_code code;
  fal_buf_init(&out, 2 * n + 1024);
  code = fal_client_scrub(c, s, n, &out);
  if (code == FAL_OK)
    lua_pushlstring(L, out.s != NULL ? out.s : "", out.n);
  fal_buf_free(&out);
  return code == FAL_OK ? 1 : luaL_error(L, "out of memory");
}

static const luaL_Reg client_methods[] = {
  {"host", client_host},
  {"has_key", client_has_key},
  {"login", client_login},
  {"certificates", client_certificates},
  {"scrub", client_scrub},
  {"close", client_close},
  {NULL, NULL}
};


void lfal_open_clients (lua_State *L) {
  lfal_new_class(L, CLIENT_T, client_methods, NULL, client_close);
}
