/*
** ljson.h -- JSON to Lua values and back
**
** null is lightuserdata NULL, as in lua-cjson. Tables decoded from arrays
** carry a metatable that marks them, and so an empty one stays an array. On
** Luas with integers, integers stay integers both ways.
*/
#ifndef lfal_json_h
#define lfal_json_h

#include <lua.h>

#include "../core/buf.h"
#include "../core/error.h"

/* Decodes s[0..n). Pushes the value and returns 1; or pushes nothing, fills
** '*err' (FAL_EPROTOCOL, with line and column) and returns 0. May raise only
** when memory ends. */
int lfal_json_decode (lua_State *L, const char *s, size_t n, fal_error *err);

#define LFAL_JSON_SORTED 1   /* names in bytewise order, else in 'next' order */
#define LFAL_JSON_PRETTY 2   /* a line for each entry, indented */

/* Appends the value at 'idx' to 'out'. FAL_OK; or FAL_EVALIDATION for what
** JSON cannot say, FAL_ETOOBIG, FAL_ENOMEM, with '*err' filled and 'out' as
** it was. 'root' names the value in messages: "input.loras[2].path: ...".
** Raw: no metamethod is called. May raise only when memory ends. */
fal_code lfal_json_encode (lua_State *L, int idx, fal_buf *out,
                           const char *root, int flags, fal_error *err);

/* Is the table at 'idx' marked as an array, by us or by lua-cjson? */
int lfal_is_array (lua_State *L, int idx);

/* Has the table at 'idx' nothing in it? */
int lfal_is_empty (lua_State *L, int idx);

/* Registry keys (their addresses): the metatable that marks arrays, and that
** of fal.empty_array. */
extern const char lfal_array_key;
extern const char lfal_empty_key;

#endif
