/*
** limageops.c -- the operations of src/image/pixels.h for Lua
**
** lua/fal/image.lua calls them with an engine (or nil) first and checks what
** users wrote; see lfal_job_go for what they return. The nanoseconds are what
** a pixel takes here, roughly.
*/
#include <stdlib.h>
#include <string.h>

#include "lfal.h"
#include "limage.h"


static double pixels (const fal_image *im) {
  return (double)im->width * im->height;
}


/* A job for one picture, which is argument 2. */
static lfal_job *one (lua_State *L, fal_code (*run) (lfal_job *j)) {
  lfal_job *j = lfal_new_job(L, 1, run);
  lfal_job_picture(L, j, 0, 2);
  return j;
}


/*
** {======================================================
** Pictures from pictures
** =======================================================
*/

static fal_code run_resize (lfal_job *j) {
  return fal_image_resize(&j->in[0].im, (uint32_t)j->number[0],
                          (uint32_t)j->number[1], (fal_filter)j->option, NULL,
                          &j->out, &j->err);
}


/* resize(engine, image, width, height, filter) */
static int op_resize (lua_State *L) {
  static const char *const filters[] = {
    "auto", "nearest", "box", "triangle", "catmull", "mitchell", "lanczos",
    NULL
  };
  uint32_t width = lfal_image_number(L, 3, 1, 0x7FFFFFFF);
  uint32_t height = lfal_image_number(L, 4, 1, 0x7FFFFFFF);
  int filter = luaL_checkoption(L, 5, "auto", filters);
  lfal_job *j = one(L, run_resize);
  j->number[0] = width;
  j->number[1] = height;
  j->option = filter;
  return lfal_job_go(L, j, 10 * (pixels(&j->in[0].im) +
                                 (double)width * height));
}


static fal_code run_crop (lfal_job *j) {
  return fal_image_crop(&j->in[0].im, (uint32_t)j->number[0],
                        (uint32_t)j->number[1], (uint32_t)j->number[2],
                        (uint32_t)j->number[3], NULL, &j->out, &j->err);
}


/* crop(engine, image, x, y, width, height) */
static int op_crop (lua_State *L) {
  double number[4];
  lfal_job *j;
  int i;
  for (i = 0; i < 4; i++)
    number[i] = lfal_image_number(L, 3 + i, 0, 0x7FFFFFFF);
  j = one(L, run_crop);
  memcpy(j->number, number, sizeof(number));
  return lfal_job_go(L, j, number[2] * number[3]);
}


static fal_code run_gray (lfal_job *j) {
  return fal_image_gray(&j->in[0].im, NULL, &j->out, &j->err);
}


static int op_gray (lua_State *L) {
  lfal_job *j = one(L, run_gray);
  return lfal_job_go(L, j, 4 * pixels(&j->in[0].im));
}


static fal_code run_invert (lfal_job *j) {
  return fal_image_invert(&j->in[0].im, NULL, &j->out, &j->err);
}


static int op_invert (lua_State *L) {
  lfal_job *j = one(L, run_invert);
  return lfal_job_go(L, j, 4 * pixels(&j->in[0].im));
}


static fal_code run_blur (lfal_job *j) {
  return fal_image_blur(&j->in[0].im, j->number[0], NULL, &j->out, &j->err);
}


/* blur(engine, image, sigma) */
static int op_blur (lua_State *L) {
  double sigma = luaL_checknumber(L, 3);
  lfal_job *j = one(L, run_blur);
  j->number[0] = sigma;
  return lfal_job_go(L, j, 100 * pixels(&j->in[0].im));
}


static fal_code run_canny (lfal_job *j) {
  return fal_image_canny(&j->in[0].im, j->number[0], j->number[1], NULL,
                         &j->out, &j->err);
}


