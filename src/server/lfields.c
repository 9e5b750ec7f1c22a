/*
** lfields.c -- inputs that are plainly right, checked without Lua
**
** schema.lua checks any input against any fields and says what is wrong. Most
** inputs are flat, and nothing is wrong with them: those are taken here, at a
** fraction of the price. Whatever takes a second look, be it the field or the
** value, is left to schema.lua, which says what fields are and has the last
** word.
*/
#include <math.h>
#include <string.h>

#include "../binding/lfal.h"
#include "worker.h"

#define FIELDS_TYPE   "falua.fields"
#define FIELDS_MAX    100
#define WHOLE_MAX     9007199254740992.0   /* 2^53: doubles are exact so far */

typedef enum field_type {
  TYPE_ANY, TYPE_STRING, TYPE_INTEGER, TYPE_NUMBER, TYPE_BOOLEAN
} field_type;

/* 'names' has for each field its name, its enum or false, and its default or
** false, in a row. */
typedef struct field {
  field_type type;
  unsigned char required, nullable, choice, standard;
  unsigned char above, below;   /* the limit itself is not allowed */
  double min, max;              /* of a number, of a string's characters */
} field;

typedef struct field_list {
  int n;
  field fields[];
} field_list;

enum { NAME = 1, CHOICE, STANDARD, EACH = STANDARD };


/*
** {======================================================
** Reading fields
** =======================================================
*/

static int flag (lua_State *L, const char *name) {
  int yes;
  lua_getfield(L, -1, name);
  yes = lua_toboolean(L, -1);
  lua_pop(L, 1);
  return yes;
}


/* The number of that name in the field on the top: 0 when there is none. */
static int limit (lua_State *L, const char *name, double *to) {
  int there;
  lua_getfield(L, -1, name);
  there = lua_type(L, -1) == LUA_TNUMBER;
  if (there)
    *to = lua_tonumber(L, -1);
  lua_pop(L, 1);
  return there;
}


static int read_type (lua_State *L, field_type *type) {
  static const char *const names[] = {
    "any", "string", "integer", "number", "boolean", NULL
  };
  const char *name;
  int i;
  lua_getfield(L, -1, "type");
  name = lua_isnil(L, -1) ? "string" : lua_type(L, -1) == LUA_TSTRING
         ? lua_tostring(L, -1) : "";
  for (i = 0; names[i] != NULL && strcmp(names[i], name) != 0; i++)
    ;
  lua_pop(L, 1);
  *type = (field_type)i;
  return names[i] != NULL;
}


/* Puts field 'name' of the field on the top into the list 'to' as entry i, or
** false when there is none. */
static int keep (lua_State *L, const char *name, int to, int i) {
  int there;
  lua_getfield(L, -1, name);
  there = !lua_isnil(L, -1);
  if (!there) {
    lua_pop(L, 1);
    lua_pushboolean(L, 0);
  }
  lua_rawseti(L, to, i);
  return there;
}


/* Defaults that are tables are copied for each input, by schema.lua. */
static int is_table (lua_State *L, int names, int i) {
  int yes;
  lua_rawgeti(L, names, i);
  yes = lua_istable(L, -1);
  lua_pop(L, 1);
  return yes;
}


/* Of two lower limits both count: schema.lua knows how. */
static int read_limits (lua_State *L, field *f) {
  f->min = -HUGE_VAL;
  f->max = HUGE_VAL;
  if (limit(L, "min", &f->min) + limit(L, "above", &f->min) > 1 ||
      limit(L, "max", &f->max) + limit(L, "below", &f->max) > 1)
    return 0;
  f->above = (unsigned char)flag(L, "above");
  f->below = (unsigned char)flag(L, "below");
  return 1;
}


/* Reads the field on the top. 0 when it is none of ours. */
static int read_field (lua_State *L, field *f, int names, int i) {
  if (!read_type(L, &f->type) || flag(L, "items") || flag(L, "fields") ||
      flag(L, "pattern") || flag(L, "multiple_of"))
    return 0;
  f->required = (unsigned char)flag(L, "required");
  f->nullable = (unsigned char)flag(L, "nullable");
  f->choice = (unsigned char)keep(L, "enum", names, i * EACH + CHOICE);
  f->standard = (unsigned char)keep(L, "default", names, i * EACH + STANDARD);
  return read_limits(L, f) && !is_table(L, names, i * EACH + STANDARD);
}


