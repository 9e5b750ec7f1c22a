/*
** bind.h -- a listening socket from "ADDR:PORT"
*/
#ifndef falua_bind_h
#define falua_bind_h

#include "../core/error.h"

#define SERVE_BIND_URL  96   /* room for the address as a URL */

/* Why other machines must not get there ("... and WHY"), and what to do. */
typedef struct serve_bind_fear {
  const char *why, *way_out;
} serve_bind_fear;

/* Binds and listens. Port 0 picks a free one; 'url' tells which. With 'fear'
** (may be NULL) only this machine may reach it. FAL_EVALIDATION for what is
** no such address, FAL_ENETWORK when it cannot be had. */
fal_code serve_bind (const char *at, const serve_bind_fear *fear, int *fd,
                     char url[SERVE_BIND_URL], fal_error *err);

#endif
