/*
** probe.c -- what kind of picture a file is, and how large, from its header
*/
#include <string.h>

#include "png_private.h"


static uint32_t le16 (const uint8_t *s) {
  return (uint32_t)s[0] | (uint32_t)s[1] << 8;
}


static uint32_t be16 (const uint8_t *s) {
  return (uint32_t)s[0] << 8 | s[1];
}


static uint32_t le24 (const uint8_t *s) {
  return le16(s) | (uint32_t)s[2] << 16;
}


static int probe_png (const uint8_t *s, size_t n, fal_image_info *info,
                      fal_error *err) {
  static const uint8_t channels[] = {1, 0, 3, 1, 2, 0, 4};  /* by color */
  fal_png_header h;
  if (fal_png_head(s, n, &h, err) != FAL_OK)
    return 0;
  info->width = h.width;
  info->height = h.height;
  info->channels = channels[h.color];
  info->depth = h.depth;
  info->palette = h.color == 3;
  info->interlaced = h.interlaced;
  return 1;
}


/* Is it a marker of a frame header (SOF), the segment with the size? */
static int is_frame (int marker) {
  return marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 &&
         marker != 0xC8 && marker != 0xCC;
}


static int probe_jpeg (const uint8_t *s, size_t n, fal_image_info *info) {
  size_t at = 2;
  while (n - at >= 4 && s[at] == 0xFF) {
    int marker = s[at + 1];
    if (marker == 0xFF)
      at++;  /* a fill byte */
    else if (marker == 0x01 || (marker >= 0xD0 && marker <= 0xD8))
      at += 2;  /* markers without a segment */
    else if (marker == 0xDA || marker == 0xD9)
      return 0;  /* the picture itself, or its end, and no size yet */
    else {
      size_t length = be16(s + at + 2);
      if (is_frame(marker) && length >= 8 && n - at >= 9) {
        info->height = be16(s + at + 5);
        info->width = be16(s + at + 7);
        return 1;
      }
      if (length < 2 || length > n - at - 2)
        return 0;
      at += 2 + length;
    }
  }
  return 0;
}


static int probe_gif (const uint8_t *s, size_t n, fal_image_info *info) {
  if (n < 10)
    return 0;
  info->width = le16(s + 6);
  info->height = le16(s + 8);
  return 1;
}


/* The first chunk, at 12, says which of three kinds it is. */
static int probe_webp (const uint8_t *s, size_t n, fal_image_info *info) {
  if (n < 30)
    return 0;
  if (memcmp(s + 12, "VP8 ", 4) == 0 &&
      memcmp(s + 23, "\x9D\x01\x2A", 3) == 0) {
    info->width = le16(s + 26) & 0x3FFF;
    info->height = le16(s + 28) & 0x3FFF;
  }
  else if (memcmp(s + 12, "VP8L", 4) == 0 && s[20] == 0x2F) {
    uint32_t bits = le24(s + 21) | (uint32_t)s[24] << 24;
    info->width = (bits & 0x3FFF) + 1;
    info->height = (bits >> 14 & 0x3FFF) + 1;
  }
  else if (memcmp(s + 12, "VP8X", 4) == 0) {
    info->width = le24(s + 24) + 1;
    info->height = le24(s + 27) + 1;
  }
  else
    return 0;
  return 1;
}


static int begins (const uint8_t *s, size_t n, const char *magic,
                   size_t len) {
  return n >= len && memcmp(s, magic, len) == 0;
}


const char *fal_image_type (const void *v, size_t n) {
  const uint8_t *s = v;
  if (begins(s, n, "\x89PNG\r\n\x1A\n", 8))
    return "image/png";
  if (begins(s, n, "\xFF\xD8\xFF", 3))
    return "image/jpeg";
  if (begins(s, n, "GIF87a", 6) || begins(s, n, "GIF89a", 6))
    return "image/gif";
  if (begins(s, n, "RIFF", 4) && n >= 12 && memcmp(s + 8, "WEBP", 4) == 0)
    return "image/webp";
  return NULL;
}


fal_code fal_image_probe (const void *v, size_t n, fal_image_info *info,
                          fal_error *err) {
  const uint8_t *s = v;
  int found;
  memset(info, 0, sizeof(*info));
  info->type = fal_image_type(s, n);
  if (info->type == NULL)
    return fal_fail(err, FAL_EPROTOCOL, "not a picture: neither PNG, JPEG, "
                    "WebP nor GIF");
  switch (info->type[6]) {
    case 'p': return probe_png(s, n, info, err) ? FAL_OK : FAL_EPROTOCOL;
    case 'j': found = probe_jpeg(s, n, info); break;
    case 'g': found = probe_gif(s, n, info); break;
    default: found = probe_webp(s, n, info); break;
  }
  if (!found)
    return fal_fail(err, FAL_EPROTOCOL, "%s: its header is cut short or "
                    "damaged, in %zu bytes", info->type, n);
  return FAL_OK;
}
