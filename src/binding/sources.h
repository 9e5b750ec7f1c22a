/*
** sources.h -- Lua texts compiled in (made by tools/embed.c)
*/
#ifndef lfal_sources_h
#define lfal_sources_h

#include <stddef.h>

typedef struct lfal_source {
  const char *name;   /* module name, such as "fal.tasks" */
  const char *text;
  size_t n;
} lfal_source;

extern const lfal_source lfal_sources[];    /* the module's own, lua/fal */
extern const lfal_source falua_sources[];  /* the command line's, lua/falua */

#endif
