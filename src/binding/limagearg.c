/*
** limagearg.c -- what the functions of fal.image take: numbers and colors
*/
#include <string.h>

#include "lfal.h"
#include "limage.h"


uint32_t lfal_image_number (lua_State *L, int idx, lua_Integer min,
                            lua_Integer max) {
  lua_Integer i = luaL_checkinteger(L, idx);
  if (i < min || i > max)
    luaL_argerror(L, idx, lua_pushfstring(L, "must be from %d to %d",
                                          (int)min, (int)max));
  return (uint32_t)i;
}

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


int lfal_image_is_color (lua_State *L, int idx, uint8_t c[4]) {
  size_t n;
  const char *s;
  c[3] = 255;
  switch (lua_type(L, idx)) {
    case LUA_TSTRING:
      s = lua_tolstring(L, idx, &n);
      return hex_color(s, n, c);
    case LUA_TTABLE:
      return table_color(L, idx, c);
    case LUA_TNUMBER:
      lua_pushvalue(L, idx);
      if (!pop_channel(L, &c[0]))
        return 0;
      c[1] = c[2] = c[0];
      return 3;
    default:
      return 0;
  }
}


int lfal_image_color (lua_State *L, int idx, uint8_t c[4]) {
  int channels = lfal_image_is_color(L, idx, c);
  if (channels == 0)
    luaL_argerror(L, idx, "a color is \"#rgb\", \"#rrggbb\", \"#rrggbbaa\", "
                  "{r, g, b[, a]} or a gray, in numbers from 0 to 255");
  return channels;
}
