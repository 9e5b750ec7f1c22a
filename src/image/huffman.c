/*
** huffman.c -- zlib streams of nothing but Huffman codes
**
** What is left of a photograph after filtering is noise: it hardly repeats, and
** looking for repetitions takes nearly all the time of a compressor that finds
** next to none. Here each byte gets the code that its frequency deserves and
** nothing else is done (RFC 1950, RFC 1951).
*/
#include <stdlib.h>
#include <string.h>

#include <libdeflate.h>

#include "png_private.h"

#define BLOCK    ((size_t)1 << 17)  /* bytes that share their codes */
#define SYMBOLS  257                /* all bytes, and the end of a block */
#define END      256
#define LONGEST  14                 /* bits: four codes and seven bits more are
                                       less than 64 */
#define LENGTHS  (SYMBOLS + 2)      /* of two distances, too */
#define HEAD     (3 + 14 + 19 * 3 + LENGTHS * 4)   /* bits before the codes */


/* ---- codes ---- */

typedef struct code {
  uint16_t bits;     /* the first bit is the lowest */
  uint16_t length;
} code;


/* How often each byte occurs, about: of a large block a quarter is counted. Four
** counts, because counting a byte has to wait for the last count of the same
** one. */
static void count (const uint8_t *s, size_t n, uint32_t freq[SYMBOLS]) {
  uint32_t part[4][256];
  size_t i, step = n < BLOCK / 2 ? 4 : 16;
  memset(part, 0, sizeof(part));
  for (i = 0; i + 4 <= n; i += step) {
    part[0][s[i]]++;
    part[1][s[i + 1]]++;
    part[2][s[i + 2]]++;
    part[3][s[i + 3]]++;
  }
  for (i = 0; i < 256; i++)
    freq[i] = part[0][i] + part[1][i] + part[2][i] + part[3][i];
  freq[END] = 1;
}


/* A node of the tree: a symbol, or two nodes. */
typedef struct node {
  uint32_t freq;
  uint16_t symbol;
  uint16_t parent;
} node;


static int by_frequency (const void *pa, const void *pb) {
  const node *a = pa, *b = pb;
  return a->freq != b->freq ? (a->freq > b->freq) - (a->freq < b->freq)
                            : (a->symbol > b->symbol) - (a->symbol < b->symbol);
}


/* Huffman's tree over sorted leaves: joined nodes are appended, and come in
** order, too. Returns the length of the longest code; 'depth' is that of each
** node. */
static unsigned grow (node *t, uint8_t *depth) {
  int leaf = 0, joined = SYMBOLS, next = SYMBOLS, last = 2 * SYMBOLS - 2, i, j;
  unsigned longest = 0;
  for (; next <= last; next++) {
    t[next].freq = 0;
    for (j = 0; j < 2; j++) {
      i = leaf < SYMBOLS && (joined == next || t[leaf].freq <= t[joined].freq)
          ? leaf++ : joined++;
      t[next].freq += t[i].freq;
      t[i].parent = (uint16_t)next;
    }
  }
  depth[last] = 0;
  for (i = last - 1; i >= 0; i--) {
    depth[i] = (uint8_t)(depth[t[i].parent] + 1);
    if (depth[i] > longest)
      longest = depth[i];
  }
  return longest;
}


/* Lengths of the codes. When one would be too long, rare symbols are taken for
** less rare. */
static void find_lengths (const uint32_t freq[SYMBOLS], code c[SYMBOLS]) {
  node t[2 * SYMBOLS];
  uint8_t depth[2 * SYMBOLS];
  uint32_t least = 1;  /* what was not counted may come as well */
  int i;
  do {
    for (i = 0; i < SYMBOLS; i++) {
      t[i].freq = freq[i] > least ? freq[i] : least;
      t[i].symbol = (uint16_t)i;
    }
    qsort(t, SYMBOLS, sizeof(node), by_frequency);
    least *= 2;
  } while (grow(t, depth) > LONGEST);
  for (i = 0; i < SYMBOLS; i++)
    c[t[i].symbol].length = depth[i];
}


static uint16_t reversed (unsigned bits, unsigned n) {
  unsigned r = 0;
  for (; n > 0; n--, bits >>= 1)
    r = r << 1 | (bits & 1);
  return (uint16_t)r;
}


