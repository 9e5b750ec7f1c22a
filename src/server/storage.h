/*
** storage.h -- uploads (protocol 8)
**
** Nothing is remembered of an upload between its first and its last request:
** what was said at the start is signed into the address that the bytes go
** to (seal.h), so addresses cannot be guessed, are good for a day, and
** outlive a restart. The parts of a large file wait in
** {data}/uploads/{id}/{number}, where {id} will be the file's.
**
**   storage.c    rest: initiate, initiate-multipart; PUT /files/upload/TOKEN
**   cdn.c        rest: auth/token; POST /files/upload[/multipart]
**   parts.c      PUT ADDRESS/N, POST ADDRESS/complete
*/
#ifndef falua_storage_h
#define falua_storage_h

#include "serve.h"

#define UPLOAD_SECONDS  86400    /* an address is good for */
#define UPLOAD_PARTS    10000    /* S3's limit, and ours */

typedef enum upload_step {
  UPLOAD_WHOLE,      /* the body is the file: PUT TOKEN */
  UPLOAD_DIRECT,     /* the body is the file: POST /files/upload */
  UPLOAD_PART,       /* the body is a part */
  UPLOAD_ANNOUNCE,   /* POST for a part: where would it go? */
  UPLOAD_COMPLETE    /* the body lists the parts */
} upload_step;

/* What a request does to an upload; its r->extra. */
typedef struct serve_upload {
  files_meta m;
  upload_step step;
  unsigned int part;    /* 1... */
} serve_upload;

/* r->extra, made when there is none; NULL when memory ends. */
serve_upload *serve_upload_of (serve_request *r);

/* Fills 'm' from a file's name and type (may be NULL) and the request's
** lifecycle headers and owner, with a new id. 0 after refusing it. */
int serve_upload_meta (serve_request *r, const char *name, size_t name_n,
                       const char *type, size_t type_n, files_meta *m);

/* Appends the token of the address where 'm' may be put; 'use' is "put" for
** a whole file, "part" for parts. */
fal_code serve_upload_sign (const serve_request *r, const files_meta *m,
                            const char *use, fal_buf *to);

/* Reads it again into r->extra. 0 after refusing it. */
int serve_upload_read (serve_request *r, const char *use, const char *token,
                       size_t n);

/* Sends the request's body beside 'path'. 0 after refusing it, because it is
** too large or there is no room. */
int serve_upload_receive (serve_request *r, const char *path);

/* Makes the file whose body was received; then r->answer, or a refusal. To
** be called in an errand. */
int serve_upload_keep (serve_request *r);

/* The URL of a file, as the caller reaches it. */
void serve_upload_url (const serve_request *r, const files_meta *m,
                       fal_buf *to);

/* An answer that says what went wrong on disk. */
void serve_upload_failed (serve_request *r, const fal_error *err);

/* The folder where parts wait. */
int serve_parts_folder (const falua_server *s, const char *id,
                        char path[FILES_PATH]);

/* parts.c: 'rest' is what follows the token: "/3", "/complete". */
int serve_parts_head (serve_request *r, const char *rest);
int serve_parts (serve_request *r);

/* cdn.c */
int serve_cdn_head (serve_request *r);
int serve_cdn (serve_request *r);

/* Removes parts that nobody completed in time. */
void serve_storage_tidy (falua_server *s);

#endif
