/*
** lfal.h -- what the files of the binding share
*/
#ifndef lfal_h
#define lfal_h

#include "compat.h"

#include "../core/fal.h"
#include "sources.h"

/* Pushes an error object: a table with 'code', 'message' and what else is
** known (see fal.Error in lua/meta/fal.lua). Returns 1. */
int lfal_push_error (lua_State *L, const fal_error *err);

/* Pushes nil and the error object. Returns 2: 'return lfal_fail(L, &err)'. */
int lfal_fail (lua_State *L, const fal_error *err);

/* The same for the error of an operation, with the server's body and what is
** in it ('body', 'detail'). */
int lfal_fail_op (lua_State *L, const fal_op *op);

/* Reads field 'name' of the table at 'idx' as a string, NULL when it is nil.
** Raises naming the field when it is anything but a string. The value stays
** on the stack (one slot, also for nil), so that it is not collected. */
const char *lfal_field_string (lua_State *L, int idx, const char *name,
                               size_t *n);

/* The same for numbers and booleans; nothing stays on the stack. */
double lfal_field_number (lua_State *L, int idx, const char *name,
                          double otherwise);
int lfal_field_boolean (lua_State *L, int idx, const char *name,
                        int otherwise);

/* Puts compiled-in texts into package.preload, so that 'require' finds
** them. */
void lfal_preload (lua_State *L, const lfal_source *src);

/* require "fal": the module. */
int luaopen_fal (lua_State *L);

/* The tables and classes of the other files; each pushes one value. */
int lfal_open_engine (lua_State *L);
int lfal_open_json (lua_State *L);
int lfal_open_image (lua_State *L);
int lfal_open_webhook (lua_State *L);
int lfal_open_msgpack (lua_State *L);
int lfal_open_realtime (lua_State *L);

#endif
