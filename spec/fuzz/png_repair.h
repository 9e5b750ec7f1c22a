/*
** png_repair.h -- makes the checksums of a mutated PNG right again, so that
** what is behind them gets fuzzed too
*/
#ifndef fal_png_repair_h
#define fal_png_repair_h

#include <stddef.h>
#include <stdint.h>

#include <zlib.h>

static inline void repair (uint8_t *s, size_t n) {
  size_t at = 8;
  while (at < n && n - at >= 12) {
    uint8_t *p = s + at;
    size_t length = (size_t)p[0] << 24 | (size_t)p[1] << 16 |
                    (size_t)p[2] << 8 | p[3];
    uLong crc;
    if (length > n - at - 12)
      return;
    crc = crc32(0, p + 4, (uInt)length + 4);
    p += 8 + length;
    p[0] = (uint8_t)(crc >> 24);
    p[1] = (uint8_t)(crc >> 16);
    p[2] = (uint8_t)(crc >> 8);
    p[3] = (uint8_t)crc;
    at += length + 12;
  }
}

#endif