/* fields(list) -> what 'plainly' takes; nil when one of them takes more than a
** look. The list is that of schema.list. */
static int core_fields (lua_State *L) {
  field_list *l;
  size_t n = lua_rawlen(L, 1), i;
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  if (n > FIELDS_MAX)
    return 0;
  l = lua_newuserdata(L, sizeof(*l) + n * sizeof(field));
  memset(l, 0, sizeof(*l) + n * sizeof(field));
  l->n = (int)n;
  lua_createtable(L, (int)n * EACH, 0);
  for (i = 0; i < n; i++) {
    lua_rawgeti(L, 1, (int)i + 1);
    lua_getfield(L, -1, "name");
    lua_rawseti(L, 3, (int)i * EACH + NAME);
    lua_getfield(L, -1, "field");
    if (!lua_istable(L, -1) || !read_field(L, &l->fields[i], 3, (int)i))
      return 0;
    lua_settop(L, 3);
  }
  lua_setuservalue(L, 2);
  luaL_setmetatable(L, FIELDS_TYPE);
  return 1;
}

/* }====================================================== */


/*
** {======================================================
** Checking
** =======================================================
*/

static int within (const field *f, double v) {
  return v >= f->min && v <= f->max && !(f->above && v == f->min) &&
         !(f->below && v == f->max);
}


/* Between the limits however many bytes its characters have. */
static int has_length (const field *f, size_t n) {
  return (double)n <= f->max && (double)(n / 4) >= f->min;
}


/* Is the value on the top one of those in the list of 'names' at i? */
static int is_choice (lua_State *L, int names, int i) {
  int k, n, same = 0;
  lua_rawgeti(L, names, i);
  n = (int)lua_rawlen(L, -1);
  for (k = 1; k <= n && !same; k++) {
    lua_rawgeti(L, -1, k);
    same = lua_rawequal(L, -1, -3);
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
  return same;
}


/* Is the value on the top plainly right? */
static int is_right (lua_State *L, const field *f, int names, int i) {
  int type = lua_type(L, -1);
  switch (f->type) {
    case TYPE_ANY:
      break;
    case TYPE_STRING:
      if (type != LUA_TSTRING || !has_length(f, lua_rawlen(L, -1)))
        return 0;
      break;
    case TYPE_INTEGER:
      if (!lua_isinteger(L, -1))
        return 0;
      /* FALLTHROUGH */
    case TYPE_NUMBER:
      if (type != LUA_TNUMBER || !within(f, lua_tonumber(L, -1)) ||
          fabs(lua_tonumber(L, -1)) > WHOLE_MAX)
        return 0;
      break;
    case TYPE_BOOLEAN:
      if (type != LUA_TBOOLEAN)
        return 0;
      break;
  }
  return !f->choice || is_choice(L, names, i * EACH + CHOICE);
}


/* plainly(fields, input) -> the input as it is to be used; nil when that takes
** more than a look. Both are those of schema.check, where all is said. */
static int core_plainly (lua_State *L) {
  const field_list *l = luaL_checkudata(L, 1, FIELDS_TYPE);
  int i;
  lua_settop(L, 2);
  if (!lua_istable(L, 2) || lua_getmetatable(L, 2))
    return 0;  /* an array, for one */
  lua_getuservalue(L, 1);           /* names at 3 */
  lua_createtable(L, 0, l->n);      /* the result at 4 */
  for (i = 0; i < l->n; i++) {
    const field *f = &l->fields[i];
    lua_rawgeti(L, 3, i * EACH + NAME);
    lua_pushvalue(L, -1);
    lua_rawget(L, 2);
    if (f->nullable && lua_islightuserdata(L, -1) &&
        lua_touserdata(L, -1) == NULL) {
      lua_pop(L, 1);
      lua_pushnil(L);
    }
    if (!lua_isnil(L, -1) ? !is_right(L, f, 3, i) : f->required)
      return 0;
    if (lua_isnil(L, -1) && f->standard) {
      lua_pop(L, 1);
      lua_rawgeti(L, 3, i * EACH + STANDARD);
    }
    lua_rawset(L, 4);
  }
  return 1;
}

/* }====================================================== */


void serve_open_fields (lua_State *L) {
  static const luaL_Reg functions[] = {
    {"fields", core_fields},
    {"plainly", core_plainly},
    {NULL, NULL}
  };
  luaL_newmetatable(L, FIELDS_TYPE);
  lua_pop(L, 1);
  luaL_setfuncs(L, functions, 0);
}
