/*
** limagejob.c -- what is done with pictures: at once, or by another thread
** while tasks go on
*/
#include <stdlib.h>
#include <string.h>

#include "lengine.h"
#include "limage.h"

#define JOB_T  "fal.image.job"
#define LONG   10e6   /* nanoseconds that nobody minds to wait for */


static void release_hold (lfal_hold *h) {
  if (h != NULL && --h->refs == 0) {
    free(h->pixels);
    free(h);
  }
}


void lfal_image_let_go (lfal_picture *p) {
  if (p->hold != NULL) {
    release_hold(p->hold);
    p->hold = NULL;
    p->im.pixels = NULL;
  }
  fal_image_free(&p->im);
}


int lfal_image_own (lfal_picture *p) {
  size_t n = (size_t)p->im.width * p->im.height * (size_t)p->im.channels;
  uint8_t *copy;
  if (p->hold == NULL || p->hold->refs == 1)
    return 1;
  copy = malloc(n);
  if (copy == NULL)
    return 0;
  memcpy(copy, p->im.pixels, n);
  release_hold(p->hold);
  p->hold = NULL;
  p->im.pixels = copy;
  return 1;
}


/* ---- jobs ---- */

static void job_run (fal_work *w) {
  lfal_job *j = (lfal_job *)w;
  j->code = j->run(j);
}


static void job_free (fal_work *w) {
  lfal_job *j = (lfal_job *)w;
  size_t i;
  for (i = 0; i < j->pictures; i++) {
    j->in[i].im.pixels = NULL;
    fal_image_free(&j->in[i].im);
    release_hold(j->in[i].hold);
  }
  fal_image_free(&j->out);
  fal_buf_free(&j->bytes);
  free(j->s);
  free(j->path);
  free(j);
}


lfal_job *lfal_new_job (lua_State *L, size_t pictures,
                        fal_code (*run) (lfal_job *j)) {
  lfal_job **box = lua_newuserdatauv(L, sizeof(*box), 0), *j;
  *box = NULL;
  luaL_setmetatable(L, JOB_T);
  j = calloc(1, sizeof(*j) + pictures * sizeof(j->in[0]));
  if (j == NULL)
    luaL_error(L, "not enough memory");
  fal_work_init(&j->work, job_run, job_free);
  j->run = run;
  j->pictures = pictures;
  *box = j;
  return j;
}


const fal_image *lfal_job_picture (lua_State *L, lfal_job *j, size_t k,
                                   int idx) {
  lfal_picture *p = lfal_image_at(L, idx);
  if (p->hold == NULL) {
    p->hold = malloc(sizeof(*p->hold));
    if (p->hold == NULL)
      luaL_error(L, "not enough memory");
    p->hold->refs = 1;
    p->hold->pixels = p->im.pixels;
  }
  p->hold->refs++;
  j->in[k].hold = p->hold;
  j->in[k].im = p->im;
  j->in[k].im.text = NULL;
  memset(&j->in[k].im.kept, 0, sizeof(j->in[k].im.kept));
  return &j->in[k].im;
}


char *lfal_job_string (lua_State *L, int idx, size_t *n) {
  size_t len;
  const char *s = luaL_checklstring(L, idx, &len);
  char *copy = malloc(len + 1);
  if (copy == NULL)
    luaL_error(L, "not enough memory");
  memcpy(copy, s, len + 1);
  if (n != NULL)
    *n = len;
  return copy;
}


static int push_result (lua_State *L, lfal_job *j) {
  if (j->code != FAL_OK)
    return lfal_fail(L, &j->err);
  return j->push != NULL ? j->push(L, j) : lfal_push_image(L, &j->out);
}


static int job_close (lua_State *L) {
  lfal_job **box = luaL_checkudata(L, 1, JOB_T), *j = *box;
  *box = NULL;
  if (j != NULL)
    fal_work_release(&j->work);
  return 0;
}


/* job:result(): once, when its operation is done */
static int job_result (lua_State *L) {
  lfal_job **box = luaL_checkudata(L, 1, JOB_T), *j = *box;
  int n;
  if (j == NULL || j->work.refs > 1)
    return luaL_error(L, "nothing has come of it");
  n = push_result(L, j);
  *box = NULL;
  fal_work_release(&j->work);
  return n;
}


/* Starts it on another thread and pushes what Lua waits for: 0 when that
** cannot be. */
static int start (lua_State *L, lfal_job *j, int box) {
  fal_engine *e = lfal_to_engine(L, 1);
  void **op = lfal_new_op(L);
  fal_op *started = fal_work_start(e, &j->work, &j->err);
  if (started == NULL)
    return 0;
  lfal_push_op(L, op, started, &j->err);
  lua_pushvalue(L, box);
  return 1;
}


int lfal_job_go (lua_State *L, lfal_job *j, double nanoseconds) {
  int box = lua_gettop(L), n;
  if (nanoseconds >= LONG && !lua_isnil(L, 1) && start(L, j, box))
    return 3;
  job_run(&j->work);
  n = push_result(L, j);
  *(lfal_job **)lua_touserdata(L, box) = NULL;
  fal_work_release(&j->work);
  return n;
}


void lfal_open_job (lua_State *L) {
  luaL_newmetatable(L, JOB_T);
  lua_newtable(L);
  lua_pushcfunction(L, job_result);
  lua_setfield(L, -2, "result");
  lua_setfield(L, -2, "__index");
  lua_pushcfunction(L, job_close);
  lua_setfield(L, -2, "__gc");
  lua_pop(L, 1);
}
