/*
** headers.c -- lists of header lines, those of a JSON call among them
*/
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "engine.h"


void fal_wipe (char *s) {
  if (s != NULL) {
    volatile char *p = s;
    while (*p != '\0')
      *p++ = '\0';
  }
}


void fal_headers_free (struct curl_slist *list) {
  struct curl_slist *x;
  for (x = list; x != NULL; x = x->next)
    if (strncasecmp(x->data, "authorization:", 14) == 0)
      fal_wipe(x->data);
  curl_slist_free_all(list);
}


struct curl_slist *fal_add_header (struct curl_slist *list, const char *line,
                                   fal_error *err) {
  struct curl_slist *l = NULL;
  const char *colon = strchr(line, ':');
  if (strpbrk(line, "\r\n") != NULL || colon == NULL || colon == line)
    fal_fail(err, FAL_EVALIDATION, "header '%.*s' %s",
             (int)strcspn(line, ":\r\n"), line, colon == NULL || colon == line
             ? "has no name and value" : "has a line break in it");
  else if ((l = curl_slist_append(list, line)) == NULL)
    fal_fail(err, FAL_ENOMEM, "out of memory");
  if (l == NULL)
    curl_slist_free_all(list);
  return l;
}


struct curl_slist *fal_set_header (struct curl_slist *list, const char *line,
                                   fal_error *err) {
  size_t n = strcspn(line, ":") + 1;
  struct curl_slist *x;
  for (x = list; x != NULL; x = x->next)
    if (strncasecmp(x->data, line, n) == 0) {
      char *copy = strdup(line);
      if (copy != NULL) {
        free(x->data);
        x->data = copy;
        return list;
      }
      fal_fail(err, FAL_ENOMEM, "out of memory");
      fal_headers_free(list);
      return NULL;
    }
  return fal_add_header(list, line, err);
}


struct curl_slist *fal_client_headers (const fal_client *c,
                                       const char *credentials) {
  static const char *const fixed[] = {
    "Content-Type: application/json", "Expect:", "Accept: application/json",
    NULL
  };
  struct curl_slist *list = NULL, *x;
  int i;
  for (i = 0; fixed[i] != NULL; i++) {
    struct curl_slist *l = curl_slist_append(list, fixed[i]);
    if (l == NULL)
      goto fail;
    list = l;
  }
  for (x = c->extra; x != NULL; x = x->next) {
    struct curl_slist *l = curl_slist_append(list, x->data);
    if (l == NULL)
      goto fail;
    list = l;
  }
  if (credentials != NULL && credentials[0] != '\0') {
    char *line = malloc(strlen(credentials) + 24);
    struct curl_slist *l = NULL;
    if (line != NULL) {
      /* a login token comes with its own scheme, a key does not */
      sprintf(line, "Authorization: %s%s", strncmp(credentials, "Bearer ", 7)
              == 0 ? "" : "Key ", credentials);
      l = curl_slist_append(list, line);
      free(line);
    }
    if (l == NULL)
      goto fail;
    list = l;
  }
  return list;
fail:
  curl_slist_free_all(list);
  return NULL;
}
