/*
** names.c -- names and media types of files that have a URL
*/
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>

#include "../core/json.h"
#include "files.h"

#define YEARS_100  3.2e9    /* seconds */

static const struct { const char *ext, *type; } types[] = {
  {"png", "image/png"},
  {"jpg", "image/jpeg"},
  {"jpeg", "image/jpeg"},
  {"webp", "image/webp"},
  {"gif", "image/gif"},
  {"avif", "image/avif"},
  {"bmp", "image/bmp"},
  {"tiff", "image/tiff"},
  {"svg", "image/svg+xml"},
  {"json", "application/json"},
  {"txt", "text/plain"},
  {"csv", "text/csv"},
  {"md", "text/markdown"},
  {"html", "text/html"},
  {"pdf", "application/pdf"},
  {"mp3", "audio/mpeg"},
  {"wav", "audio/wav"},
  {"ogg", "audio/ogg"},
  {"flac", "audio/flac"},
  {"m4a", "audio/mp4"},
  {"mp4", "video/mp4"},
  {"mov", "video/quicktime"},
  {"webm", "video/webm"},
  {"glb", "model/gltf-binary"},
  {"gz", "application/gzip"},
  {"tar", "application/x-tar"},
  {"zip", "application/zip"},
  {"bin", "application/octet-stream"},
  {NULL, "application/octet-stream"},
};


static const char *type_of (const char *name) {
  const char *dot = strrchr(name, '.');
  int i = 0;
  while (types[i].ext != NULL &&
         (dot == NULL || strcasecmp(types[i].ext, dot + 1) != 0))
    i++;
  return types[i].type;
}


/* "upload.png" for "image/png; x=y". */
static void name_of_type (const char *type, char to[FILES_NAME]) {
  size_t n = strcspn(type, "; ");
  int i = 0;
  while (types[i].ext != NULL && (strncasecmp(types[i].type, type, n) != 0 ||
                                  types[i].type[n] != '\0'))
    i++;
  snprintf(to, FILES_NAME, "upload.%s",
           types[i].ext != NULL ? types[i].ext : "bin");
}


void files_random (char id[FILES_HEX + 1]) {
  unsigned char b[FILES_HEX / 2];
  int i;
  if (getentropy(b, sizeof(b)) != 0)
    abort();  /* names that can be guessed would be worse */
  for (i = 0; i < FILES_HEX / 2; i++)
    sprintf(id + 2 * i, "%02x", b[i]);
}


/* Appends a character, or what stands for one that must not be there. */
static size_t add_name (char *to, size_t k, const char *s, size_t n) {
  int bad = n == 1 && (iscntrl((unsigned char)*s) || *s == '"' || *s == '%' ||
                       (unsigned char)*s >= 0x80);
  memcpy(to + k, bad ? "_" : s, bad ? 1 : n);
  return k + (bad ? 1 : n);
}


/* How many bytes the character at s has; 1 for a byte that is none. */
static size_t character (const char *s, size_t n) {
  unsigned char c = (unsigned char)*s;
  size_t k = c < 0x80 ? 1 : c >= 0xF0 ? 4 : c >= 0xE0 ? 3 : c >= 0xC0 ? 2 : 1;
  return k <= n && fal_utf8_check(s, k) == k ? k : 1;
}


void files_clean_name (const char *s, size_t n, const char *type,
                       char to[FILES_NAME]) {
  size_t i, k = 0, from = 0, dot = n;
  for (i = 0; i < n; i++)
    if (s[i] == '/' || s[i] == '\\')
      from = i + 1;
  for (i = from; i < n; i++)
    if (s[i] == '.')
      dot = i;
  if (n - dot > 32)
    dot = n;  /* too long for an extension */
  for (i = from; i < n; ) {
    size_t c = character(s + i, n - i);
    if (i < dot && k + c + (n - dot) > FILES_NAME - 1) {
      i = dot;  /* the end of a long name is worth more than its middle */
      continue;
    }
    k = add_name(to, k, s + i, c);
    i += c;
  }
  to[k] = '\0';
  if (to[strspn(to, ".")] == '\0')  /* "", ".", "..": no name */
    name_of_type(type, to);
}


void files_clean_type (const char *s, size_t n, const char *name,
                       char to[FILES_TYPE]) {
  size_t i, slash = 0;
  int good = n > 2 && n < FILES_TYPE;
  for (i = 0; good && i < n; i++) {
    slash = slash == 0 && s[i] == '/' ? i : slash;
    good = s[i] >= ' ' && s[i] <= '~';
  }
  good = good && slash > 0 && slash + 1 < n &&
         strcspn(s, "/") == slash && isalnum((unsigned char)s[0]) &&
         isalnum((unsigned char)s[slash + 1]);
  snprintf(to, FILES_TYPE, "%.*s", (int)(good ? n : strlen(type_of(name))),
           good ? s : type_of(name));
}


/* Escapes all but what every URL may hold. */
static size_t escape (const char *s, char *to, size_t room) {
  size_t k = 0;
  for (; *s != '\0' && k + 4 < room; s++) {
    unsigned char c = (unsigned char)*s;
    if ((c < 0x80 && isalnum(c)) || strchr("-._~", c) != NULL)
      to[k++] = (char)c;
    else
      k += (size_t)sprintf(to + k, "%%%02X", c);
  }
  to[k] = '\0';
  return k;
}


void files_url (const files_meta *m, char to[FILES_URL]) {
  size_t n = (size_t)snprintf(to, FILES_URL, "%s%s%s%s", m->tag,
                              m->tag[0] != '\0' ? "/" : "", m->id,
                              m->name[0] != '\0' ? "/" : "");
  escape(m->name, to + n, FILES_URL - n);
}


int files_lifecycle (const char *json, files_meta *m) {
  const char *raw;
  size_t n = json != NULL ? strlen(json) : 0, raw_n;
  double lasts = 0;
  if (json == NULL)
    return 1;
  switch (fal_json_find(json, n, "expiration_duration_seconds", &raw,
                        &raw_n)) {
    case FAL_JSON_INTEGER: case FAL_JSON_NUMBER: lasts = strtod(raw, NULL);
    case FAL_JSON_END: case FAL_JSON_NULL: break;
    default: return 0;
  }
  if (!(lasts >= 0) || !files_acl_read(json, n, m))
    return 0;
  m->lasts = lasts < YEARS_100 ? lasts : 0;  /* 0 means: for ever */
  return 1;
}
