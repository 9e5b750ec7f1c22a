/*
** limagearg.c -- what the functions of fal.image take: options and colors
*/
#include <string.h>

#include "lfal.h"
#include "limage.h"


/*
** {======================================================
** Options
** =======================================================
*/

#define LONGEST 32  /* name of an option that is compared */

static size_t least (size_t a, size_t b) {
  return a < b ? a : b;
}


/* How many letters to change to get from one name to the other. */
static size_t distance (const char *a, const char *b) {
  size_t row[LONGEST + 1], i, j, n = strlen(b);
  if (strlen(a) > LONGEST || n > LONGEST)
    return LONGEST;
  for (j = 0; j <= n; j++)
    row[j] = j;
  for (i = 1; a[i - 1] != '\0'; i++) {
    size_t corner = row[0];
    row[0] = i;
    for (j = 1; j <= n; j++) {
      size_t change = corner + (a[i - 1] != b[j - 1]);
      corner = row[j];
      row[j] = least(change, least(row[j], row[j - 1]) + 1);
    }
  }
  return row[n];
}


void lfal_image_options (lua_State *L, int idx, const char *const names[]) {
  if (lua_isnoneornil(L, idx))
    return;
  luaL_checktype(L, idx, LUA_TTABLE);
  lua_pushnil(L);
  while (lua_next(L, idx)) {
    const char *name, *nearest = names[0];
    int i;
    lua_pop(L, 1);
    name = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "?";
    for (i = 0; names[i] != NULL && strcmp(names[i], name) != 0; i++)
      if (distance(name, names[i]) < distance(name, nearest))
        nearest = names[i];
    if (names[i] == NULL)
      luaL_argerror(L, idx, lua_pushfstring(L, "no option '%s': did you "
                    "mean '%s'?", name, nearest));
  }
}


/* A number of a table of limits, 'otherwise' when it is not there. */
static uint64_t limit (lua_State *L, int idx, const char *name,
                       uint64_t otherwise) {
  double d = lfal_field_number(L, idx, name, (double)otherwise);
  if (!(d >= 0))
    luaL_argerror(L, idx, lua_pushfstring(L, "option '%s' is negative", name));
  return d < 9e15 ? (uint64_t)d : (uint64_t)9e15;
}


void lfal_image_limits (lua_State *L, int idx, fal_image_limits *lim) {
  static const char *const names[] =
    {"max_pixels", "max_bytes", "max_text", NULL};
  *lim = fal_image_default_limits;
  lfal_image_options(L, idx, names);
  if (!lua_isnoneornil(L, idx)) {
    lim->max_pixels = limit(L, idx, "max_pixels", lim->max_pixels);
    lim->max_bytes = (size_t)limit(L, idx, "max_bytes", lim->max_bytes);
    lim->max_text = (size_t)limit(L, idx, "max_text", lim->max_text);
  }
}


uint32_t lfal_image_number (lua_State *L, int idx, lua_Integer min,
                            lua_Integer max) {
  lua_Integer i = luaL_checkinteger(L, idx);
  if (i < min || i > max)
    luaL_argerror(L, idx, lua_pushfstring(L, "must be from %d to %d",
                                          (int)min, (int)max));
  return (uint32_t)i;
}

/* }====================================================== */


/*
** {======================================================
** Colors
** =======================================================
*/

static int hex_digit (char c) {
  static const char digits[] = "0123456789abcdef";
  const char *p = c != '\0' ? strchr(digits, c | 0x20) : NULL;
  return p != NULL ? (int)(p - digits) : -1;
}


/* "#rgb", "#rrggbb", "#rrggbbaa": the number of channels, 0 when it is none */
static int hex_color (const char *s, size_t n, uint8_t c[4]) {
  int digits[8];
  size_t i;
  if (s[0] != '#' || (n != 4 && n != 7 && n != 9))
    return 0;
  for (i = 0; i < n - 1; i++)
    if ((digits[i] = hex_digit(s[i + 1])) < 0)
      return 0;
  for (i = 0; i < (n == 9 ? 4 : 3); i++)
    c[i] = (uint8_t)(n == 4 ? digits[i] * 17
                            : digits[2 * i] * 16 + digits[2 * i + 1]);
  return n == 9 ? 4 : 3;
}


/* Reads the number on the top of the stack, and pops it. */
static int pop_channel (lua_State *L, uint8_t *c) {
  lua_Number d = lua_tonumber(L, -1);
  int ok = lua_type(L, -1) == LUA_TNUMBER && d >= 0 && d <= 255;
  if (ok)
    *c = (uint8_t)d;
  lua_pop(L, 1);
  return ok;
}


/* {r, g, b} or {r, g, b, a} */
static int table_color (lua_State *L, int idx, uint8_t c[4]) {
  int i, n = (int)lua_rawlen(L, idx);
  if (n != 3 && n != 4)
    return 0;
  for (i = 0; i < n; i++) {
    lua_rawgeti(L, idx, i + 1);
    if (!pop_channel(L, &c[i]))
      return 0;
  }
  return n;
}


int lfal_image_color (lua_State *L, int idx, uint8_t c[4]) {
  int channels = 0;
  c[3] = 255;
  switch (lua_type(L, idx)) {
    case LUA_TSTRING: {
      size_t n;
      const char *s = lua_tolstring(L, idx, &n);
      channels = hex_color(s, n, c);
      break;
    }
    case LUA_TTABLE:
      channels = table_color(L, idx, c);
      break;
    case LUA_TNUMBER:
      lua_pushvalue(L, idx);
      if (pop_channel(L, &c[0])) {
        c[1] = c[2] = c[0];
        channels = 3;
      }
      break;
  }
  if (channels == 0)
    luaL_argerror(L, idx, "a color is \"#rgb\", \"#rrggbb\", \"#rrggbbaa\", "
                  "{r, g, b[, a]} or a gray, in numbers from 0 to 255");
  return channels;
}

/* }====================================================== */