/* canny(engine, image, low, high) */
static int op_canny (lua_State *L) {
  double low = luaL_checknumber(L, 3), high = luaL_checknumber(L, 4);
  lfal_job *j = one(L, run_canny);
  j->number[0] = low;
  j->number[1] = high;
  return lfal_job_go(L, j, 20 * pixels(&j->in[0].im));
}


static fal_code run_border (lfal_job *j) {
  fal_sides sides;
  sides.left = (uint32_t)j->number[0];
  sides.top = (uint32_t)j->number[1];
  sides.right = (uint32_t)j->number[2];
  sides.bottom = (uint32_t)j->number[3];
  return fal_image_border(&j->in[0].im, &sides, j->color[0], NULL, &j->out,
                          &j->err);
}


static fal_code run_pad (lfal_job *j) {
  const fal_image *im = &j->in[0].im;
  fal_sides sides;
  fal_code code = fal_image_room(im->width, im->height, j->number[0], &sides,
                                 &j->err);
  return code != FAL_OK ? code : fal_image_border(im, &sides, j->color[0],
                                                  NULL, &j->out, &j->err);
}


/* border(engine, image, color, left, top, right, bottom) */
static int op_border (lua_State *L) {
  double number[4];
  uint8_t color[4];
  lfal_job *j;
  int i;
  lfal_image_color(L, 3, color);
  for (i = 0; i < 4; i++)
    number[i] = lfal_image_number(L, 4 + i, 0, 0x7FFFFFFF);
  j = one(L, run_border);
  memcpy(j->number, number, sizeof(number));
  memcpy(j->color[0], color, 4);
  return lfal_job_go(L, j, 4 * pixels(&j->in[0].im));
}


/* pad(engine, image, color, aspect) */
static int op_pad (lua_State *L) {
  double aspect = luaL_checknumber(L, 4);
  uint8_t color[4];
  lfal_job *j;
  lfal_image_color(L, 3, color);
  j = one(L, run_pad);
  j->number[0] = aspect;
  memcpy(j->color[0], color, 4);
  return lfal_job_go(L, j, 4 * pixels(&j->in[0].im));
}


static fal_code run_paste (lfal_job *j) {
  return fal_image_paste(&j->in[0].im, &j->in[1].im, (int32_t)j->number[0],
                         (int32_t)j->number[1], j->number[2], NULL, &j->out,
                         &j->err);
}


/* paste(engine, image, top, x, y, opacity) */
static int op_paste (lua_State *L) {
  lua_Integer x = luaL_checkinteger(L, 4), y = luaL_checkinteger(L, 5);
  double opacity = luaL_checknumber(L, 6);
  lfal_job *j = lfal_new_job(L, 2, run_paste);
  lfal_job_picture(L, j, 0, 2);
  lfal_job_picture(L, j, 1, 3);
  j->number[0] = (double)x;
  j->number[1] = (double)y;
  j->number[2] = opacity;
  return lfal_job_go(L, j, 2 * pixels(&j->in[0].im) +
                     8 * pixels(&j->in[1].im));
}


static fal_code run_blend (lfal_job *j) {
  return fal_image_blend(&j->in[0].im, &j->in[1].im, &j->in[2].im, NULL,
                         &j->out, &j->err);
}


static fal_code run_cut (lfal_job *j) {
  return fal_image_cut(&j->in[0].im, &j->in[1].im, NULL, &j->out, &j->err);
}


/* blend(engine, image, top, mask), cut(engine, image, mask) */
static int op_blend (lua_State *L) {
  lfal_job *j = lfal_new_job(L, 3, run_blend);
  lfal_job_picture(L, j, 0, 2);
  lfal_job_picture(L, j, 1, 3);
  lfal_job_picture(L, j, 2, 4);
  return lfal_job_go(L, j, 12 * pixels(&j->in[0].im));
}


static int op_cut (lua_State *L) {
  lfal_job *j = lfal_new_job(L, 2, run_cut);
  lfal_job_picture(L, j, 0, 2);
  lfal_job_picture(L, j, 1, 3);
  return lfal_job_go(L, j, 8 * pixels(&j->in[0].im));
}

