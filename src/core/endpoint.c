/*
** endpoint.c -- endpoint ids, and the parts of URLs
*/
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "endpoint.h"


static int is_id_byte (char c) {
  return isalnum((unsigned char)c) || (c != '\0' && strchr("-_.~:@+", c));
}


static int equals (fal_slice a, const char *s) {
  return a.n == strlen(s) && memcmp(a.s, s, a.n) == 0;
}


static fal_code bad_id (fal_error *err, const char *id, size_t n,
                        const char *why) {
  char shown[128];
  fal_copy_text(shown, sizeof(shown), id, n);
  fal_fail(err, FAL_EVALIDATION, "endpoint id '%s': %s", shown, why);
  fal_hint(err, "an endpoint id is owner/alias[/path], such as "
                "fal-ai/flux/dev");
  return FAL_EVALIDATION;
}


/* Takes the next segment off *s; 0 when it is not a good one. */
static int segment (const char **s, const char *end, fal_slice *out) {
  const char *p = *s;
  int good = 1;
  for (; p < end && *p != '/'; p++)
    good = good && is_id_byte(*p);
  out->s = *s;
  out->n = (size_t)(p - *s);
  *s = p < end ? p + 1 : p;
  return good && out->n > 0 && !equals(*out, ".") && !equals(*out, "..");
}


/* "123-my-app" */
static int legacy (const char *id, size_t n, fal_endpoint *ep) {
  size_t i = 0;
  while (i < n && isdigit((unsigned char)id[i]))
    i++;
  if (i == 0 || i + 1 >= n || id[i] != '-')
    return 0;
  ep->owner.s = id;
  ep->owner.n = i;
  ep->alias.s = id + i + 1;
  ep->alias.n = n - i - 1;
  for (i++; i < n; i++)
    if (!isalnum((unsigned char)id[i]) && id[i] != '-')
      return 0;
  return 1;
}


fal_code fal_endpoint_parse (const char *id, size_t n, fal_endpoint *ep,
                             fal_error *err) {
  const char *s = id, *end = id + n;
  fal_slice part;
  memset(ep, 0, sizeof(*ep));
  if (n == 0)
    return bad_id(err, id, n, "is empty");
  if (n > 256)
    return bad_id(err, id, n, "is longer than 256 bytes");
  if (n > 8 && (memcmp(id, "https://", 8) == 0 || memcmp(id, "http://", 7) == 0))
    return bad_id(err, id, n, "is an address, not an id");
  if (memchr(id, '/', n) == NULL) {
    if (legacy(id, n, ep))
      return FAL_OK;
    return bad_id(err, id, n, "has no '/' in it");
  }
  for (;;) {  /* every segment, to complain before splitting */
    if (!segment(&s, end, &part))
      return bad_id(err, id, n, part.n == 0 ? "has an empty segment"
                    : "has a segment that cannot be part of one");
    if (s >= end)
      break;
  }
  if (id[n - 1] == '/')
    return bad_id(err, id, n, "ends in '/'");
  s = id;
  segment(&s, end, &ep->owner);
  if (equals(ep->owner, "workflows") || equals(ep->owner, "comfy")) {
    ep->ns = ep->owner;
    segment(&s, end, &ep->owner);
  }
  if (s >= end)
    return bad_id(err, id, n, "names no app after its owner");
  segment(&s, end, &ep->alias);
  if (s < end) {
    ep->path.s = s;
    ep->path.n = (size_t)(end - s);
  }
  return FAL_OK;
}


fal_code fal_endpoint_put (const fal_endpoint *ep, int with_path,
                           fal_buf *b) {
  const fal_slice *const parts[] = { &ep->ns, &ep->owner, &ep->alias,
                                     &ep->path };
  int i, first = 1;
  fal_code code = FAL_OK;
  for (i = 0; i < (with_path ? 4 : 3) && code == FAL_OK; i++) {
    if (parts[i]->n == 0)
      continue;
    if (!first)
      code = fal_buf_add(b, "/", 1);
    if (code == FAL_OK)
      code = fal_buf_add(b, parts[i]->s, parts[i]->n);
    first = 0;
  }
  return code;
}


/* "host[:port]" or "[v6][:port]" in a[0..n). */
static int authority (const char *a, size_t n, fal_url *u) {
  const char *end = a + n, *p;
  if (memchr(a, '@', n) != NULL)
    return -1;
  if (n > 0 && a[0] == '[') {
    p = memchr(a, ']', n);
    if (p == NULL)
      return -1;
    u->host.s = a + 1;
    u->host.n = (size_t)(p - a - 1);
    p++;
  }
  else {
    p = memchr(a, ':', n);
    if (p == NULL)
      p = end;
    u->host.s = a;
    u->host.n = (size_t)(p - a);
  }
  if (u->host.n == 0)
    return -1;
  if (p < end) {
    int port = 0;
    if (*p++ != ':' || p == end)
      return -1;
    for (; p < end; p++) {
      if (!isdigit((unsigned char)*p) || (port = port * 10 + *p - '0') > 65535)
        return -1;
    }
    u->port = port;
  }
  return 0;
}


int fal_url_split (const char *s, size_t n, fal_url *u) {
  const char *end, *p = s, *a;
  memset(u, 0, sizeof(*u));
  if (n == 0)
    return -1;  /* s may be NULL, as an empty fal_buf's is */
  end = s + n;
  for (a = s; a < end; a++)
    if ((unsigned char)*a <= 32 || *a == 127)
      return -1;
  while (p < end && (isalnum((unsigned char)*p) || *p == '+'))
    p++;
  if (p == s || end - p < 3 || memcmp(p, "://", 3) != 0)
    return -1;
  u->scheme.s = s;
  u->scheme.n = (size_t)(p - s);
  a = p + 3;
  for (p = a; p < end && *p != '/' && *p != '?' && *p != '#'; p++)
    if (*p == '\\')
      return -1;  /* parsers differ on it */
  u->path.s = p;
  u->path.n = (size_t)(end - p);
  u->port = u->scheme.n == 5 && strncasecmp(s, "https", 5) == 0 ? 443
          : u->scheme.n == 4 && strncasecmp(s, "http", 4) == 0 ? 80 : 0;
  return authority(a, (size_t)(p - a), u);
}


const char *fal_url_shown (const char *url) {
  const char *at = strrchr(url, '@');
  return at != NULL ? at + 1 : url;
}


int fal_host_within (fal_slice host, const char *domain) {
  size_t d = strlen(domain);
  if (host.n < d || strncasecmp(host.s + host.n - d, domain, d) != 0)
    return 0;
  return host.n == d || host.s[host.n - d - 1] == '.';
}


int fal_host_is_loopback (fal_slice host) {
  char h[64];
  unsigned a, b, c, d;
  int used = 0;
  if (host.n == 0 || host.n >= sizeof(h))
    return 0;
  memcpy(h, host.s, host.n);
  h[host.n] = '\0';
  if (strcasecmp(h, "localhost") == 0 || strcmp(h, "::1") == 0)
    return 1;
  for (a = 0; h[a] != '\0'; a++)
    if (!isdigit((unsigned char)h[a]) && h[a] != '.')
      return 0;
  return sscanf(h, "%3u.%3u.%3u.%3u%n", &a, &b, &c, &d, &used) == 4 &&
         (size_t)used == host.n && a == 127 && b < 256 && c < 256 && d < 256;
}
