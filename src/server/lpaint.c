/*
** lpaint.c -- require "falua.serve.paint": what preview models are made with
**
** Every function makes a new picture (three channels unless it says
** otherwise) and leaves its arguments as they are; the picture being made is
** kept in the worker's 'picture', so that nothing is lost when Lua raises.
*/
#include <string.h>

#include "../binding/lfal.h"
#include "../binding/limage.h"
#include "../image/pixels.h"
#include "../paint/guide.h"
#include "../paint/jpeg.h"
#include "../paint/paint.h"
#include "../paint/style.h"
#include "worker.h"

#define MAX_FILE  ((size_t)256 << 20)   /* bytes of a JPEG */
#define BUFFER_T  "falua.serve.buffer"


static int caller_left (void *ud) {
  return work_canceled(ud);
}


/* The worker's picture, empty. */
static fal_image *fresh (lua_State *L) {
  work *w = work_of(L);
  fal_image_free(&w->picture);
  return &w->picture;
}


/* Pushes the worker's picture, or nil and the error. */
static int made (lua_State *L, fal_code code, const fal_error *err) {
  if (code != FAL_OK)
    return lfal_fail(L, err);
  return lfal_push_image(L, &work_of(L)->picture);
}


/* A copy with three channels of the picture at 'idx' as the worker's. */
static fal_code copy (lua_State *L, int idx, fal_error *err) {
  const fal_image *im = lfal_to_image(L, idx);
  return fal_image_convert(im, 3, NULL, fresh(L), err);
}


/* The picture at 'idx', which must have three channels and the size of the
** worker's. */
static const fal_image *beside (lua_State *L, int idx) {
  const fal_image *im = lfal_to_image(L, idx), *at = &work_of(L)->picture;
  luaL_argcheck(L, im->channels == 3, idx, "not three channels");
  luaL_argcheck(L, im->width == at->width && im->height == at->height, idx,
                "not the size of the picture");
  return im;
}


/* ---- painting ---- */

static uint32_t field_size (lua_State *L, const char *name) {
  double d = lfal_field_number(L, 1, name, 0);
  luaL_argcheck(L, d >= 16 && d <= 14142, 1,
                "width and height must be from 16 to 14142");
  return (uint32_t)d;
}


static uint64_t field_seed (lua_State *L) {
  uint64_t seed;
  lua_getfield(L, 1, "seed");
  luaL_argcheck(L, lua_isinteger(L, -1), 1, "seed must be an integer");
  seed = (uint64_t)lua_tointeger(L, -1);
  lua_pop(L, 1);
  return seed;
}


/* Leaves its strings on the stack. */
static void request (lua_State *L, fal_paint *p) {
  luaL_checktype(L, 1, LUA_TTABLE);
  memset(p, 0, sizeof(*p));
  p->prompt = lfal_field_string(L, 1, "prompt", &p->prompt_n);
  p->negative = lfal_field_string(L, 1, "negative", &p->negative_n);
  p->model = lfal_field_string(L, 1, "model", NULL);
  p->seed = field_seed(L);
  p->width = field_size(L, "width");
  p->height = field_size(L, "height");
  p->steps = (int)lfal_field_number(L, 1, "steps", 0);
  p->adherence = lfal_field_number(L, 1, "adherence", 0);
  p->texture = (uint32_t)lfal_field_number(L, 1, "texture", 0);
  p->raw = lfal_field_boolean(L, 1, "raw", 0);
  p->unlabeled = !lfal_field_boolean(L, 1, "label", 1);
}


/* scene{prompt=, negative=, seed=, width=, height=, steps=, adherence=,
** texture=, raw=, model=, label=} -> image | nil, err. The error is "canceled"
** when nobody waits for the picture any more. */
static int paint_scene (lua_State *L) {
  fal_paint p;
  fal_error err;
  fal_code code;
  request(L, &p);
  code = fal_paint_scene(&p, fresh(L), caller_left, work_of(L), &err);
  return made(L, code, &err);
}


/* label(image, model, prompt) -> image, saying that it is a preview */
static int paint_label (lua_State *L) {
  fal_paint p;
  fal_error err;
  fal_code code;
  memset(&p, 0, sizeof(p));
  p.model = luaL_optstring(L, 2, NULL);
  p.prompt = luaL_optlstring(L, 3, NULL, &p.prompt_n);
  code = copy(L, 1, &err);
  if (code == FAL_OK)
    fal_paint_label(&work_of(L)->picture, &p);
  return made(L, code, &err);
}


