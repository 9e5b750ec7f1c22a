/*
** limage.c -- pictures as Lua objects
**
** A userdata is a box with one picture; no pixels means closed. Its user
** value is the table of texts that Lua sees; the picture's own list follows
** it when the picture is used in C. A Lua allocation may run a finalizer that
** closes the picture at hand: look again after each.
**
** Here is what is done to a box itself. What makes pictures of pictures or
** files is in limageops.c and limagefile.c, and its face in lua/fal/image.lua.
*/
#include <string.h>

#include "lfal.h"
#include "limage.h"

#define IMAGE_T  "fal.Image"


/*
** {======================================================
** Boxes
** =======================================================
*/

/* Pushes a closed box. */
static fal_image *new_box (lua_State *L) {
  lfal_picture *p = lua_newuserdata(L, sizeof(*p));
  memset(p, 0, sizeof(*p));
  luaL_setmetatable(L, IMAGE_T);
  lua_newtable(L);
  lua_setuservalue(L, -2);
  return &p->im;
}


/* Call when the box on the top of the stack was filled. The collector does
** not see pixels: without a step for them it would let hundreds of megabytes
** pile up. */
static void filled (lua_State *L, const fal_image *im) {
  uint64_t kb = ((uint64_t)im->width * im->height *
                 (uint64_t)im->channels) >> 10;
  lfal_image_pushtexts(L, im->text);
  lua_setuservalue(L, -2);
#ifdef LUA_GCISRUNNING
  if (!lua_gc(L, LUA_GCISRUNNING, 0))
    return;
#endif
  lua_gc(L, LUA_GCSTEP, (int)(kb < 1000000 ? kb : 1000000));
}


lfal_picture *lfal_image_at (lua_State *L, int idx) {
  lfal_picture *p = luaL_checkudata(L, idx, IMAGE_T);
  luaL_argcheck(L, p->im.pixels != NULL, idx, "image is closed");
  return p;
}


int lfal_push_image (lua_State *L, fal_image *im) {
  fal_image *box = new_box(L);
  *box = *im;
  memset(im, 0, sizeof(*im));
  filled(L, box);
  return 1;
}


/* Brings the list of the picture at 'idx' up to date with its table. */
static fal_code sync_texts (lua_State *L, int idx, fal_error *err) {
  fal_image *im = &lfal_image_at(L, idx)->im;
  fal_code code;
  lua_getuservalue(L, idx);
  code = lfal_image_settexts(L, lua_gettop(L), im, 1, err);
  lua_pop(L, 1);
  return code;
}


fal_image *lfal_to_image (lua_State *L, int idx) {
  fal_error err;
  if (sync_texts(L, lua_absindex(L, idx), &err) != FAL_OK)
    luaL_argerror(L, idx, err.message);
  return &lfal_image_at(L, idx)->im;
}


/* Also __gc and __close. Closing twice is fine. */
static int image_close (lua_State *L) {
  lfal_image_let_go(luaL_checkudata(L, 1, IMAGE_T));
  return 0;
}

/* }====================================================== */


/*
** {======================================================
** Pixels
** =======================================================
*/

/* new(width, height[, color]) */
static int image_new (lua_State *L) {
  fal_error err;
  uint8_t c[4] = {0};
  uint32_t width = lfal_image_number(L, 1, 1, 0x7FFFFFFF);
  uint32_t height = lfal_image_number(L, 2, 1, 0x7FFFFFFF);
  int channels = lua_isnoneornil(L, 3) ? 4 : lfal_image_color(L, 3, c);
  fal_image *im = new_box(L);
  size_t i, n = (size_t)channels;
  if (fal_image_new(im, width, height, channels, NULL, &err) != FAL_OK)
    return lfal_fail(L, &err);
  if (!lua_isnoneornil(L, 3))
    for (i = 0; i < (size_t)width * height; i++)
      memcpy(im->pixels + i * n, c, n);
  filled(L, im);
  return 1;
}


/* A color as a pixel of so many channels. */
static void put_pixel (uint8_t *p, int channels, const uint8_t c[4]) {
  if (channels >= 3)
    memcpy(p, c, 3);
  else
    p[0] = (uint8_t)((299 * c[0] + 587 * c[1] + 114 * c[2] + 500) / 1000);
  if (channels == 2 || channels == 4)
    p[channels - 1] = c[3];
}


static size_t offset (const fal_image *im, uint32_t x, uint32_t y) {
  return ((size_t)y * im->width + x) * (size_t)im->channels;
}


int lfal_push_pixel (lua_State *L, const fal_image *im, uint32_t x,
                     uint32_t y) {
  const uint8_t *p = im->pixels + offset(im, x, y);
  int i;
  for (i = 0; i < 3; i++)
    lua_pushinteger(L, im->channels >= 3 ? p[i] : p[0]);
  lua_pushinteger(L, im->channels % 2 == 0 ? p[im->channels - 1] : 255);
  return 4;
}