/* }====================================================== */


/*
** {======================================================
** Masks
** =======================================================
*/

static fal_code run_shape (lfal_job *j) {
  return fal_image_shape((uint32_t)j->number[4], (uint32_t)j->number[5],
                         (fal_shape)j->option, j->number[0], j->number[1],
                         j->number[2], j->number[3], NULL, &j->out, &j->err);
}


/* shape(engine, image, "rectangle"|"ellipse", x, y, width, height) */
static int op_shape (lua_State *L) {
  static const char *const shapes[] = {"rectangle", "ellipse", NULL};
  const lfal_picture *p = lfal_image_at(L, 2);
  int shape = luaL_checkoption(L, 3, NULL, shapes), i;
  double number[6];
  lfal_job *j;
  number[4] = p->im.width;
  number[5] = p->im.height;
  for (i = 0; i < 4; i++)
    number[i] = luaL_checknumber(L, 4 + i);
  j = lfal_new_job(L, 0, run_shape);
  memcpy(j->number, number, sizeof(number));
  j->option = shape;
  return lfal_job_go(L, j, 4 * number[4] * number[5]);
}


static fal_code run_region (lfal_job *j) {
  return fal_image_region(&j->in[0].im, (uint32_t)j->number[0],
                          (uint32_t)j->number[1], j->option, NULL, &j->out,
                          &j->err);
}


static fal_code run_flood (lfal_job *j) {
  return fal_image_flood(&j->in[0].im, (uint32_t)j->number[0],
                         (uint32_t)j->number[1], j->option, j->color[0], NULL,
                         &j->out, &j->err);
}


/* flood(engine, image, x, y, tolerance, color); no color: the region's mask */
static int op_flood (lua_State *L) {
  uint32_t x = lfal_image_number(L, 3, 0, 0x7FFFFFFF);
  uint32_t y = lfal_image_number(L, 4, 0, 0x7FFFFFFF);
  int tolerance = (int)lfal_image_number(L, 5, 0, 255);
  int paint = !lua_isnoneornil(L, 6);
  uint8_t color[4] = {0};
  lfal_job *j;
  if (paint)
    lfal_image_color(L, 6, color);
  j = one(L, paint ? run_flood : run_region);
  j->number[0] = x;
  j->number[1] = y;
  j->option = tolerance;
  memcpy(j->color[0], color, 4);
  return lfal_job_go(L, j, 15 * pixels(&j->in[0].im));
}


/* What a function said of a pixel, at the top, as a value of a mask. */
static uint8_t mask_value (lua_State *L) {
  double v;
  if (!lua_isnumber(L, -1))
    return lua_toboolean(L, -1) ? 255 : 0;
  v = lua_tonumber(L, -1);
  return v >= 255 ? 255 : v > 0 ? (uint8_t)(v + 0.5) : 0;
}


/* mask(nil, image, f): f(x, y, r, g, b, a) says of each pixel whether it is
** in */
static int op_mask (lua_State *L) {
  const fal_image *im = &lfal_image_at(L, 2)->im;
  uint32_t width = im->width, height = im->height, x, y;
  fal_image mask = {0}, *out;
  fal_error err;
  luaL_checktype(L, 3, LUA_TFUNCTION);
  if (fal_image_new(&mask, width, height, 1, NULL, &err) != FAL_OK)
    return lfal_fail(L, &err);
  lfal_push_image(L, &mask);
  out = &lfal_image_at(L, -1)->im;
  for (y = 0; y < height; y++)
    for (x = 0; x < width; x++) {
      uint8_t v;
      lua_pushvalue(L, 3);
      lua_pushinteger(L, (lua_Integer)x);
      lua_pushinteger(L, (lua_Integer)y);
      im = &lfal_image_at(L, 2)->im;  /* it may have been closed */
      lua_call(L, 2 + lfal_push_pixel(L, im, x, y), 1);
      v = mask_value(L);
      lua_pop(L, 1);
      out->pixels[(size_t)y * width + x] = v;
    }
  return 1;
}

