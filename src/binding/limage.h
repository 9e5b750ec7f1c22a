/*
** limage.h -- pictures as Lua values, for the rest of the binding
*/
#ifndef lfal_image_h
#define lfal_image_h

#include <lua.h>

#include "../image/image.h"

/* The picture at 'idx', which keeps owning it, with its texts up to date.
** Raises when there is anything else, or a picture that is closed. */
fal_image *lfal_to_image (lua_State *L, int idx);

/* Pushes a picture that takes over the contents of '*im', which is then
** empty. Returns 1. Raises only when memory ends; then '*im' is still the
** caller's. */
int lfal_push_image (lua_State *L, fal_image *im);


/*
** {======================================================
** Private part, shared by limage.c, limagearg.c and limagetext.c
** =======================================================
*/

/* Raises when the table at 'idx' has a name that is not in the list, which
** ends with NULL. nil instead of the table is fine. */
void lfal_image_options (lua_State *L, int idx, const char *const names[]);

/* {max_pixels=, max_bytes=, max_text=} or nil, on top of the defaults. */
void lfal_image_limits (lua_State *L, int idx, fal_image_limits *lim);

/* A whole number from 'min' to 'max'; raises for others. */
uint32_t lfal_image_number (lua_State *L, int idx, lua_Integer min,
                            lua_Integer max);

/* The color at 'idx', always with an alpha in 'c'; returns 4 when it has one
** of its own, else 3. Raises for what is no color. */
int lfal_image_color (lua_State *L, int idx, uint8_t c[4]);

/* Pushes a table with the texts of a list. */
void lfal_image_pushtexts (lua_State *L, const fal_text *t);

/* Sets the texts in the table at 't' (an absolute index) in the picture and,
** with 'only', removes all others. Those it has keep their place, new ones
** follow in order of their names: the same texts give the same file. Raises
** for a table with anything but texts. */
fal_code lfal_image_settexts (lua_State *L, int t, fal_image *im, int only,
                              fal_error *err);

/* }====================================================== */

#endif