/* image:pixel(x, y) -> r, g, b, a; image:pixel(x, y, color) sets it. From the
** top left, which is 0, 0. */
static int image_pixel (lua_State *L) {
  lfal_picture *p = lfal_image_at(L, 1);
  uint32_t x = lfal_image_number(L, 2, 0, p->im.width - 1);
  uint32_t y = lfal_image_number(L, 3, 0, p->im.height - 1);
  uint8_t c[4];
  if (lua_isnoneornil(L, 4))
    return lfal_push_pixel(L, &p->im, x, y);
  lfal_image_color(L, 4, c);
  if (!lfal_image_own(p))
    return luaL_error(L, "not enough memory");
  put_pixel(p->im.pixels + offset(&p->im, x, y), p->im.channels, c);
  return 0;
}

/* }====================================================== */


/*
** {======================================================
** The class
** =======================================================
*/

/* Fields, and then methods, in the upvalue. */
static int image_index (lua_State *L) {
  const char *name = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "";
  lua_settop(L, 2);
  if (strcmp(name, "width") == 0)
    lua_pushinteger(L, (lua_Integer)lfal_image_at(L, 1)->im.width);
  else if (strcmp(name, "height") == 0)
    lua_pushinteger(L, (lua_Integer)lfal_image_at(L, 1)->im.height);
  else if (strcmp(name, "channels") == 0)
    lua_pushinteger(L, lfal_image_at(L, 1)->im.channels);
  else if (strcmp(name, "text") == 0 && lfal_image_at(L, 1) != NULL)
    lua_getuservalue(L, 1);
  else
    lua_gettable(L, lua_upvalueindex(1));
  return 1;
}


/* Only 'text' may be set, to a table that replaces all texts. */
static int image_newindex (lua_State *L) {
  lfal_image_at(L, 1);
  if (lua_type(L, 2) != LUA_TSTRING || strcmp(lua_tostring(L, 2), "text"))
    return luaL_error(L, "of an image only 'text' can be set");
  if (!lua_istable(L, 3))
    return luaL_error(L, "an image's text must be a table, not a %s",
                      luaL_typename(L, 3));
  lua_settop(L, 3);
  lua_setuservalue(L, 1);
  return 0;
}


static int image_tostring (lua_State *L) {
  const fal_image *im = luaL_checkudata(L, 1, IMAGE_T);
  if (im->pixels == NULL)
    lua_pushliteral(L, "fal.image (closed)");
  else
    lua_pushfstring(L, "fal.image (%d x %d, %d channels)", (int)im->width,
                    (int)im->height, im->channels);
  return 1;
}


/* kind(value) -> "open", "closed", or nil when it is no picture */
static int image_kind (lua_State *L) {
  const fal_image *im = lua_touserdata(L, 1);
  int same = 0;
  if (im != NULL && lua_getmetatable(L, 1)) {
    luaL_getmetatable(L, IMAGE_T);
    same = lua_rawequal(L, -1, -2);
  }
  if (!same)
    return 0;
  lua_pushstring(L, im->pixels != NULL ? "open" : "closed");
  return 1;
}


/* color(value) -> is it one? */
static int image_color (lua_State *L) {
  uint8_t c[4];
  lua_pushboolean(L, lfal_image_is_color(L, 1, c) != 0);
  return 1;
}


static const luaL_Reg methods[] = {
  {"close", image_close},
  {"pixel", image_pixel},
  {NULL, NULL}
};


static const luaL_Reg metamethods[] = {
  {"__close", image_close},
  {"__gc", image_close},
  {"__newindex", image_newindex},
  {"__tostring", image_tostring},
  {NULL, NULL}
};


static const luaL_Reg functions[] = {
  {"color", image_color},
  {"kind", image_kind},
  {"new", image_new},
  {NULL, NULL}
};


/* The table of functions, 'methods' in it being those of the class. */
int lfal_open_image (lua_State *L) {
  lfal_open_job(L);
  luaL_newlib(L, functions);
  luaL_setfuncs(L, lfal_image_operations, 0);
  luaL_setfuncs(L, lfal_image_files, 0);
  luaL_newlib(L, methods);
  luaL_newmetatable(L, IMAGE_T);
  luaL_setfuncs(L, metamethods, 0);
  lua_pushvalue(L, -2);
  lua_pushcclosure(L, image_index, 1);
  lua_setfield(L, -2, "__index");
  lua_pushliteral(L, "fal.Image");
  lua_setfield(L, -2, "__metatable");  /* hands off __gc */
  lua_pop(L, 1);
  lua_setfield(L, -2, "methods");
  return 1;
}

/* }====================================================== */
