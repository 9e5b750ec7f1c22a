/*
** lmsgpack.h -- MessagePack to Lua values and back
**
** The same Lua values as JSON has (see ljson.h), and bytes: a string goes out
** as 'str' when it is UTF-8 and as 'bin' when it is not, or when it is wrapped
** by fal.bytes; both come back as strings.
*/
#ifndef lfal_msgpack_h
#define lfal_msgpack_h

#include <lua.h>

#include "../core/buf.h"
#include "../core/error.h"

/* The class of fal.bytes(s): a userdata whose user value is { s }. */
#define LFAL_BYTES  "fal.Bytes"

/* Decodes s[0..n), one value and nothing after it. Pushes it and returns 1;
** or pushes nothing, fills '*err' (FAL_EPROTOCOL) and returns 0. May raise
** only when memory ends. */
int lfal_msgpack_decode (lua_State *L, const char *s, size_t n,
                         fal_error *err);

/* Appends the value at 'idx' to 'out'. FAL_OK; or FAL_EVALIDATION for what
** cannot be said, FAL_ETOOBIG, FAL_ENOMEM, with '*err' filled and 'out' as it
** was. Raw: no metamethod is called. May raise only when memory ends. */
fal_code lfal_msgpack_encode (lua_State *L, int idx, fal_buf *out,
                              const char *root, fal_error *err);

#endif
