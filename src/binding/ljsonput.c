/*
** ljsonput.c -- Lua values to JSON
**
** Walks tables with raw access and appends to a buffer. What JSON cannot say
** is refused with the way to it, "input.loras[2].path", which is kept as a
** list on the C stack and costs nothing until somebody needs it.
*/
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lfal.h"
#include "ljson.h"

#include "../core/json.h"

/* Floats are written as floats where there are integers beside them. */
#define WHOLE  (!LFAL_INTEGERS)

/* The way to the value being written, for messages; on the C stack. */
typedef struct Place {
  const struct Place *up;
  const char *name;   /* NULL in an array */
  size_t i;           /* index, or length of the name */
} Place;

typedef struct Encoder {
  lua_State *L;
  fal_buf *out;
  fal_error *err;
  const char *root;
  const Place *place;
  int sorted, pretty;
  int depth;
} Encoder;


static void add_place (fal_buf *b, const Place *p) {
  if (p == NULL)
    return;
  add_place(b, p->up);
  if (p->name == NULL)
    fal_buf_addf(b, "[%lu]", (unsigned long)p->i);
  else if (fal_buf_addf(b, b->n > 0 ? "." : "") == FAL_OK)
    fal_buf_add(b, p->name, p->i);
}


/* Refuses the value at hand: "input.loras[2].path: WHY". A way too long for a
** message loses its end. */
static fal_code refuse (Encoder *e, const char *why) {
  char place[200];
  fal_buf b;
  fal_buf_init(&b, sizeof(place) * 4);
  fal_buf_addstr(&b, e->root);
  add_place(&b, e->place);
  fal_copy_text(place, sizeof(place), b.n > 0 ? b.s : "", b.n);
  fal_buf_free(&b);
  return fal_fail(e->err, FAL_EVALIDATION, "%s%s%s", place,
                  place[0] != '\0' ? ": " : "", why);
}


static fal_code refuse_type (Encoder *e, int type) {
  char why[64];
  snprintf(why, sizeof(why), "a %s cannot be JSON", lua_typename(e->L, type));
  return refuse(e, why);
}


/* The same, about the entry of the table at hand whose key is at 'idx'. */
static fal_code refuse_entry (Encoder *e, int idx, const char *why) {
  lua_State *L = e->L;
  Place here = { e->place, NULL, 0 };
  fal_code code;
  if (lua_type(L, idx) == LUA_TSTRING)
    here.name = lua_tolstring(L, idx, &here.i);
  else {
    lua_Number d = lua_type(L, idx) == LUA_TNUMBER ? lua_tonumber(L, idx) : 0;
    here.i = d >= 1 && d < 1e9 ? (size_t)d : 0;
    if ((lua_Number)here.i != d || d == 0)
      return refuse(e, "a key must be a string, or one of 1..n");
  }
  e->place = &here;
  code = refuse(e, why);
  e->place = here.up;
  return code;
}


static fal_code put1 (fal_buf *b, char c) {
  if (b->cap - b->n > 1) {  /* what fits without growing is under the ceiling */
    b->s[b->n++] = c;
    return FAL_OK;
  }
  return fal_buf_add(b, &c, 1);
}


static fal_code put_number (Encoder *e, int idx) {
  lua_State *L = e->L;
  fal_code code;
  if (lua_isinteger(L, idx))
    return fal_json_put_int(e->out, (int64_t)lua_tointeger(L, idx));
  code = fal_json_put_number(e->out, lua_tonumber(L, idx), WHOLE);
  return code == FAL_EVALIDATION
         ? refuse(e, "NaN and infinities cannot be JSON") : code;
}


