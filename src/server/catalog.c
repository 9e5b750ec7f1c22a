/*
** catalog.c -- which endpoints there are, as the workers tell it
*/
#include <stdlib.h>
#include <string.h>

#include "pool.h"
#include "serve.h"

#define TIME     60.0              /* seconds, where nobody has a say */
#define MEMORY   (256ull << 20)
#define NEW_MEAN 1.0               /* what is not known yet is not short */


static unsigned int bucket_of (const char *id) {
  unsigned int h = 2166136261u;
  for (; *id != '\0'; id++)
    h = (h ^ (unsigned char)*id) * 16777619u;
  return h % CATALOG_BUCKETS;
}


static serve_endpoint *lookup (const catalog *c, const char *id) {
  serve_endpoint *ep = c->buckets[bucket_of(id)];
  while (ep != NULL && strcmp(ep->id, id) != 0)
    ep = ep->next;
  return ep;
}


static int is_there (const serve_endpoint *ep) {
  return ep != NULL && ep->version == ep->file->version;
}


/* An endpoint of a file that is being loaded again, or that is broken now, is
** there as it was. */
serve_endpoint *catalog_find (const catalog *c, const char *id) {
  serve_endpoint *ep = lookup(c, id);
  if (is_there(ep) || (ep != NULL && ep->file->state != FILE_GOOD))
    return ep;
  return NULL;
}


serve_endpoint *catalog_resolve (const catalog *c, const char *id,
                                 serve_kind kind) {
  static const struct { serve_kind kind; const char *end; } ends[] = {
    {SERVE_STREAM, "/stream"}, {SERVE_REALTIME, "/realtime"}
  };
  serve_endpoint *ep = catalog_find(c, id);
  size_t i, n = strlen(id);
  for (i = 0; ep == NULL && i < sizeof(ends) / sizeof(ends[0]); i++) {
    size_t e = strlen(ends[i].end);
    char base[256];
    if (kind == ends[i].kind && n > e && n - e < sizeof(base) &&
        strcmp(id + n - e, ends[i].end) == 0) {
      memcpy(base, id, n - e);
      base[n - e] = '\0';
      ep = catalog_find(c, base);
    }
  }
  return ep;
}


int catalog_had (const catalog *c, const char *id) {
  return catalog_find(c, id) != NULL ||
         (c->loading > 0 && (!c->settled || lookup(c, id) != NULL));
}


/*
** {======================================================
** What workers tell
** =======================================================
*/

static serve_endpoint *add (catalog *c, const char *id) {
  serve_endpoint *ep = lookup(c, id);
  unsigned int b = bucket_of(id);
  if (ep != NULL)
    return ep;
  ep = calloc(1, sizeof(*ep));
  if (ep == NULL || (ep->id = strdup(id)) == NULL)
    return free(ep), NULL;
  ep->mean = NEW_MEAN;
  ep->next = c->buckets[b];
  c->buckets[b] = ep;
  return ep;
}


static double number (const char *field) {
  return field != NULL ? strtod(field, NULL) : 0;
}


/* Files that were refused an id are read again: it may be theirs now. */
static void offer_again (catalog *c) {
  serve_file *f;
  for (f = c->files; f != NULL; f = f->next)
    if (f->refused)
      catalog_changed(c, f, 1);
}


void catalog_changed (catalog *c, serve_file *f, int there) {
  f->version = ++c->versions;
  f->refused = 0;
  if (f->state == FILE_LOADING)
    c->loading--;
  f->state = there ? FILE_LOADING : FILE_GOOD;  /* with nothing in */
  if (there)
    c->loading++;
  else
    offer_again(c);
}


/* Does another file have it, as far as is known? What is broken gives way. */
static int is_taken (const serve_endpoint *ep, const serve_file *f) {
  return ep->file != NULL && ep->file != f &&
         (is_there(ep) || ep->file->state == FILE_LOADING);
}


/* id, time, memory, concurrency; a number left out is 0. An id that another
** file has stays that file's. */
static void add_endpoint (catalog *c, serve_file *f, char *const field[4]) {
  serve_endpoint *ep = add(c, field[0]);
  if (ep == NULL)
    return;
  if (is_taken(ep, f)) {
    f->refused = 1;
    serve_log("%s: there is an endpoint '%s' already%s%s", f->name, ep->id,
              ep->file->name[0] != '\0' ? ", in " : "", ep->file->name);
    return;
  }
  if (ep->version != f->version || ep->file != f)
    ep->running = 0;
  ep->file = f;
  ep->version = f->version;
  ep->time = number(field[1]) > 0 ? number(field[1]) : c->time;
  ep->memory = number(field[2]) > 0 ? (uint64_t)number(field[2]) : c->memory;
  ep->concurrency = (int)number(field[3]);
  ep->mean = NEW_MEAN;
}


