/*
** lupload.c -- uploads and digests of files, for lua/fal/storage.lua
*/
#include <string.h>
#include <unistd.h>

#include "../core/source.h"
#include "lengine.h"


/* engine:upload(client, nil, {path=|bytes=, content_type=, file_name=, lifecycle=,
** timeout=, multipart_threshold=, part_size=, parallel=, progress=,
** repository=, cdn_base=, cdn_authorization=}, credentials, tell) -> Op, id |
** nil, err. Given credentials, later attempts ask for them anew. */
int lfal_engine_upload (lua_State *L) {
  fal_engine *e = lfal_to_engine(L, 1);
  fal_client *c = lfal_to_client(L, 2);
  static const char *const repositories[] = { "address", "gcs", "cdn", NULL };
  fal_upload_request r;
  fal_error err;
  void **box;
  fal_op *op;
  luaL_checktype(L, 4, LUA_TTABLE);
  memset(&r, 0, sizeof(r));
  r.credentials = luaL_optstring(L, 5, NULL);
  r.ask_key = r.credentials != NULL;
  r.tell = lua_toboolean(L, 6);
  lua_settop(L, 6);
  box = lfal_new_op(L);
  lua_getfield(L, 4, "repository");
  r.repository = (fal_repository)luaL_checkoption(L, -1, "address",
                                                  repositories);
  r.cdn_base = lfal_field_string(L, 4, "cdn_base", NULL);
  r.cdn_authorization = lfal_field_string(L, 4, "cdn_authorization", NULL);
  r.path = lfal_field_string(L, 4, "path", NULL);
  r.bytes = lfal_field_string(L, 4, "bytes", &r.bytes_n);
  r.content_type = lfal_field_string(L, 4, "content_type", NULL);
  r.file_name = lfal_field_string(L, 4, "file_name", NULL);
  r.lifecycle = lfal_field_string(L, 4, "lifecycle", NULL);
  r.timeout = lfal_field_number(L, 4, "timeout", 0);
  r.multipart_threshold =
    (uint64_t)lfal_field_number(L, 4, "multipart_threshold", 0);
  r.part_size = (uint64_t)lfal_field_number(L, 4, "part_size", 0);
  r.parallel = (int)lfal_field_number(L, 4, "parallel", 0);
  r.progress = lfal_field_boolean(L, 4, "progress", 0);
  op = fal_upload(e, c, &r, &err);
  lua_pushvalue(L, 7);
  return lfal_push_op(L, box, op, &err);
}


/* op:refused() -> true when an upload that failed may be tried elsewhere */
int lfal_upload_refused (lua_State *L) {
  lua_pushboolean(L, fal_upload_refused(lfal_to_op(L, 1)));
  return 1;
}


/* engine:digest(name, path) -> Op, id | nil, err */
int lfal_engine_digest (lua_State *L) {
  fal_engine *e = lfal_to_engine(L, 1);
  const char *name = luaL_checkstring(L, 2);
  const char *path = luaL_checkstring(L, 3);
  fal_error err;
  void **box = lfal_new_op(L);
  return lfal_push_op(L, box, fal_digest_file(e, name, path, &err), &err);
}


#define HEAD_MAX  262144   /* a JPEG may have that much before its size */

/* core.engine.head(path, n) -> the first n bytes (HEAD_MAX at most) of an
** ordinary file | nil, err. Never waits, whatever the path names. */
int lfal_head (lua_State *L) {
  const char *path = luaL_checkstring(L, 1);
  char few[1024], *head = few;
  lua_Integer n = luaL_checkinteger(L, 2);
  fal_error err;
  fal_stamp stamp;
  ssize_t k;
  int fd;
  luaL_argcheck(L, n >= 0, 2, "not a number of bytes");
  n = n < HEAD_MAX ? n : HEAD_MAX;
  if ((size_t)n > sizeof(few))
    head = lua_newuserdata(L, (size_t)n);
  if (fal_source_open(path, &fd, &stamp, &err) != FAL_OK)
    return lfal_fail(L, &err);
  k = read(fd, head, (size_t)n);
  close(fd);
  lua_pushlstring(L, head, k > 0 ? (size_t)k : 0);
  return 1;
}