/* style(image, name, scale) -> image in the style of a LoRA */
static int paint_style (lua_State *L) {
  fal_error err;
  size_t n;
  const char *name = luaL_checklstring(L, 2, &n);
  double scale = luaL_checknumber(L, 3);
  fal_code code = copy(L, 1, &err);
  if (code == FAL_OK)
    code = fal_paint_style(&work_of(L)->picture, name, n, scale, &err);
  return made(L, code, &err);
}


/* style_kind(name) -> "papercut", "ink"...: what a LoRA's name chooses */
static int paint_style_kind (lua_State *L) {
  size_t n;
  const char *name = luaL_checklstring(L, 1, &n);
  lua_pushstring(L, fal_paint_style_kind(name, n));
  return 1;
}


/* guide(image, control, word, scale) -> image shaped by a control image;
** raises for a word that is no kind of control */
static int paint_guide (lua_State *L) {
  fal_error err;
  int kind = fal_guide_of(luaL_checkstring(L, 3));
  double scale = luaL_checknumber(L, 4);
  fal_code code;
  luaL_argcheck(L, kind >= 0, 3, "not a kind of control");
  code = copy(L, 1, &err);
  if (code == FAL_OK)
    code = fal_paint_guide(&work_of(L)->picture, beside(L, 2), (fal_guide)kind,
                           scale, &err);
  return made(L, code, &err);
}


/* is_guide(word) -> boolean: is it a kind of control? */
static int paint_is_guide (lua_State *L) {
  lua_pushboolean(L, fal_guide_of(luaL_checkstring(L, 1)) >= 0);
  return 1;
}


/* remake(image, input, strength) -> input redrawn after image */
static int paint_remake (lua_State *L) {
  fal_error err;
  double strength = luaL_checknumber(L, 3);
  fal_code code = copy(L, 1, &err);
  if (code == FAL_OK)
    code = fal_paint_remake(&work_of(L)->picture, beside(L, 2), strength, &err);
  return made(L, code, &err);
}


/* ---- looking ---- */

static int looked (lua_State *L,
                   fal_code (*f) (const fal_image *, fal_image *, fal_error *)) {
  const fal_image *im = lfal_to_image(L, 1);
  fal_error err;
  luaL_argcheck(L, im->channels == 3, 1, "not three channels");
  return made(L, f(im, fresh(L), &err), &err);
}


/* depth(image) -> a guess at how near things are, one channel */
static int paint_depth (lua_State *L) {
  return looked(L, fal_paint_depth);
}


/* cutout(image) -> a guess at what is in front, one channel */
static int paint_cutout (lua_State *L) {
  return looked(L, fal_paint_cutout);
}


/* skin(image) -> the share of it with the colours of skin */
static int paint_skin (lua_State *L) {
  const fal_image *im = lfal_to_image(L, 1);
  luaL_argcheck(L, im->channels == 3, 1, "not three channels");
  lua_pushnumber(L, fal_paint_skin(im));
  return 1;
}


/* opaque(image, r, g, b) -> three channels, what is transparent laid on a
** colour */
static int paint_opaque (lua_State *L) {
  const fal_image *im = lfal_to_image(L, 1);
  int back[3], i, alpha = im->channels == 2 || im->channels == 4;
  fal_image *out = fresh(L);
  fal_error err;
  size_t k, n = (size_t)im->width * im->height;
  fal_code code = fal_image_convert(im, 3, NULL, out, &err);
  for (i = 0; i < 3; i++)
    back[i] = (int)luaL_checkinteger(L, 2 + i) & 255;
  for (k = 0; code == FAL_OK && alpha && k < n; k++) {
    int a = im->pixels[(k + 1) * (size_t)im->channels - 1];
    for (i = 0; i < 3; i++)
      out->pixels[3 * k + (size_t)i] = (uint8_t)(
        (out->pixels[3 * k + (size_t)i] * a + back[i] * (255 - a) + 127) / 255);
  }
  return made(L, code, &err);
}


