/*
** apps.c -- the files of --apps: which there are, and which have changed
**
** A file is looked at when somebody calls, ten times a second at most. It has
** changed when it, or a module that it required, has another size or time.
*/
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "../core/fal.h"
#include "pool.h"

#define SCAN_EVERY  0.1     /* seconds */
#define MODULES_MAX 200     /* of one file */

#if defined(__APPLE__)
#define st_mtim  st_mtimespec
#endif


static file_stamp stamp_of (const char *path) {
  file_stamp s;
  struct stat st;
  memset(&s, 0, sizeof(s));
  if (stat(path, &st) == 0 && S_ISREG(st.st_mode)) {
    s.there = 1;
    s.inode = (uint64_t)st.st_ino;
    s.size = (uint64_t)st.st_size;
    s.seconds = (int64_t)st.st_mtim.tv_sec;
    s.nanoseconds = (int64_t)st.st_mtim.tv_nsec;
  }
  return s;
}


/* Nonzero when it is not as it was; then as it is is noted. */
static int has_changed (const char *path, file_stamp *before) {
  file_stamp now = stamp_of(path);
  if (memcmp(&now, before, sizeof(now)) == 0)
    return 0;
  *before = now;
  return 1;
}


void apps_add_module (serve_file *f, const char *path) {
  serve_module *m = f->module_count < MODULES_MAX ? calloc(1, sizeof(*m))
                                                  : NULL;
  if (m == NULL || (m->path = strdup(path)) == NULL) {
    free(m);
    return;
  }
  m->stamp = stamp_of(path);
  m->next = f->modules;
  f->modules = m;
  f->module_count++;
}


void apps_forget_modules (serve_file *f) {
  while (f->modules != NULL) {
    serve_module *m = f->modules;
    f->modules = m->next;
    free(m->path);
    free(m);
  }
  f->module_count = 0;
}


static void look_at (catalog *c, serve_file *f) {
  serve_module *m;
  int changed = has_changed(f->name, &f->stamp);
  for (m = f->modules; m != NULL; m = m->next)
    changed |= has_changed(m->path, &m->stamp);
  if (changed)
    catalog_changed(c, f, f->stamp.there != 0);
}


static int is_app (const char *name) {
  size_t n = strlen(name);
  return name[0] != '.' && n > 4 && strcmp(name + n - 4, ".lua") == 0;
}


static serve_file *known (catalog *c, const char *path) {
  serve_file *f = c->files;
  while (f != NULL && strcmp(f->name, path) != 0)
    f = f->next;
  return f;
}


static int read_folder (catalog *c) {
  DIR *dir = opendir(c->apps);
  struct dirent *e;
  if (dir == NULL)
    return 0;
  while ((e = readdir(dir)) != NULL) {
    char path[4096];
    serve_file *f;
    if (!is_app(e->d_name) ||
        snprintf(path, sizeof(path), "%s/%s", c->apps, e->d_name)
        >= (int)sizeof(path) || known(c, path) != NULL ||
        !stamp_of(path).there)
      continue;
    f = catalog_add_file(c, path);
    if (f != NULL)
      f->stamp = stamp_of(path);
  }
  closedir(dir);
  return 1;
}


void apps_scan (catalog *c) {
  double now = fal_now();
  serve_file *f;
  if (c->apps == NULL || now - c->scanned < SCAN_EVERY)
    return;
  for (f = c->files; f != NULL; f = f->next)
    if (f->name[0] != '\0')
      look_at(c, f);
  read_folder(c);
  c->scanned = fal_now();
}


fal_code apps_open (catalog *c, fal_error *err) {
  if (c->apps != NULL && !read_folder(c))
    return fal_fail(err, FAL_EFILE, "cannot read the folder of endpoints "
                    "%.300s: %s", c->apps, strerror(errno));
  return FAL_OK;
}
