/*
** files.h -- files that have a URL
**
** Below base_url "/files/" is one of
**
**   {32 hex}.{ext}           a result, named by the digest of its bytes
**   {32 hex}/{file name}     one with a name: an upload, or a result that
**                            was given one; the hex digits are random
**
** and with --keys "{tag}/" before it, which is the owner's: 'k' and 31 hex
** digits that nobody can guess. Names cannot be guessed either (but for
** results without --keys), so knowing a URL is leave to read it, as on fal's
** CDN; what its uploader restricted needs the key of its owner too, or of a
** tenant whom he named.
**
** On disk they are {files}/[{tag}/]{32 hex}[.{ext}], those with a name have a
** .meta beside them (JSON: name, type, expires, access, rules). No part of a path on
** disk comes from outside but hex digits and short extensions. What ends by
** itself has a marker in {data}/expires. All of it works from any process.
*/
#ifndef falua_files_h
#define falua_files_h

#include <stddef.h>
#include <stdint.h>

#include "../core/buf.h"
#include "../core/error.h"

#define FILES_HEX     32     /* digits of a name */
#define FILES_TAG     33     /* room for a tag and its NUL */
#define FILES_NAME    201    /* room for a file's own name and its NUL */
#define FILES_TYPE    128    /* room for a media type and its NUL */
#define FILES_RULES   512    /* room for rules by tenant and their NUL */
#define FILES_URL     720    /* room for what follows "/files/" and its NUL */
#define FILES_PATH    4096   /* room for a path on disk */

/* Who may read a file whose URL they know (protocol 8.5). */
typedef enum files_access {
  FILES_ALLOW = 0,   /* anybody */
  FILES_FORBID,      /* its owner; others get a 403 */
  FILES_HIDE         /* its owner; others get a 404 */
} files_access;

/* What is known of a file. */
typedef struct files_meta {
  char tag[FILES_TAG];      /* "" without an owner */
  char id[FILES_HEX + 8];   /* 32 hex digits; with ".ext" for a result */
  char name[FILES_NAME];    /* "": it has none but its id */
  char type[FILES_TYPE];
  double lasts;             /* seconds from now, when it is kept; 0: for ever */
  double expires;           /* time(), when it is found; 0: never */
  files_access access;
  char rules[FILES_RULES];  /* see acl.c; "": none */
} files_meta;

/* The data folder that 'files' is in, a slash at its end. 0: too long. */
int files_data (const char *files, char to[FILES_PATH]);

/* The tag of an owner ("" for ""). 'files' is the folder. 0 when the server's
** secret cannot be read. */
int files_tag (const char *files, const char *owner, char tag[FILES_TAG]);

/* 32 random hex digits. */
void files_random (char id[FILES_HEX + 1]);

/* The last part of a name somebody gave, with what no URL or header should
** hold replaced; one made of 'type' when nothing is left. */
void files_clean_name (const char *s, size_t n, const char *type,
                       char to[FILES_NAME]);

/* A media type fit for a header; by the name when 's' is none. */
void files_clean_type (const char *s, size_t n, const char *name,
                       char to[FILES_TYPE]);

/* expiration_duration_seconds and initial_acl of a lifecycle header (may be
** NULL). 0 when it is not JSON, or they are not what they should be;
** then nothing is set. */
int files_lifecycle (const char *json, files_meta *m);

/* initial_acl alone. */
int files_acl_read (const char *s, size_t n, files_meta *m);

/* What a rule says of a tenant. 0 when none does. */
int files_acl_of (const files_meta *m, const char *user,
                  files_access *access);

/* Nonzero when anybody may read it, whoever he is. */
int files_acl_is_open (const files_meta *m);

/* What follows "/files/" in its URL, escaped. */
void files_url (const files_meta *m, char to[FILES_URL]);

/* Its path on disk; with 'more' (".meta") after it. 0 when it is too long. */
int files_path (const char *files, const files_meta *m, const char *more,
                char to[FILES_PATH]);

/* Keeps s[0..n). 'm' has the owner's tag and perhaps lasts, access and rules;
** with a 'name' it keeps that (one that is not for anybody gets one), else it is named by its digest and 'ext', and the
** same bytes have the same name. The id is set. */
fal_code files_put (const char *files, files_meta *m, const char *ext,
                    const void *s, size_t n, fal_error *err);

/* Writes what a file beside it does not say: .meta, and the marker of its
** end. To be called before the file itself appears. */
fal_code files_describe (const char *files, files_meta *m, fal_error *err);

/* Finds a file by what follows "/files/" in its URL, unescaped: a descriptor
** with its size; or -1 when the URL is none of ours, nothing is there, or its
** time is over. 'm' is filled when the URL has our form. */
int files_open (const char *files, const char *rest, files_meta *m,
                uint64_t *size);

/* The path on disk and the media type of a file by its whole URL, for an
** owner ("" without --keys); whatever the URL's host is, names are unique.
** 1; 0 when it is no file of this server, has ended, or is another owner's
** who does not allow it by name. */
int files_path_of_url (const char *files, const char *owner, const char *url,
                       size_t n, char path[FILES_PATH], char type[FILES_TYPE]);

/* Removes what has ended. Returns when the next one ends (time()); 0 when
** none does. */
double files_expire (const char *files, double now);

/* Removes what a server that was killed left half written. */
void files_clean_up (const char *files);

#endif