/* Codes from their lengths: the shorter first, those alike in order. */
static void assign (code c[SYMBOLS]) {
  unsigned n[LONGEST + 1] = {0}, next[LONGEST + 1], bits = 0;
  int i;
  for (i = 0; i < SYMBOLS; i++)
    n[c[i].length]++;
  for (i = 1; i <= LONGEST; i++) {
    bits = (bits + n[i - 1]) << 1;
    next[i] = bits;
  }
  for (i = 0; i < SYMBOLS; i++)
    c[i].bits = reversed(next[c[i].length]++, c[i].length);
}


/* ---- bits ---- */

typedef struct bits {
  uint8_t *to;
  uint64_t buf;      /* the first bit is the lowest */
  unsigned n;        /* below 8 after 'flush' */
} bits;


static inline void put (bits *b, unsigned value, unsigned n) {
  b->buf |= (uint64_t)value << b->n;
  b->n += n;
}


/* Writes whole bytes; up to eight are touched. */
static inline void flush (bits *b) {
  uint64_t x = b->buf;
  int i;
  for (i = 0; i < 8; i++)
    b->to[i] = (uint8_t)(x >> (8 * i));  /* one store, where that is the order */
  b->to += b->n >> 3;
  b->buf >>= b->n & 56;
  b->n &= 7;
}


/* What stands before a block's codes: the lengths of all codes, each in four
** bits. There are no distances, but two have to have codes. */
static void put_head (bits *b, const code c[SYMBOLS], int is_last) {
  int i;
  put(b, (unsigned)is_last | 2 << 1, 3);
  put(b, SYMBOLS - 257, 5);
  put(b, 2 - 1, 5);
  put(b, 19 - 4, 4);
  for (i = 0; i < 19; i++) {
    put(b, i < 3 ? 0 : 4, 3);   /* 16, 17, 18: repetitions; the others */
    flush(b);
  }
  for (i = 0; i < LENGTHS; i++) {
    put(b, reversed(i < SYMBOLS ? c[i].length : 1, 4), 4);
    flush(b);
  }
}


static void put_bytes (bits *b, const code c[SYMBOLS], const uint8_t *s,
                       size_t n) {
  bits local = *b;
  size_t i;
  for (i = 0; n - i >= 4; i += 4) {
    put(&local, c[s[i]].bits, c[s[i]].length);
    put(&local, c[s[i + 1]].bits, c[s[i + 1]].length);
    put(&local, c[s[i + 2]].bits, c[s[i + 2]].length);
    put(&local, c[s[i + 3]].bits, c[s[i + 3]].length);
    flush(&local);
  }
  for (; i < n; i++) {
    put(&local, c[s[i]].bits, c[s[i]].length);
    flush(&local);
  }
  put(&local, c[END].bits, c[END].length);
  flush(&local);
  *b = local;
}


static void put_block (bits *b, const uint8_t *s, size_t n, int is_last) {
  uint32_t freq[SYMBOLS];
  code c[SYMBOLS];
  count(s, n, freq);
  find_lengths(freq, c);
  assign(c);
  put_head(b, c, is_last);
  put_bytes(b, c, s, n);
}


/* ---- streams ---- */

const size_t fal_huffman_overhead = HEAD / 8 + 2 + 4;


/* Beside its codes a block has a head and its end; the last bytes are written
** eight at once. */
size_t fal_huffman_bound (size_t n) {
  return n / 8 * LONGEST + LONGEST + (n / BLOCK + 1) * (HEAD / 8 + 3) + 2 + 4 + 8;
}


size_t fal_huffman_zlib (const uint8_t *s, size_t n, uint8_t *to) {
  bits b = { to + 2, 0, 0 };
  size_t at = 0, k;
  to[0] = 0x78;   /* deflate, a window of 32 KB */
  to[1] = 0x01;   /* made fast; the sum is a multiple of 31 */
  do {
    k = n - at < BLOCK ? n - at : BLOCK;
    put_block(&b, s + at, k, at + k == n);
    at += k;
  } while (at < n);
  if (b.n > 0) {
    b.n = 8;
    flush(&b);
  }
  fal_png_put32(b.to, libdeflate_adler32(1, s, n));
  return (size_t)(b.to + 4 - to);
}
