/*
** limagefile.c -- pictures from files and into files
**
** Functions for lua/fal/image.lua, which has checked the arguments; an engine
** or nil is the first (see lfal_job_go).
*/
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../core/base64.h"
#include "../core/file.h"
#include "../core/source.h"
#include "lfal.h"
#include "limage.h"

#define MAX_FILE  ((size_t)1 << 30)  /* bytes of one encoded picture */
#define HEAD      ((size_t)4096)     /* of a file, enough to know its size */
#define DISK      1e9                /* nanoseconds: how long may a disk take? */


/*
** {======================================================
** Reading
** =======================================================
*/

static uint64_t limit (lua_State *L, int idx, uint64_t otherwise) {
  double d = luaL_optnumber(L, idx, (double)otherwise);
  return d < 0 ? 0 : d < 9e15 ? (uint64_t)d : (uint64_t)9e15;
}


/* Arguments idx to idx + 2: max_pixels, max_bytes, max_text, or nil. */
static void get_limits (lua_State *L, int idx, fal_image_limits *lim) {
  *lim = fal_image_default_limits;
  lim->max_pixels = limit(L, idx, lim->max_pixels);
  lim->max_bytes = (size_t)limit(L, idx + 1, lim->max_bytes);
  lim->max_text = (size_t)limit(L, idx + 2, lim->max_text);
}


/* Makes sure the job has the bytes. */
static fal_code load (lfal_job *j) {
  fal_code code;
  if (j->path == NULL)
    return FAL_OK;
  code = fal_file_get(j->path, &j->bytes, &j->err);
  if (code == FAL_OK && fal_buf_cstr(&j->bytes) == NULL)
    code = fal_fail(&j->err, FAL_ENOMEM, "out of memory");
  if (code == FAL_OK) {
    j->s = j->bytes.s;
    j->n = j->bytes.n;
    fal_buf_init(&j->bytes, 0);
  }
  return code;
}


/* Puts the file's name into an error. */
static fal_code name_it (lfal_job *j, fal_code code) {
  if (code != FAL_OK && j->path != NULL) {
    fal_error err = j->err;
    fal_fail(&j->err, code, "%s: %s", j->path, err.message);
    fal_hint(&j->err, "%s", err.hint);
  }
  return code;
}


static fal_code run_decode (lfal_job *j) {
  fal_code code = load(j);
  if (code == FAL_OK)
    code = fal_png_decode(j->s, j->n, &j->limits, &j->out, &j->err);
  return name_it(j, code);
}


/* The first bytes of a file, which is not waited for. */
static size_t read_head (const char *path, char head[HEAD]) {
  fal_stamp stamp;
  fal_error err;
  ssize_t n;
  int fd;
  if (fal_source_open(path, &fd, &stamp, &err) != FAL_OK)
    return 0;
  n = read(fd, head, HEAD);
  close(fd);
  return n > 0 ? (size_t)n : 0;
}


/* What it will take to decode a picture that begins like this. */
static double decoding (const char *s, size_t n) {
  fal_image_info info;
  fal_error err;
  if (fal_image_probe(s, n, &info, &err) != FAL_OK)
    return 0;
  return 20.0 * info.width * info.height;
}


/* A job for argument 2: bytes when it begins like a picture (or 'bytes' is
** set), else the name of a file. */
static lfal_job *new_source (lua_State *L, int bytes, double *nanoseconds,
                             fal_code (*run) (lfal_job *j)) {
  size_t n;
  const char *s = luaL_checklstring(L, 2, &n);
  char head[HEAD];
  lfal_job *j = lfal_new_job(L, 0, run);
  get_limits(L, 3, &j->limits);
  if (bytes || fal_image_type(s, n) != NULL || strlen(s) != n) {
    j->s = lfal_job_string(L, 2, &j->n);
    *nanoseconds = decoding(s, n);
  }
  else {
    j->path = lfal_job_string(L, 2, NULL);
    *nanoseconds = decoding(head, read_head(s, head));
  }
  fal_buf_init(&j->bytes, j->limits.max_bytes);
  return j;
}


/* open(engine, path_or_bytes, limits), decode(engine, bytes, limits): the
** limits are three arguments */
static int file_open (lua_State *L) {
  double nanoseconds;
  lfal_job *j = (lua_settop(L, 5), new_source(L, 0, &nanoseconds, run_decode));
  return lfal_job_go(L, j, nanoseconds);
}


static int file_decode (lua_State *L) {
  double nanoseconds;
  lfal_job *j = (lua_settop(L, 5), new_source(L, 1, &nanoseconds, run_decode));
  return lfal_job_go(L, j, nanoseconds);
}