/* Does lua-cjson, when somebody has loaded it, have the value at 'idx' (a
** metatable or a lightuserdata) under that name? */
static int is_cjson (lua_State *L, int idx, const char *name) {
  int same = 0;
  idx = lua_absindex(L, idx);
  lua_getfield(L, LUA_REGISTRYINDEX, "_LOADED");
  lua_pushliteral(L, "cjson");
  lua_rawget(L, -2);
  if (lua_istable(L, -1)) {
    lua_pushstring(L, name);
    lua_rawget(L, -2);
    same = lua_rawequal(L, -1, idx);
    lua_pop(L, 1);
  }
  lua_pop(L, 2);
  return same;
}


int lfal_is_empty (lua_State *L, int idx) {
  idx = lua_absindex(L, idx);
  lua_pushnil(L);
  if (!lua_next(L, idx))
    return 1;
  lua_pop(L, 2);
  return 0;
}


int lfal_is_array (lua_State *L, int idx) {
  int marked = 0;
  idx = lua_absindex(L, idx);
  if (lua_getmetatable(L, idx)) {
    lua_rawgetp(L, LUA_REGISTRYINDEX, &lfal_array_key);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &lfal_empty_key);
    marked = lua_rawequal(L, -3, -2) || lua_rawequal(L, -3, -1);
    lua_pop(L, 2);
    marked = marked || is_cjson(L, -1, "array_mt") ||
             (lfal_is_empty(L, idx) && is_cjson(L, -1, "empty_array_mt"));
    lua_pop(L, 1);
  }
  return marked;
}


static fal_code new_line (Encoder *e) {
  fal_code code;
  int i;
  if (!e->pretty)
    return FAL_OK;
  code = put1(e->out, '\n');
  for (i = 0; i < e->depth && code == FAL_OK; i++)
    code = fal_buf_add(e->out, "  ", 2);
  return code;
}


static fal_code put_value (Encoder *e, int idx);


/* What comes before the i-th entry of a table, from 0. */
static fal_code put_comma (Encoder *e, size_t i) {
  fal_code code = i > 0 ? put1(e->out, ',') : FAL_OK;
  return code == FAL_OK && e->pretty ? new_line(e) : code;
}


/* Closes a table that had n entries. */
static fal_code put_end (Encoder *e, size_t n, char c) {
  fal_code code = FAL_OK;
  e->depth--;
  if (n > 0)
    code = new_line(e);
  return code == FAL_OK ? put1(e->out, c) : code;
}


/* Nothing but 1..n may be in the table at 'idx', where those are. */
static fal_code check_array (Encoder *e, int idx, size_t n) {
  lua_State *L = e->L;
  size_t count = 0;
  lua_pushnil(L);
  while (lua_next(L, idx)) {
    lua_Number k;
    lua_pop(L, 1);
    if (lua_type(L, -1) != LUA_TNUMBER)
      return refuse_entry(e, -1, "a table cannot have this and items 1..n too");
    k = lua_tonumber(L, -1);
    if (!(k >= 1 && k <= (lua_Number)n) || ++count > n)
      return refuse_entry(e, -1, "an array cannot have holes before this item");
  }
  return FAL_OK;
}


static fal_code put_array (Encoder *e, int idx, size_t n) {
  lua_State *L = e->L;
  Place here = { e->place, NULL, 0 };
  fal_code code = check_array(e, idx, n);
  e->place = &here;
  if (code == FAL_OK)
    code = put1(e->out, '[');
  for (here.i = 1; here.i <= n && code == FAL_OK; here.i++) {
    code = put_comma(e, here.i - 1);
    lua_rawgeti(L, idx, (int)here.i);
    if (lua_isnil(L, -1))
      code = refuse(e, "an array cannot have holes");
    if (code == FAL_OK)
      code = put_value(e, lua_gettop(L));
    lua_pop(L, 1);
  }
  e->place = here.up;
  return code == FAL_OK ? put_end(e, n, ']') : code;
}