static void add_line (catalog *c, serve_file *f, char *line) {
  char *field[5] = {NULL, NULL, NULL, NULL, NULL}, *save = NULL, *s;
  int n = 0;
  for (s = strtok_r(line, "\t", &save); s != NULL && n < 5;
       s = strtok_r(NULL, "\t", &save))
    field[n++] = s;
  if (n >= 2 && strcmp(field[0], "endpoint") == 0)
    add_endpoint(c, f, field + 1);
  else if (n >= 2 && strcmp(field[0], "module") == 0)
    apps_add_module(f, field[1]);
}


/* Does a file that was read again lack something that it had? Once. */
static int has_lost (catalog *c, const serve_file *f) {
  serve_endpoint *ep;
  int i, lost = 0;
  for (i = 0; i < CATALOG_BUCKETS; i++)
    for (ep = c->buckets[i]; ep != NULL; ep = ep->next)
      if (ep->file == f && !is_there(ep) && ep->version != 0) {
        ep->version = 0;
        lost = 1;
      }
  return lost;
}


void catalog_loaded (catalog *c, serve_file *f, uint32_t version, int good,
                     const char *lines, size_t n) {
  char *copy, *line, *save = NULL;
  f->posted = 0;
  if (version != f->version)
    return;  /* it has changed again meanwhile */
  if (f->state == FILE_LOADING)
    c->loading--;
  c->settled |= c->loading == 0;
  f->state = good ? FILE_GOOD : FILE_BROKEN;
  if (good)
    apps_forget_modules(f);  /* else one of them may be what is broken */
  copy = malloc(n + 1);
  if (copy == NULL)
    return;
  if (n > 0)
    memcpy(copy, lines, n);
  copy[n] = '\0';
  for (line = strtok_r(copy, "\n", &save); line != NULL;
       line = strtok_r(NULL, "\n", &save))
    add_line(c, f, line);
  free(copy);
  if (good && has_lost(c, f))
    offer_again(c);
}

/* }====================================================== */


serve_file *catalog_add_file (catalog *c, const char *name) {
  serve_file *f = calloc(1, sizeof(*f));
  if (f == NULL || (f->name = strdup(name)) == NULL)
    return free(f), NULL;
  f->version = ++c->versions;
  f->state = FILE_LOADING;
  c->loading++;
  f->next = c->files;
  c->files = f;
  return f;
}


fal_code catalog_open (catalog *c, const serve_pool_options *opt,
                       fal_error *err) {
  c->apps = opt->apps;
  c->time = opt->time_limit > 0 ? opt->time_limit : TIME;
  c->memory = opt->memory_limit > 0 ? opt->memory_limit : MEMORY;
  if (catalog_add_file(c, "") == NULL)
    return fal_fail(err, FAL_ENOMEM, "out of memory");
  return apps_open(c, err);
}


void catalog_free (catalog *c) {
  int i;
  for (i = 0; i < CATALOG_BUCKETS; i++)
    while (c->buckets[i] != NULL) {
      serve_endpoint *ep = c->buckets[i];
      c->buckets[i] = ep->next;
      free(ep->id);
      free(ep);
    }
  while (c->files != NULL) {
    serve_file *f = c->files;
    c->files = f->next;
    apps_forget_modules(f);
    free(f->name);
    free(f);
  }
}


static int by_id (const void *a, const void *b) {
  return strcmp(*(char *const *)a, *(char *const *)b);
}


void catalog_list (const catalog *c, fal_buf *to, const char *separator) {
  const serve_endpoint *ep;
  const char **ids;
  size_t n = 0, i;
  for (i = 0; i < CATALOG_BUCKETS; i++)
    for (ep = c->buckets[i]; ep != NULL; ep = ep->next)
      n++;
  ids = malloc((n + 1) * sizeof(*ids));
  if (ids == NULL)
    return;
  n = 0;
  for (i = 0; i < CATALOG_BUCKETS; i++)
    for (ep = c->buckets[i]; ep != NULL; ep = ep->next)
      if (is_there(ep))
        ids[n++] = ep->id;
  qsort(ids, n, sizeof(*ids), by_id);
  for (i = 0; i < n; i++) {
    if (i > 0)
      fal_buf_addstr(to, separator);
    fal_buf_addstr(to, ids[i]);
  }
  free(ids);
}