/* }====================================================== */


/*
** {======================================================
** What a file is
** =======================================================
*/

static fal_code run_info (lfal_job *j) {
  fal_image_info info;
  fal_code code = load(j);
  if (code == FAL_OK)
    code = fal_image_probe(j->s, j->n, &info, &j->err);
  if (code == FAL_OK && strcmp(info.type, "image/png") == 0)
    code = fal_png_text(j->s, j->n, &j->limits, &j->out.text, &j->err);
  return name_it(j, code);
}


static void set_integer (lua_State *L, const char *name, uint32_t i) {
  lua_pushinteger(L, (lua_Integer)i);
  lua_setfield(L, -2, name);
}


static void set_boolean (lua_State *L, const char *name, int b) {
  lua_pushboolean(L, b);
  lua_setfield(L, -2, name);
}


static int push_info (lua_State *L, lfal_job *j) {
  fal_image_info info;
  fal_image_probe(j->s, j->n, &info, &j->err);  /* it went well before */
  lua_createtable(L, 0, 8);
  lua_pushstring(L, info.type);
  lua_setfield(L, -2, "type");
  set_integer(L, "width", info.width);
  set_integer(L, "height", info.height);
  if (info.channels > 0) {  /* a PNG */
    set_integer(L, "channels", (uint32_t)info.channels);
    set_integer(L, "depth", (uint32_t)info.depth);
    set_boolean(L, "palette", info.palette);
    set_boolean(L, "interlaced", info.interlaced);
  }
  lfal_image_pushtexts(L, j->out.text);
  lua_setfield(L, -2, "text");
  return 1;
}


/* info(nil, path_or_bytes, limits) -> {type, width, height, text, ...} */
static int file_info (lua_State *L) {
  double nanoseconds;
  lfal_job *j = (lua_settop(L, 5), new_source(L, 0, &nanoseconds, run_info));
  j->push = push_info;
  return lfal_job_go(L, j, 0);
}

/* }====================================================== */


/*
** {======================================================
** Writing
** =======================================================
*/

static fal_code run_png (lfal_job *j) {
  fal_png_options opt;
  opt.level = j->option;
  return fal_png_encode(&j->in[0].im, &opt, &j->bytes, &j->err);
}


static int push_bytes (lua_State *L, lfal_job *j) {
  lua_pushlstring(L, j->bytes.s, j->bytes.n);
  return 1;
}


static fal_code run_save (lfal_job *j) {
  fal_code code = run_png(j);
  return code != FAL_OK ? code : fal_file_put(j->path, j->bytes.s, j->bytes.n,
                                              j->number[0] != 0, &j->err);
}


static int push_path (lua_State *L, lfal_job *j) {
  lua_pushstring(L, j->path);
  return 1;
}


static fal_code run_data_uri (lfal_job *j) {
  static const char prefix[] = "data:image/png;base64,";
  fal_buf out;
  char *to;
  fal_code code = run_png(j);
  if (code != FAL_OK)
    return code;
  fal_buf_init(&out, 2 * MAX_FILE);
  if (fal_buf_addstr(&out, prefix) != FAL_OK ||
      (to = fal_buf_room(&out, fal_base64_encoded(j->bytes.n))) == NULL) {
    fal_buf_free(&out);
    return fal_fail(&j->err, FAL_ENOMEM, "no memory for a data: URI");
  }
  out.n += fal_base64_encode(to, j->bytes.s, j->bytes.n);
  fal_buf_free(&j->bytes);
  j->bytes = out;
  return FAL_OK;
}


/* The texts of the picture at 2 and those in the table at 4, if there is one,
** and what else it keeps of a file, for the job's picture. */
static fal_code add_texts (lua_State *L, lfal_job *j) {
  const fal_image *im = lfal_to_image(L, 2);
  fal_image *copy = &j->in[0].im;
  const fal_text *t;
  fal_code code = FAL_OK;
  for (t = im->text; t != NULL && code == FAL_OK; t = t->next)
    code = fal_image_set_text(copy, t->key, t->value, t->n, &j->err);
  if (code == FAL_OK && im->kept.n > 0) {
    copy->kept.s = malloc(im->kept.n);
    if (copy->kept.s == NULL)
      return fal_fail(&j->err, FAL_ENOMEM, "out of memory");
    memcpy(copy->kept.s, im->kept.s, im->kept.n);
    copy->kept.n = im->kept.n;
    copy->kept.before = im->kept.before;
  }
  if (code == FAL_OK && !lua_isnil(L, 4))
    code = lfal_image_settexts(L, 4, copy, 0, &j->err);
  return code;
}