/* A member whose value is at 'idx'. 'i' were before it. */
static fal_code put_member (Encoder *e, const char *name, size_t n, int idx,
                            size_t i) {
  Place here = { e->place, NULL, 0 };
  fal_code code;
  here.name = name;
  here.i = n;
  code = put_comma(e, i);
  if (code == FAL_OK)
    code = fal_json_put_string(e->out, name, n);
  if (code == FAL_EVALIDATION)
    return refuse(e, "a name that is not UTF-8 cannot be JSON");
  if (code == FAL_OK)
    code = put1(e->out, ':');
  if (code == FAL_OK && e->pretty)
    code = put1(e->out, ' ');
  if (code == FAL_OK) {
    e->place = &here;
    code = put_value(e, idx);
    e->place = here.up;
  }
  return code;
}


static fal_code put_members (Encoder *e, int idx, size_t *n) {
  lua_State *L = e->L;
  fal_code code = FAL_OK;
  lua_pushnil(L);
  while (code == FAL_OK && lua_next(L, idx)) {
    size_t len;
    const char *name;
    if (lua_type(L, -2) != LUA_TSTRING)
      return refuse_entry(e, -2, "an array cannot have holes before this item");
    name = lua_tolstring(L, -2, &len);
    code = put_member(e, name, len, lua_gettop(L), (*n)++);
    lua_pop(L, 1);
  }
  return code;
}


#define FEW   16   /* members that are sorted where they lie on the stack, */
#define DEEP  32   /* down to this depth: Lua's stack ends somewhere */

typedef struct Name {
  const char *s;
  size_t n;
  int at;          /* stack index of the name, its value above it; of few */
} Name;


static int compare_names (const void *pa, const void *pb) {
  const Name *a = pa, *b = pb;
  size_t n = a->n < b->n ? a->n : b->n;
  int order = memcmp(a->s, b->s, n);
  return order != 0 ? order : (a->n > b->n) - (a->n < b->n);
}


/* Takes the members of the table at 'idx' to the stack, in the order of their
** names, when they are few. How many, or -1 with nothing taken: they are more,
** or a key is no name. */
static int take_few (lua_State *L, int idx, Name few[FEW]) {
  int top = lua_gettop(L), n = 0, i;
  lua_pushnil(L);
  while (lua_next(L, idx)) {
    Name name;
    if (n == FEW || lua_type(L, -2) != LUA_TSTRING) {
      lua_settop(L, top);
      return -1;
    }
    name.at = top + 2 * n + 1;
    name.s = lua_tolstring(L, -2, &name.n);
    for (i = n++; i > 0 && compare_names(&few[i - 1], &name) > 0; i--)
      few[i] = few[i - 1];
    few[i] = name;
    lua_pushvalue(L, -2);
  }
  return n;
}


/* Makes a list of the names in the table at 'idx', which keeps them alive, and
** pushes what holds it. Keys that are no names are left out, but counted. */
static Name *push_names (lua_State *L, int idx, size_t *n, size_t *others) {
  Name *names;
  size_t all = 0, k = 0;
  for (lua_pushnil(L); lua_next(L, idx); lua_pop(L, 1))
    all++;
  names = lua_newuserdata(L, all * sizeof(Name));
  for (lua_pushnil(L); lua_next(L, idx); lua_pop(L, 1))
    if (lua_type(L, -2) == LUA_TSTRING) {
      names[k].s = lua_tolstring(L, -2, &names[k].n);
      k++;
    }
  qsort(names, k, sizeof(Name), compare_names);
  *n = k;
  *others = all - k;
  return names;
}


