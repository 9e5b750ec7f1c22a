/*
** lengine.h -- for files that add methods to the engine
*/
#ifndef lfal_engine_h
#define lfal_engine_h

#include "lfal.h"

/* The engine, the client or the operation at 'idx'; raises when it is closed. */
fal_engine *lfal_to_engine (lua_State *L, int idx);
fal_client *lfal_to_client (lua_State *L, int idx);
fal_op *lfal_to_op (lua_State *L, int idx);

/* Pushes the box for an operation, to be made before the operation is. */
void **lfal_new_op (lua_State *L);

/* With that box on top: puts 'op' into it and returns 2, the box and the
** operation's id; or nil and '*err' when 'op' is NULL. */
int lfal_push_op (lua_State *L, void **box, fal_op *op, const fal_error *err);

/* lupload.c */
int lfal_engine_upload (lua_State *L);
int lfal_engine_digest (lua_State *L);
int lfal_head (lua_State *L);
int lfal_upload_refused (lua_State *L);

#endif