/* partial(image, done, seed) -> a coarse, noisy picture of half the size */
static int paint_partial (lua_State *L) {
  const fal_image *im = lfal_to_image(L, 1);
  double done = luaL_checknumber(L, 2);
  uint32_t seed = (uint32_t)luaL_checkinteger(L, 3);
  fal_error err;
  luaL_argcheck(L, im->channels == 3, 1, "not three channels");
  return made(L, fal_paint_partial(im, done, seed, fresh(L), &err), &err);
}


/* bounds(mask) -> x, y, width, height of what is lighter than half; nothing
** when there is none. Of a picture with colours the green counts. */
static int paint_bounds (lua_State *L) {
  const fal_image *im = lfal_to_image(L, 1);
  uint32_t x, y, x0 = im->width, y0 = im->height, x1 = 0, y1 = 0;
  size_t c = (size_t)im->channels;
  const uint8_t *p = im->pixels + (c > 2 ? 1 : 0);
  for (y = 0; y < im->height; y++)
    for (x = 0; x < im->width; x++, p += c)
      if (*p > 127) {
        x0 = x < x0 ? x : x0;
        y0 = y < y0 ? y : y0;
        x1 = x > x1 ? x : x1;
        y1 = y;
      }
  if (x0 == im->width)
    return 0;
  lua_pushinteger(L, (lua_Integer)x0);
  lua_pushinteger(L, (lua_Integer)y0);
  lua_pushinteger(L, (lua_Integer)(x1 - x0 + 1));
  lua_pushinteger(L, (lua_Integer)(y1 - y0 + 1));
  return 4;
}


/* ---- files ---- */

/* open(bytes[, max_pixels]) -> image | nil, err: PNG and JPEG */
static int paint_open (lua_State *L) {
  fal_image_limits lim = fal_image_default_limits;
  fal_error err;
  size_t n;
  const char *s = luaL_checklstring(L, 1, &n), *type = fal_image_type(s, n);
  lua_Number most = luaL_optnumber(L, 2, 0);
  fal_code code;
  if (most > 0)
    lim.max_pixels = (uint64_t)most;
  if (type != NULL && strcmp(type, "image/jpeg") == 0)
    code = fal_jpeg_decode(s, n, &lim, fresh(L), &err);
  else if (type == NULL || strcmp(type, "image/png") == 0)
    code = fal_png_decode(s, n, &lim, fresh(L), &err);
  else
    code = fal_fail(&err, FAL_EVALIDATION, "%s is not read here: PNG and JPEG are", type);
  return made(L, code, &err);
}


static int buffer_gc (lua_State *L) {
  fal_buf_free(luaL_checkudata(L, 1, BUFFER_T));
  return 0;
}


/* jpeg(image, quality, comment) -> bytes | nil, err */
static int paint_jpeg (lua_State *L) {
  const fal_image *im = lfal_to_image(L, 1);
  int quality = (int)luaL_checkinteger(L, 2);
  const char *comment = luaL_optstring(L, 3, NULL);
  fal_buf *b = lua_newuserdata(L, sizeof(*b));
  fal_error err;
  fal_buf_init(b, MAX_FILE);
  luaL_setmetatable(L, BUFFER_T);
  luaL_argcheck(L, quality >= 1 && quality <= 100, 2, "not from 1 to 100");
  if (fal_jpeg_encode(im, quality, comment, b, &err) != FAL_OK)
    return lfal_fail(L, &err);
  lua_pushlstring(L, b->s, b->n);
  fal_buf_free(b);
  return 1;
}


static const luaL_Reg functions[] = {
  {"bounds", paint_bounds},
  {"cutout", paint_cutout},
  {"depth", paint_depth},
  {"guide", paint_guide},
  {"is_guide", paint_is_guide},
  {"jpeg", paint_jpeg},
  {"label", paint_label},
  {"opaque", paint_opaque},
  {"open", paint_open},
  {"partial", paint_partial},
  {"remake", paint_remake},
  {"scene", paint_scene},
  {"skin", paint_skin},
  {"style", paint_style},
  {"style_kind", paint_style_kind},
  {NULL, NULL}
};


int luaopen_falua_serve_paint (lua_State *L) {
  luaL_newmetatable(L, BUFFER_T);
  lua_pushcfunction(L, buffer_gc);
  lua_setfield(L, -2, "__gc");
  lua_pop(L, 1);
  luaL_newlib(L, functions);
  return 1;
}
