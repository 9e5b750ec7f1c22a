/*
** limage.c -- fal.image: pictures as Lua objects
**
** A userdata is a box with one picture; no pixels means closed. Its user
** value is the table of texts that Lua sees; the picture's own list follows
** it when the picture is used in C. A Lua allocation may run a finalizer that
** closes the picture at hand: look again after each.
*/
#include <string.h>

#include "../core/base64.h"
#include "../core/file.h"
#include "lfal.h"
#include "limage.h"

#define IMAGE_T   "fal.Image"
#define BUFFER_T  "fal.image.buffer"
#define MAX_FILE  ((size_t)1 << 30)  /* bytes of one encoded picture */


/*
** {======================================================
** Boxes
** =======================================================
*/

/* Pushes a closed box. */
static fal_image *new_box (lua_State *L) {
  fal_image *im = lua_newuserdata(L, sizeof(*im));
  memset(im, 0, sizeof(*im));
  luaL_setmetatable(L, IMAGE_T);
  lua_newtable(L);
  lua_setuservalue(L, -2);
  return im;
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


static fal_image *to_image (lua_State *L, int idx) {
  fal_image *im = luaL_checkudata(L, idx, IMAGE_T);
  luaL_argcheck(L, im->pixels != NULL, idx, "image is closed");
  return im;
}


/* Pushes an empty buffer, which the collector frees. */
static fal_buf *new_buffer (lua_State *L, size_t max) {
  fal_buf *b = lua_newuserdata(L, sizeof(*b));
  fal_buf_init(b, max);
  luaL_setmetatable(L, BUFFER_T);
  return b;
}


static int buffer_gc (lua_State *L) {
  fal_buf_free(luaL_checkudata(L, 1, BUFFER_T));
  return 0;
}


/* Also __gc and __close. Closing twice is fine. */
static int image_close (lua_State *L) {
  fal_image_free(luaL_checkudata(L, 1, IMAGE_T));
  return 0;
}

/* }====================================================== */


/*
** {======================================================
** Making pictures
** =======================================================
*/

/* image.new(width, height[, color]) */
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


/* image.decode(bytes[, limits]) */
static int image_decode (lua_State *L) {
  fal_error err;
  fal_image_limits lim;
  size_t n;
  const char *s = luaL_checklstring(L, 1, &n);
  fal_image *im;
  lfal_image_limits(L, 2, &lim);
  im = new_box(L);
  if (fal_png_decode(s, n, &lim, im, &err) != FAL_OK)
    return lfal_fail(L, &err);
  filled(L, im);
  return 1;
}


/* Where a picture comes from. */
typedef struct source {
  const char *path;   /* NULL when it was given as bytes */
  fal_buf *file;      /* the contents of that file, else NULL */
  const char *s;
  size_t n;
} source;


/* Reads argument 1: bytes when it begins like a picture, else the name of a
** file. Leaves what it needs on the stack. */
static fal_code get_source (lua_State *L, size_t max, source *from,
                            fal_error *err) {
  fal_code code;
  memset(from, 0, sizeof(*from));
  from->s = luaL_checklstring(L, 1, &from->n);
  if (fal_image_type(from->s, from->n) != NULL ||
      strlen(from->s) != from->n)
    return FAL_OK;
  from->path = from->s;
  from->file = new_buffer(L, max);
  code = fal_file_get(from->path, from->file, err);
  from->s = from->file->n > 0 ? from->file->s : "";
  from->n = from->file->n;
  return code;
}


/* Done with it: frees the file, and puts its name into an error. */
static fal_code end_source (source *from, fal_code code, fal_error *err) {
  if (from->file != NULL)
    fal_buf_free(from->file);
  if (code != FAL_OK && from->path != NULL)
    fal_fail(err, code, "%s: %s", from->path, err->message);
  return code;
}


/* image.open(path_or_bytes[, limits]) */
static int image_open (lua_State *L) {
  fal_error err;
  fal_image_limits lim;
  source from;
  fal_image *im;
  fal_code code;
  lfal_image_limits(L, 2, &lim);
  if (get_source(L, lim.max_bytes, &from, &err) != FAL_OK)
    return lfal_fail(L, &err);
  im = new_box(L);
  code = fal_png_decode(from.s, from.n, &lim, im, &err);
  if (end_source(&from, code, &err) != FAL_OK)
    return lfal_fail(L, &err);
  filled(L, im);
  return 1;
}


static void set_integer (lua_State *L, const char *name, uint32_t i) {
  lua_pushinteger(L, (lua_Integer)i);
  lua_setfield(L, -2, name);
}


static void set_boolean (lua_State *L, const char *name, int b) {
  lua_pushboolean(L, b);
  lua_setfield(L, -2, name);
}


static void push_info (lua_State *L, const fal_image_info *info,
                       const fal_text *text) {
  lua_createtable(L, 0, 8);
  lua_pushstring(L, info->type);
  lua_setfield(L, -2, "type");
  set_integer(L, "width", info->width);
  set_integer(L, "height", info->height);
  if (info->channels > 0) {  /* a PNG */
    set_integer(L, "channels", (uint32_t)info->channels);
    set_integer(L, "depth", (uint32_t)info->depth);
    set_boolean(L, "palette", info->palette);
    set_boolean(L, "interlaced", info->interlaced);
  }
  lfal_image_pushtexts(L, text);
  lua_setfield(L, -2, "text");
}


/* image.info(path_or_bytes[, limits]) -> {type, width, height, text, ...} */
static int image_info (lua_State *L) {
  fal_error err;
  fal_image_limits lim;
  fal_image_info info;
  source from;
  fal_image *texts;
  fal_code code;
  lfal_image_limits(L, 2, &lim);
  if (get_source(L, lim.max_bytes, &from, &err) != FAL_OK)
    return lfal_fail(L, &err);
  texts = new_box(L);
  code = fal_image_probe(from.s, from.n, &info, &err);
  if (code == FAL_OK && strcmp(info.type, "image/png") == 0)
    code = fal_png_text(from.s, from.n, &lim, &texts->text, &err);
  if (end_source(&from, code, &err) != FAL_OK)
    return lfal_fail(L, &err);
  push_info(L, &info, texts->text);
  return 1;
}


/* image:crop(x, y, width, height): a part, as a picture without texts */
static int image_crop (lua_State *L) {
  fal_error err;
  const fal_image *from = to_image(L, 1);
  uint32_t x = lfal_image_number(L, 2, 0, from->width - 1);
  uint32_t y = lfal_image_number(L, 3, 0, from->height - 1);
  uint32_t width = lfal_image_number(L, 4, 1, from->width - x);
  uint32_t height = lfal_image_number(L, 5, 1, from->height - y);
  size_t channels = (size_t)from->channels, stride = width * channels, i;
  fal_image *im = new_box(L);
  to_image(L, 1);
  if (fal_image_new(im, width, height, from->channels, NULL, &err) != FAL_OK)
    return lfal_fail(L, &err);
  for (i = 0; i < height; i++)
    memcpy(im->pixels + i * stride, from->pixels +
           ((y + i) * from->width + x) * channels, stride);
  filled(L, im);
  return 1;
}

/* }====================================================== */


/*
** {======================================================
** Encoding
** =======================================================
*/

/* Brings the list of the picture at 'idx' up to date with its table. */
static fal_code sync_texts (lua_State *L, int idx, fal_error *err) {
  fal_image *im = to_image(L, idx);
  fal_code code;
  lua_getuservalue(L, idx);
  code = lfal_image_settexts(L, lua_gettop(L), im, 1, err);
  lua_pop(L, 1);
  return code;
}


/* Pushes a box that has the texts of 'im' and those in the option 'text'. */
static fal_code merge_texts (lua_State *L, int idx, const fal_image *im,
                             fal_image **box, fal_error *err) {
  const fal_text *t;
  fal_code code = FAL_OK;
  lua_getfield(L, idx, "text");
  if (!lua_isnil(L, -1) && !lua_istable(L, -1))
    luaL_argerror(L, idx, "option 'text' must be a table");
  *box = new_box(L);
  for (t = im->text; t != NULL && code == FAL_OK; t = t->next)
    code = fal_image_set_text(*box, t->key, t->value, t->n, err);
  if (code == FAL_OK && lua_istable(L, -2))
    code = lfal_image_settexts(L, lua_gettop(L) - 1, *box, 0, err);
  return code;
}


/* Pushes a buffer with the picture at 1 as PNG, the options being at 'idx';
** NULL with '*err' filled when that cannot be. */
static fal_buf *encode (lua_State *L, int idx, fal_error *err) {
  fal_png_options opt = {-1};
  fal_image whole, *texts = to_image(L, 1);
  fal_buf *out;
  if (sync_texts(L, 1, err) != FAL_OK)
    return NULL;
  if (!lua_isnoneornil(L, idx)) {
    double level = lfal_field_number(L, idx, "level", -1);
    luaL_argcheck(L, level >= -1 && level <= 9, idx,
                  "option 'level' must be from 0 to 9");
    opt.level = (int)level;
    if (merge_texts(L, idx, texts, &texts, err) != FAL_OK)
      return NULL;
  }
  out = new_buffer(L, MAX_FILE);
  whole = *to_image(L, 1);
  whole.text = texts->text;
  return fal_png_encode(&whole, &opt, out, err) == FAL_OK ? out : NULL;
}


static const char *const png_options[] = {"level", "text", NULL};


/* image:png{level=, text=} -> bytes */
static int image_png (lua_State *L) {
  fal_error err;
  fal_buf *b;
  to_image(L, 1);
  lfal_image_options(L, 2, png_options);
  b = encode(L, 2, &err);
  if (b == NULL)
    return lfal_fail(L, &err);
  lua_pushlstring(L, b->s, b->n);
  fal_buf_free(b);
  return 1;
}


/* image:save(path, {text=, level=, overwrite=}) -> path */
static int image_save (lua_State *L) {
  static const char *const names[] = {"level", "text", "overwrite", NULL};
  fal_error err;
  const char *path = (to_image(L, 1), luaL_checkstring(L, 2));
  int overwrite = 1;
  fal_code code;
  fal_buf *b;
  lfal_image_options(L, 3, names);
  if (!lua_isnoneornil(L, 3))
    overwrite = lfal_field_boolean(L, 3, "overwrite", 1);
  b = encode(L, 3, &err);
  if (b == NULL)
    return lfal_fail(L, &err);
  code = fal_file_put(path, b->s, b->n, overwrite, &err);
  fal_buf_free(b);
  if (code != FAL_OK)
    return lfal_fail(L, &err);
  lua_pushvalue(L, 2);
  return 1;
}


/* image:data_uri{level=, text=} -> "data:image/png;base64,..." */
static int image_data_uri (lua_State *L) {
  static const char prefix[] = "data:image/png;base64,";
  fal_error err;
  fal_buf *b, *out;
  char *to;
  to_image(L, 1);
  lfal_image_options(L, 2, png_options);
  b = encode(L, 2, &err);
  if (b == NULL)
    return lfal_fail(L, &err);
  out = new_buffer(L, 2 * MAX_FILE);
  if (fal_buf_addstr(out, prefix) != FAL_OK ||
      (to = fal_buf_room(out, fal_base64_encoded(b->n))) == NULL) {
    fal_fail(&err, FAL_ENOMEM, "no memory for a data: URI");
    return lfal_fail(L, &err);
  }
  out->n += fal_base64_encode(to, b->s, b->n);
  fal_buf_free(b);
  lua_pushlstring(L, out->s, out->n);
  fal_buf_free(out);
  return 1;
}

/* }====================================================== */


/*
** {======================================================
** The class
** =======================================================
*/

/* A color as a pixel of so many channels. */
static void put_pixel (uint8_t *p, int channels, const uint8_t c[4]) {
  if (channels >= 3)
    memcpy(p, c, 3);
  else
    p[0] = (uint8_t)((299 * c[0] + 587 * c[1] + 114 * c[2] + 500) / 1000);
  if (channels == 2 || channels == 4)
    p[channels - 1] = c[3];
}


/* image:pixel(x, y) -> r, g, b, a; image:pixel(x, y, color) sets it. From the
** top left, which is 0, 0. */
static int image_pixel (lua_State *L) {
  fal_image *im = to_image(L, 1);
  uint32_t x = lfal_image_number(L, 2, 0, im->width - 1);
  uint32_t y = lfal_image_number(L, 3, 0, im->height - 1);
  int channels = im->channels, i;
  uint8_t *p = im->pixels + ((size_t)y * im->width + x) * (size_t)channels;
  if (!lua_isnoneornil(L, 4)) {
    uint8_t c[4];
    lfal_image_color(L, 4, c);
    put_pixel(p, channels, c);
    return 0;
  }
  for (i = 0; i < 3; i++)
    lua_pushinteger(L, channels >= 3 ? p[i] : p[0]);
  lua_pushinteger(L, channels % 2 == 0 ? p[channels - 1] : 255);
  return 4;
}


/* Methods, in the upvalue, and then fields. */
static int image_index (lua_State *L) {
  const fal_image *im = luaL_checkudata(L, 1, IMAGE_T);
  const char *name;
  lua_settop(L, 2);
  lua_pushvalue(L, 2);
  lua_rawget(L, lua_upvalueindex(1));
  if (!lua_isnil(L, -1))
    return 1;
  name = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "";
  to_image(L, 1);
  if (strcmp(name, "width") == 0)
    lua_pushinteger(L, (lua_Integer)im->width);
  else if (strcmp(name, "height") == 0)
    lua_pushinteger(L, (lua_Integer)im->height);
  else if (strcmp(name, "channels") == 0)
    lua_pushinteger(L, im->channels);
  else if (strcmp(name, "text") == 0)
    lua_getuservalue(L, 1);
  return 1;
}


/* Only 'text' may be set, to a table that replaces all texts. */
static int image_newindex (lua_State *L) {
  to_image(L, 1);
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


fal_image *lfal_to_image (lua_State *L, int idx) {
  fal_error err;
  if (sync_texts(L, lua_absindex(L, idx), &err) != FAL_OK)
    luaL_argerror(L, idx, err.message);
  return to_image(L, idx);
}


int lfal_push_image (lua_State *L, fal_image *im) {
  fal_image *box = new_box(L);
  *box = *im;
  memset(im, 0, sizeof(*im));
  filled(L, box);
  return 1;
}


static const luaL_Reg methods[] = {
  {"close", image_close},
  {"crop", image_crop},
  {"data_uri", image_data_uri},
  {"pixel", image_pixel},
  {"png", image_png},
  {"save", image_save},
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
  {"decode", image_decode},
  {"info", image_info},
  {"new", image_new},
  {"open", image_open},
  {NULL, NULL}
};


int lfal_open_image (lua_State *L) {
  luaL_newmetatable(L, BUFFER_T);
  lua_pushcfunction(L, buffer_gc);
  lua_setfield(L, -2, "__gc");
  luaL_newmetatable(L, IMAGE_T);
  luaL_setfuncs(L, metamethods, 0);
  luaL_newlib(L, methods);
  lua_pushcclosure(L, image_index, 1);
  lua_setfield(L, -2, "__index");
  lua_pushliteral(L, "fal.Image");
  lua_setfield(L, -2, "__metatable");  /* hands off __gc */
  lua_pop(L, 2);
  luaL_newlib(L, functions);
  return 1;
}

/* }====================================================== */
