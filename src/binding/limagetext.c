/*
** limagetext.c -- the texts of a picture: between a Lua table and the list
**
** A Lua allocation may run any finalizer, and so change tables and close
** pictures. So all of a table is gathered first, and what works on the list
** of a picture then calls nothing of Lua.
*/
#include <stdlib.h>
#include <string.h>

#include "lfal.h"
#include "limage.h"

typedef struct entry {
  const char *key, *value;   /* in strings of the table */
  size_t n;
} entry;


void lfal_image_pushtexts (lua_State *L, const fal_text *t) {
  lua_newtable(L);
  for (; t != NULL; t = t->next) {
    lua_pushstring(L, t->key);
    lua_pushlstring(L, t->value, t->n);
    lua_rawset(L, -3);
  }
}


/* Raises for what is no text in the table at 't', and makes strings of
** numbers. */
static void check_table (lua_State *L, int t) {
  for (lua_pushnil(L); lua_next(L, t); lua_pop(L, 1)) {
    const char *key;
    if (lua_type(L, -2) != LUA_TSTRING)
      luaL_error(L, "text: names must be strings, not a %s",
                 luaL_typename(L, -2));
    key = lua_tostring(L, -2);
    if (strlen(key) != lua_rawlen(L, -2))
      luaL_error(L, "text.%s: a zero byte in the name", key);
    if (lua_type(L, -1) == LUA_TNUMBER) {
      lua_pushvalue(L, -2);
      lua_pushvalue(L, -2);
      lua_tostring(L, -1);  /* changes it in place */
      lua_rawset(L, t);
    }
    else if (lua_type(L, -1) != LUA_TSTRING)
      luaL_error(L, "text.%s must be a string, not a %s", key,
                 luaL_typename(L, -1));
  }
}


static int by_key (const void *a, const void *b) {
  return strcmp(((const entry *)a)->key, ((const entry *)b)->key);
}


/* Pushes a block with what is in the table at 't', in order of the keys, and
** returns it with its length. */
static entry *gather (lua_State *L, int t, size_t *n) {
  entry *list;
  size_t size = 0;
  check_table(L, t);
  for (lua_pushnil(L); lua_next(L, t); lua_pop(L, 1))
    size++;
  list = lua_newuserdata(L, (size + 1) * sizeof(*list));
  *n = 0;  /* from here on, no allocation */
  for (lua_pushnil(L); lua_next(L, t); lua_pop(L, 1))
    if (*n < size && lua_type(L, -2) == LUA_TSTRING &&
        lua_type(L, -1) == LUA_TSTRING) {
      entry *e = &list[(*n)++];
      e->key = lua_tostring(L, -2);
      e->value = lua_tolstring(L, -1, &e->n);
    }
  qsort(list, *n, sizeof(*list), by_key);
  return list;
}


/* Takes the texts from the picture that are not in the list. */
static void remove_others (fal_image *im, const entry *list, size_t n) {
  const fal_text *t, *next;
  for (t = im->text; t != NULL; t = next) {
    entry wanted;
    wanted.key = t->key;
    next = t->next;
    if (bsearch(&wanted, list, n, sizeof(*list), by_key) == NULL)
      fal_image_set_text(im, wanted.key, NULL, 0, NULL);
  }
}


fal_code lfal_image_settexts (lua_State *L, int t, fal_image *im, int only,
                              fal_error *err) {
  size_t n, i;
  const entry *list = gather(L, t, &n);
  fal_code code = FAL_OK;
  if (only)
    remove_others(im, list, n);
  for (i = 0; i < n && code == FAL_OK; i++)
    code = fal_image_set_text(im, list[i].key, list[i].value, list[i].n, err);
  lua_pop(L, 1);
  return code;
}
