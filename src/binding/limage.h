/*
** limage.h -- pictures as Lua values, for the rest of the binding
*/
#ifndef lfal_image_h
#define lfal_image_h

#include <lua.h>

#include "../core/work.h"
#include "../image/pixels.h"

/* The picture at 'idx', which keeps owning it, with its texts up to date.
** Raises when there is anything else, or a picture that is closed. */
fal_image *lfal_to_image (lua_State *L, int idx);

/* Pushes a picture that takes over the contents of '*im', which is then
** empty. Returns 1. Raises only when memory ends; then '*im' is still the
** caller's. */
int lfal_push_image (lua_State *L, fal_image *im);


/*
** {======================================================
** Private part, shared by the limage*.c files
** =======================================================
*/

/* Pixels that a picture and works of other threads have together. Counted by
** the thread of the Lua state alone. */
typedef struct lfal_hold {
  int refs;
  uint8_t *pixels;
} lfal_hold;

/* What a picture's userdata is. No pixels: it is closed. */
typedef struct lfal_picture {
  fal_image im;
  lfal_hold *hold;   /* its pixels', once a work has had them, else NULL */
} lfal_picture;

/* Closes it. */
void lfal_image_let_go (lfal_picture *p);

/* Makes its pixels its own, to be written to; 0 when memory ends. */
int lfal_image_own (lfal_picture *p);

/* The open picture at 'idx'. */
lfal_picture *lfal_image_at (lua_State *L, int idx);

/* What a call does, as a work that runs at once or on another thread. Nothing
** in it is Lua's. Zeroed when it is made. */
typedef struct lfal_job {
  fal_work work;
  fal_code (*run) (struct lfal_job *j);  /* fills 'err' when it fails */
  int (*push) (lua_State *L, struct lfal_job *j);   /* what came of it; NULL:
                                                       'out' */
  double number[6];
  int option;
  uint8_t color[2][4];
  fal_image_limits limits;
  char *s, *path;           /* bytes (or strings) and a file's name: owned */
  size_t n;                 /* of 's' */
  fal_sheet sheet;
  fal_image out;
  fal_buf bytes;
  fal_code code;
  fal_error err;
  size_t pictures;
  struct {
    fal_image im;           /* with pixels of 'hold'; texts are its own */
    lfal_hold *hold;
  } in[];
} lfal_job;

/* Pushes the box of a new job for so many pictures. */
lfal_job *lfal_new_job (lua_State *L, size_t pictures,
                        fal_code (*run) (lfal_job *j));

/* Lets the job have the pixels of the picture at 'idx' as its k-th. They stay
** as they are now, whatever Lua does with the picture. */
const fal_image *lfal_job_picture (lua_State *L, lfal_job *j, size_t k,
                                   int idx);

/* Copies the string at 'idx' for the job. */
char *lfal_job_string (lua_State *L, int idx, size_t *n);

/* With the job's box on top: runs it and returns what came of it. When it is
** expected to take long (in nanoseconds) and there is an engine at 1, starts
** it on another thread: then the results are an operation, its id and the
** box, whose method 'result' says what came of it when the operation is
** done. */
int lfal_job_go (lua_State *L, lfal_job *j, double nanoseconds);

/* Makes the class of those boxes. */
void lfal_open_job (lua_State *L);

/* Pushes r, g, b, a of a pixel inside; returns 4. */
int lfal_push_pixel (lua_State *L, const fal_image *im, uint32_t x,
                     uint32_t y);

/* A whole number from 'min' to 'max'; raises for others. */
uint32_t lfal_image_number (lua_State *L, int idx, lua_Integer min,
                            lua_Integer max);

/* The color at 'idx', always with an alpha in 'c'; returns 4 when it has one
** of its own, else 3. Raises for what is no color. */
int lfal_image_color (lua_State *L, int idx, uint8_t c[4]);

/* The same, but 0 for what is none. */
int lfal_image_is_color (lua_State *L, int idx, uint8_t c[4]);

/* Pushes a table with the texts of a list. */
void lfal_image_pushtexts (lua_State *L, const fal_text *t);

/* Sets the texts in the table at 't' (an absolute index) in the picture and,
** with 'only', removes all others. Those it has keep their place, new ones
** follow in order of their names: the same texts give the same file. Raises
** for a table with anything but texts. */
fal_code lfal_image_settexts (lua_State *L, int t, fal_image *im, int only,
                              fal_error *err);

/* Functions for lua/fal/image.lua. */
extern const luaL_Reg lfal_image_operations[];
extern const luaL_Reg lfal_image_files[];

/* }====================================================== */

#endif
