/*
** upload.h -- an upload in flight (private): upload.c knows where the bytes go
** and who has to be asked, parts.c sends them
*/
#ifndef fal_upload_h
#define fal_upload_h

#include "call.h"
#include "source.h"

#define FAL_MAX_REPLY ((size_t)1 << 20)   /* of a storage */

/* A piece of the bytes in flight. */
typedef struct fal_lane {
  fal_call call;            /* first: who is told of its end gets the lane */
  fal_source source;
  unsigned part;            /* from 1; 0: idle */
} fal_lane;

typedef struct fal_uploading {
  fal_op op;
  fal_repository repository;
  fal_call ask;             /* for an address; then that all is there */
  int ask_key, tell, progress;
  char *path, *name, *type, *lifecycle;
  char *authorization;      /* of the CDN: "Bearer token"; NULL: addresses are
                               secrets in themselves */
  int fd;                   /* -1: 'bytes' */
  fal_stamp seen;           /* n: also of bytes */
  fal_buf bytes;
  int multipart;
  int refused;              /* by who was asked, before any byte was kept */
  fal_buf put_url, file_url;
  uint64_t part_size;
  unsigned nparts, next, left;
  char **etags;
  int nlanes;
  fal_lane *lanes;
  uint64_t arrived, told;   /* bytes */
  int attempts;
  fal_alarm pace;
} fal_uploading;


/* ---- upload.c ---- */

/* Ends it with op->err as it is, said of this file. */
void fal_upload_give_up (fal_uploading *u);

/* Every part has arrived. */
void fal_upload_arrived (fal_uploading *u);

/* What the refusal of an exchange says: may another repository be asked? */
int fal_upload_elsewhere (const fal_error *err);

/* Reads the address in member 'field' of an answer into 'to': 1, or 0 when it
** is no http(s) address. */
int fal_upload_url (const fal_answer *a, const char *field, fal_buf *to);

/* The headers of a call to the CDN: who asks, and for what begins a file also
** what it is and what becomes of it. NULL and '*err' on failure. */
struct curl_slist *fal_upload_cdn_headers (const fal_uploading *u, int begins,
                                           fal_error *err);

/* {put_url}[/{below}][?query]: 'below' goes before the query. */
void fal_upload_put_below (const fal_uploading *u, const char *below,
                           fal_buf *to);


/* ---- parts.c ---- */

/* Sends all bytes to u->put_url, in parts when u->multipart. */
void fal_parts_send (fal_uploading *u);

/* The last word on progress. */
void fal_parts_all (fal_uploading *u);

/* Stops what is in flight and frees what was for it. */
void fal_parts_clear (fal_uploading *u);

#endif