static fal_code put_many_sorted (Encoder *e, int idx, size_t *n) {
  lua_State *L = e->L;
  size_t count, others;
  Name *names = push_names(L, idx, &count, &others);
  fal_code code = FAL_OK;
  for (; *n < count && code == FAL_OK && others == 0; ++*n) {
    lua_pushlstring(L, names[*n].s, names[*n].n);
    lua_rawget(L, idx);
    code = put_member(e, names[*n].s, names[*n].n, lua_gettop(L), *n);
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
  return others > 0 ? put_members(e, idx, n) : code;  /* that one complains */
}


/* The same in the bytewise order of the names. */
static fal_code put_sorted (Encoder *e, int idx, size_t *n) {
  lua_State *L = e->L;
  Name few[FEW];
  int top = lua_gettop(L), count, i;
  fal_code code = FAL_OK;
  count = e->depth <= DEEP && lua_checkstack(L, 2 * FEW + LUA_MINSTACK)
          ? take_few(L, idx, few) : -1;
  if (count < 0)
    return put_many_sorted(e, idx, n);
  for (i = 0; i < count && code == FAL_OK; i++)
    code = put_member(e, few[i].s, few[i].n, few[i].at + 1, (*n)++);
  lua_settop(L, top);
  return code;
}


static fal_code put_object (Encoder *e, int idx) {
  size_t n = 0;
  fal_code code = put1(e->out, '{');
  if (code == FAL_OK)
    code = e->sorted ? put_sorted(e, idx, &n) : put_members(e, idx, &n);
  return code == FAL_OK ? put_end(e, n, '}') : code;
}


static fal_code put_table (Encoder *e, int idx) {
  size_t n = lua_rawlen(e->L, idx);
  int top = lua_gettop(e->L);
  fal_code code;
  if (e->depth == FAL_JSON_DEPTH)
    return refuse(e, "nested too deeply for JSON, or a table within itself");
  if (!lua_checkstack(e->L, LUA_MINSTACK))
    return FAL_ENOMEM;
  e->depth++;
  code = n > 0 || lfal_is_array(e->L, idx) ? put_array(e, idx, n)
                                           : put_object(e, idx);
  lua_settop(e->L, top);  /* an error leaves keys behind */
  return code;
}


static fal_code put_text (Encoder *e, int idx) {
  size_t n;
  const char *s = lua_tolstring(e->L, idx, &n);
  fal_code code = fal_json_put_string(e->out, s, n);
  if (code == FAL_EVALIDATION) {
    refuse(e, "a string that is not UTF-8 cannot be JSON");
    fal_hint(e->err,
             "send bytes as fal.data_uri(bytes, type) or fal.file(path)");
  }
  return code;
}


/* Writes the value at 'idx', which counts from the stack's bottom. */
static fal_code put_value (Encoder *e, int idx) {
  lua_State *L = e->L;
  int type = lua_type(L, idx);
  switch (type) {
    case LUA_TSTRING: return put_text(e, idx);
    case LUA_TNUMBER: return put_number(e, idx);
    case LUA_TTABLE: return put_table(e, idx);
    case LUA_TBOOLEAN:
      return fal_buf_addstr(e->out, lua_toboolean(L, idx) ? "true" : "false");
    case LUA_TLIGHTUSERDATA:
      if (lua_touserdata(L, idx) == NULL)
        return fal_buf_add(e->out, "null", 4);
      if (is_cjson(L, idx, "empty_array"))
        return fal_buf_add(e->out, "[]", 2);
      return refuse_type(e, type);
    default: return refuse_type(e, type);
  }
}


fal_code lfal_json_encode (lua_State *L, int idx, fal_buf *out,
                           const char *root, int flags, fal_error *err) {
  Encoder e = { L, out, err, root, NULL, flags & LFAL_JSON_SORTED,
                flags & LFAL_JSON_PRETTY, 0 };
  size_t before = out->n;
  fal_code code;
  luaL_checkstack(L, LUA_MINSTACK, "JSON");
  code = put_value(&e, lua_absindex(L, idx));
  if (code == FAL_ETOOBIG)
    fal_fail(err, code, "the JSON would pass %lu bytes",
             (unsigned long)out->max);
  else if (code == FAL_ENOMEM)
    fal_fail(err, code, "no memory for the JSON");
  if (code != FAL_OK)
    out->n = before;
  return code;
}
