/*
** image.c -- a picture in memory: its pixels and its list of texts
*/
#include <stdlib.h>
#include <string.h>

#include "image.h"
#include "png_private.h"

const fal_image_limits fal_image_default_limits = {
  100000000, (size_t)512 << 20, (size_t)4 << 20
};


fal_code fal_image_check_size (uint64_t width, uint64_t height, size_t bytes,
                               const fal_image_limits *lim, fal_error *err) {
  uint64_t pixels = width * height;  /* both below 2^32 */
  if (pixels > lim->max_pixels)
    return fal_fail(err, FAL_ETOOBIG, "a picture of %llu x %llu pixels: at "
                    "most %llu pixels are allowed",
                    (unsigned long long)width, (unsigned long long)height,
                    (unsigned long long)lim->max_pixels);
  if (pixels > lim->max_bytes / bytes)
    return fal_fail(err, FAL_ETOOBIG, "a picture of %llu x %llu pixels: it "
                    "would take more than %zu bytes of memory",
                    (unsigned long long)width, (unsigned long long)height,
                    lim->max_bytes);
  return FAL_OK;
}


fal_code fal_image_new (fal_image *im, uint32_t width, uint32_t height,
                        int channels, const fal_image_limits *lim,
                        fal_error *err) {
  fal_code code;
  uint8_t *pixels;
  if (width == 0 || height == 0 || channels < 1 || channels > 4)
    return fal_fail(err, FAL_EVALIDATION,
                    "no picture is %lu x %lu pixels of %d channels",
                    (unsigned long)width, (unsigned long)height, channels);
  code = fal_image_check_size(width, height, (size_t)channels,
                              lim ? lim : &fal_image_default_limits, err);
  if (code != FAL_OK)
    return code;
  pixels = calloc((size_t)width * height, (size_t)channels);
  if (pixels == NULL)
    return fal_fail(err, FAL_ENOMEM, "no memory for a picture of %lu x %lu",
                    (unsigned long)width, (unsigned long)height);
  memset(im, 0, sizeof(*im));
  im->width = width;
  im->height = height;
  im->channels = channels;
  im->pixels = pixels;
  return FAL_OK;
}


void fal_image_free (fal_image *im) {
  free(im->pixels);
  fal_text_free(im->text);
  free(im->kept.s);
  memset(im, 0, sizeof(*im));
}


/* {==================================================================
** Texts
** =================================================================== */

void fal_text_free (fal_text *text) {
  while (text != NULL) {
    fal_text *next = text->next;
    free(text->key);
    free(text->value);
    free(text);
    text = next;
  }
}


/* The link that points to the text called 'key', or the one at the end. */
static fal_text **find (fal_text **list, const char *key) {
  while (*list != NULL && strcmp((*list)->key, key) != 0)
    list = &(*list)->next;
  return list;
}


fal_code fal_text_put (fal_text **list, const char *key, const char *value,
                       size_t n) {
  fal_text **link = find(list, key);
  char *copy = malloc(n + 1);
  if (copy == NULL)
    return FAL_ENOMEM;
  if (n > 0)
    memcpy(copy, value, n);
  copy[n] = '\0';
  if (*link == NULL) {
    fal_text *t = calloc(1, sizeof(*t));
    if (t == NULL || (t->key = strdup(key)) == NULL) {
      free(t);
      free(copy);
      return FAL_ENOMEM;
    }
    *link = t;
  }
  free((*link)->value);
  (*link)->value = copy;
  (*link)->n = n;
  return FAL_OK;
}


fal_code fal_image_set_text (fal_image *im, const char *key,
                             const char *value, size_t n, fal_error *err) {
  if (value == NULL) {
    fal_text **link = find(&im->text, key);
    fal_text *t = *link;
    if (t != NULL) {
      *link = t->next;
      t->next = NULL;
      fal_text_free(t);
    }
    return FAL_OK;
  }
  if (fal_text_check(key, value, n, err) != FAL_OK)
    return FAL_EVALIDATION;
  if (fal_text_put(&im->text, key, value, n) != FAL_OK)
    return fal_fail(err, FAL_ENOMEM, "no memory for the text \"%s\"", key);
  return FAL_OK;
}


const fal_text *fal_image_get_text (const fal_image *im, const char *key) {
  const fal_text *t = im->text;
  while (t != NULL && strcmp(t->key, key) != 0)
    t = t->next;
  return t;
}

/* }================================================================== */