/* }====================================================== */


/*
** {======================================================
** Contact sheets
** =======================================================
*/

static fal_code run_sheet (lfal_job *j) {
  const fal_image **list = malloc(j->pictures * sizeof(*list));
  const char **captions = malloc(j->pictures * sizeof(*captions));
  const char *s = j->s;
  size_t i;
  fal_code code;
  if (list == NULL || captions == NULL)
    code = fal_fail(&j->err, FAL_ENOMEM, "out of memory");
  else {
    for (i = 0; i < j->pictures; i++) {
      list[i] = &j->in[i].im;
      captions[i] = s;
      s += strlen(s) + 1;
    }
    code = fal_image_sheet(list, j->pictures, captions, &j->sheet, NULL,
                           &j->out, &j->err);
  }
  free(list);
  free(captions);
  return code;
}


/* Does the string have an end for each of n captions? */
static int enough (const char *s, size_t len, size_t n) {
  const char *end = s + len;
  while (n > 0 && (s = memchr(s, '\0', (size_t)(end - s))) != NULL) {
    s++;
    n--;
  }
  return n == 0;
}


static uint32_t number_or (lua_State *L, int idx, uint32_t otherwise) {
  return lua_isnil(L, idx) ? otherwise
                           : lfal_image_number(L, idx, 0, 0x7FFFFFFF);
}


/* sheet(engine, {image...}, captions, columns, cell_width, cell_height, gap,
** caption, background, ink): captions are one string, each ending with a NUL;
** nil for a number means what suits */
static int op_sheet (lua_State *L) {
  size_t n, i, len;
  double pixels_in = 0;
  const char *captions = luaL_checklstring(L, 3, &len);
  lfal_job *j;
  luaL_checktype(L, 2, LUA_TTABLE);
  n = lua_rawlen(L, 2);
  luaL_argcheck(L, enough(captions, len, n), 3, "too few captions");
  lua_settop(L, 10);
  j = lfal_new_job(L, n, run_sheet);
  fal_sheet_init(&j->sheet, n);
  j->s = lfal_job_string(L, 3, &j->n);
  for (i = 0; i < n; i++) {
    lua_rawgeti(L, 2, (lua_Integer)i + 1);
    pixels_in += pixels(lfal_job_picture(L, j, i, lua_gettop(L)));
    lua_pop(L, 1);
  }
  j->sheet.columns = number_or(L, 4, j->sheet.columns);
  j->sheet.cell_width = number_or(L, 5, j->sheet.cell_width);
  j->sheet.cell_height = number_or(L, 6, j->sheet.cell_height);
  j->sheet.gap = number_or(L, 7, j->sheet.gap);
  j->sheet.caption = luaL_optnumber(L, 8, j->sheet.caption);
  if (!lua_isnil(L, 9))
    lfal_image_color(L, 9, j->sheet.background);
  if (!lua_isnil(L, 10))
    lfal_image_color(L, 10, j->sheet.ink);
  return lfal_job_go(L, j, 10 * (pixels_in + (double)n * j->sheet.cell_width *
                                 j->sheet.cell_height));
}

/* }====================================================== */


const luaL_Reg lfal_image_operations[] = {
  {"blend", op_blend},
  {"blur", op_blur},
  {"border", op_border},
  {"canny", op_canny},
  {"crop", op_crop},
  {"cut", op_cut},
  {"flood", op_flood},
  {"gray", op_gray},
  {"invert", op_invert},
  {"mask", op_mask},
  {"pad", op_pad},
  {"paste", op_paste},
  {"resize", op_resize},
  {"shape", op_shape},
  {"sheet", op_sheet},
  {NULL, NULL}
};
