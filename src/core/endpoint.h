/*
** endpoint.h -- endpoint ids, and the parts of URLs
**
** Grammar (protocol 1.1):
**   id        = [ ("workflows" | "comfy") "/" ] owner "/" alias [ "/" path ]
**   legacy-id = digits "-" rest          -- means digits "/" rest
*/
#ifndef fal_endpoint_h
#define fal_endpoint_h

#include <stddef.h>

#include "buf.h"
#include "error.h"

typedef struct fal_slice {
  const char *s;
  size_t n;
} fal_slice;

typedef struct fal_endpoint {
  fal_slice ns;      /* "workflows", "comfy", or empty */
  fal_slice owner, alias;
  fal_slice path;    /* empty when there is none */
} fal_endpoint;

/* Splits an id; the slices point into it. FAL_EVALIDATION with a way out
** when it is not one: no slash, an empty segment, "." or "..", a character
** that is not a letter, a digit or one of - _ . ~ : @ + , a whole URL. */
fal_code fal_endpoint_parse (const char *id, size_t n, fal_endpoint *ep,
                             fal_error *err);

/* Appends "[ns/]owner/alias", and "/path" when 'with_path': what run and
** submit address, or what status, result and cancel do. */
fal_code fal_endpoint_put (const fal_endpoint *ep, int with_path, fal_buf *b);

typedef struct fal_url {
  fal_slice scheme;   /* without "://" */
  fal_slice host;     /* without brackets for IPv6 */
  int port;           /* explicit or the scheme's; 0 when unknown */
  fal_slice path;     /* from the first '/', query included; may be empty */
} fal_url;

/* Splits an absolute URL of a scheme with "://". 0, or -1 when it is not
** one, has credentials in it ("user@"), a bad port, spaces or controls. */
int fal_url_split (const char *s, size_t n, fal_url *u);

/* What of an address that may be bad can be shown: the part behind a name and
** a password in it. */
const char *fal_url_shown (const char *url);

/* Nonzero when 'host' is 'domain' or a name below it, in any case. */
int fal_host_within (fal_slice host, const char *domain);

/* Nonzero for 127.0.0.0/8, ::1 and localhost. */
int fal_host_is_loopback (fal_slice host);

#endif