/* (engine, image, level, texts, ...): level nil is the fast default */
static int write_png (lua_State *L, fal_code (*run) (lfal_job *j),
                  int (*push) (lua_State *L, lfal_job *j)) {
  int level = (int)luaL_optinteger(L, 3, -1);
  lfal_job *j;
  const fal_image *im;
  lua_settop(L, 6);
  lfal_to_image(L, 2);  /* its texts are in order */
  j = lfal_new_job(L, 1, run);
  im = lfal_job_picture(L, j, 0, 2);
  j->push = push;
  j->option = level;
  fal_buf_init(&j->bytes, MAX_FILE);
  if (add_texts(L, j) != FAL_OK)
    return lfal_fail(L, &j->err);
  if (push == push_path) {
    j->path = lfal_job_string(L, 5, NULL);
    j->number[0] = lua_isnil(L, 6) || lua_toboolean(L, 6);
  }
  return lfal_job_go(L, j, (level > 3 ? 100.0 : 20.0) * im->width *
                     im->height);
}


static int file_png (lua_State *L) {
  return write_png(L, run_png, push_bytes);
}


static int file_data_uri (lua_State *L) {
  return write_png(L, run_data_uri, push_bytes);
}


/* save(engine, image, level, texts, path, overwrite) */
static int file_save (lua_State *L) {
  return write_png(L, run_save, push_path);
}


static fal_code run_retext (lfal_job *j) {
  return fal_png_retext_file(j->s, j->path, j->out.text, j->option, &j->err);
}


/* Takes the list {key, value, key, value...} of strings at 'idx'. Allocates
** nothing of Lua's. */
static fal_code take_texts (lua_State *L, int idx, fal_image *im,
                            fal_error *err) {
  fal_code code = FAL_OK;
  size_t i, n;
  for (i = 1; code == FAL_OK && i < lua_rawlen(L, idx); i += 2) {
    const char *key, *value;
    lua_rawgeti(L, idx, (int)i);
    lua_rawgeti(L, idx, (int)i + 1);
    if (lua_type(L, -2) == LUA_TSTRING && lua_type(L, -1) == LUA_TSTRING) {
      key = lua_tostring(L, -2);
      value = lua_tolstring(L, -1, &n);
      code = fal_image_set_text(im, key, value, n, err);
    }
    lua_pop(L, 2);
  }
  return code;
}


/* retext(engine, from, to, {key, value, ...}, overwrite): copies a PNG from
** file to file with these text chunks -> path */
static int file_retext (lua_State *L) {
  lfal_job *j;
  lua_settop(L, 5);
  luaL_checktype(L, 4, LUA_TTABLE);
  j = lfal_new_job(L, 0, run_retext);
  j->push = push_path;
  j->option = lua_toboolean(L, 5);
  j->s = lfal_job_string(L, 2, &j->n);
  j->path = lfal_job_string(L, 3, NULL);
  if (take_texts(L, 4, &j->out, &j->err) != FAL_OK)
    return lfal_fail(L, &j->err);
  return lfal_job_go(L, j, DISK);
}


/* put_retext(bytes, to, {key, value, ...}, overwrite): writes a small PNG to a
** file with these text chunks, here and now -> path | nil, err */
static int file_put_retext (lua_State *L) {
  size_t n;
  const char *s = luaL_checklstring(L, 1, &n);
  const char *to = luaL_checkstring(L, 2);
  int overwrite = lua_toboolean(L, 4);
  fal_image im;
  fal_buf out;
  fal_error err;
  fal_code code;
  luaL_checktype(L, 3, LUA_TTABLE);
  luaL_checkstack(L, 2, "texts");
  memset(&im, 0, sizeof(im));
  fal_buf_init(&out, MAX_FILE);
  code = take_texts(L, 3, &im, &err);
  if (code == FAL_OK)
    code = fal_png_retext(s, n, im.text, &out, &err);
  if (code == FAL_OK)
    code = fal_file_put(to, out.s, out.n, overwrite, &err);
  fal_buf_free(&out);
  fal_image_free(&im);
  if (code != FAL_OK)
    return lfal_fail(L, &err);
  lua_pushvalue(L, 2);
  return 1;
}

/* }====================================================== */


const luaL_Reg lfal_image_files[] = {
  {"data_uri", file_data_uri},
  {"decode", file_decode},
  {"info", file_info},
  {"open", file_open},
  {"png", file_png},
  {"put_retext", file_put_retext},
  {"retext", file_retext},
  {"save", file_save},
  {NULL, NULL}
};
