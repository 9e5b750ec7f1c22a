/*
** lengine.h -- what the files of the engine, its clients and operations share
*/
#ifndef lfal_engine_h
#define lfal_engine_h

#include "lfal.h"

#define LFAL_MAX_HEADERS 64   /* of one call or client */

/* ---- lengine.c ---- */

/* A new box of a class, holding NULL. */
void **lfal_new_box (lua_State *L, const char *class);

/* What is in the box at 'idx'; raises "... is closed" when it is NULL. */
void *lfal_open_box (lua_State *L, int idx, const char *class,
                     const char *what);

/* Makes a class; 'more' may be NULL, 'close' is its __gc and __close. */
void lfal_new_class (lua_State *L, const char *name, const luaL_Reg *methods,
                     const luaL_Reg *more, lua_CFunction close);

/* The engine, client or operation at 'idx'; raises when it is closed. */
fal_engine *lfal_to_engine (lua_State *L, int idx);
fal_client *lfal_to_client (lua_State *L, int idx);
fal_op *lfal_to_op (lua_State *L, int idx);


/* ---- lop.c ---- */

/* Pushes the box for an operation, to be made before the operation is. */
void **lfal_new_op (lua_State *L);

/* With that box on top: puts 'op' into it and returns 2, the box and the
** operation's id; or nil and '*err' when 'op' is NULL. */
int lfal_push_op (lua_State *L, void **box, fal_op *op, const fal_error *err);

void lfal_open_ops (lua_State *L);


/* ---- lclient.c ---- */

/* "run", "queue"..., NULL-ended: in the order of fal_role. */
extern const char *const lfal_role_names[FAL_ROLES + 1];

/* Reads the list of header lines in field 'name' into 'lines': NULL when there
** is none. The strings stay reachable in their table. */
const char *const *lfal_headers (lua_State *L, int idx, const char *name,
                                 const char *lines[LFAL_MAX_HEADERS + 1]);

int lfal_client_new (lua_State *L);
void lfal_open_clients (lua_State *L);


/* ---- lcalls.c: methods of the engine ---- */

extern const luaL_Reg lfal_calls[];


/* ---- lupload.c ---- */

int lfal_engine_upload (lua_State *L);
int lfal_engine_digest (lua_State *L);
int lfal_head (lua_State *L);
int lfal_upload_refused (lua_State *L);

#endif
