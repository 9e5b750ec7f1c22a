/*
** pixels.h -- what can be done with pictures: pictures in, pictures out
**
** An operation leaves its arguments as they are and fills '*out', a new
** picture without texts that the caller frees. On an error '*out' is
** untouched. Sizes are checked against 'lim' (NULL: the default limits) before
** anything is allocated: FAL_ETOOBIG; what no picture has is FAL_EVALIDATION;
** FAL_ENOMEM.
**
** Positions are pixels from the top left, which is 0, 0. Colors are not
** premultiplied; where pixels are mixed, they count by their alpha, so that
** what is behind transparency never shows. No gamma is applied: numbers are
** mixed as they are, as ImageMagick and browsers do it.
*/
#ifndef fal_image_pixels_h
#define fal_image_pixels_h

#include "image.h"

/*
** {======================================================
** Size
** =======================================================
*/

typedef enum fal_filter {
  FAL_FILTER_AUTO,       /* each axis by itself: Lanczos to shrink, Mitchell
                            to enlarge; ImageMagick's choice */
  FAL_FILTER_NEAREST,    /* no mixing: for pixel art and label maps */
  FAL_FILTER_BOX,
  FAL_FILTER_TRIANGLE,
  FAL_FILTER_CATMULL,
  FAL_FILTER_MITCHELL,
  FAL_FILTER_LANCZOS     /* three lobes */
} fal_filter;

fal_code fal_image_resize (const fal_image *im, uint32_t width,
                           uint32_t height, fal_filter filter,
                           const fal_image_limits *lim, fal_image *out,
                           fal_error *err);

/* The largest size of the proportions width:height that fits into a box;
** at least 1 x 1. */
void fal_image_fit (uint32_t width, uint32_t height, uint32_t box_width,
                    uint32_t box_height, uint32_t *w, uint32_t *h);

/* A part, all of it inside the picture (else FAL_EVALIDATION). */
fal_code fal_image_crop (const fal_image *im, uint32_t x, uint32_t y,
                         uint32_t width, uint32_t height,
                         const fal_image_limits *lim, fal_image *out,
                         fal_error *err);

/* Room on the four sides, filled with an RGBA color. A color that is not
** opaque gives a picture without alpha one. */
typedef struct fal_sides {
  uint32_t left, top, right, bottom;
} fal_sides;

fal_code fal_image_border (const fal_image *im, const fal_sides *sides,
                           const uint8_t color[4],
                           const fal_image_limits *lim, fal_image *out,
                           fal_error *err);

/* The room that makes a picture width / height = 'aspect' (a finite number
** above 0, else FAL_EVALIDATION), half of it on either side. */
fal_code fal_image_room (uint32_t width, uint32_t height, double aspect,
                         fal_sides *sides, fal_error *err);

/* }====================================================== */


/*
** {======================================================
** Color
** =======================================================
*/

/* To so many channels: gray is 0.299 R + 0.587 G + 0.114 B, alpha that is
** asked for is opaque, alpha that is not wanted is left out as it is. */
fal_code fal_image_convert (const fal_image *im, int channels,
                            const fal_image_limits *lim, fal_image *out,
                            fal_error *err);

/* Gray, alpha kept: 1 or 2 channels. */
fal_code fal_image_gray (const fal_image *im, const fal_image_limits *lim,
                         fal_image *out, fal_error *err);

/* The complement of colors; alpha kept. */
fal_code fal_image_invert (const fal_image *im, const fal_image_limits *lim,
                           fal_image *out, fal_error *err);

/* Gaussian, 'sigma' in pixels, 0 (a copy) to 1000; what is outside is like
** the edge. */
fal_code fal_image_blur (const fal_image *im, double sigma,
                         const fal_image_limits *lim, fal_image *out,
                         fal_error *err);

/* Canny's edges, white on black, 1 channel. The picture is taken as gray on
** black. The thresholds are of |dx| + |dy| of a 3 x 3 Sobel operator, as in
** OpenCV, so usual values fit (100, 200; the most there can be is 2040): an
** edge must pass 'high' somewhere and 'low' all along. FAL_EVALIDATION when
** not 0 <= low <= high. Nothing is smoothed before; see fal_image_blur. */
fal_code fal_image_canny (const fal_image *im, double low, double high,
                          const fal_image_limits *lim, fal_image *out,
                          fal_error *err);

/* }====================================================== */


/*
** {======================================================
** Putting together
** =======================================================
*/

/* 'top' over 'im' with its top left at (x, y), anywhere; 'opacity' 0 to 1
** scales its alpha. The result has the size of 'im', its alpha or none, and
** color when one of the two has. */
fal_code fal_image_paste (const fal_image *im, const fal_image *top,
                          int32_t x, int32_t y, double opacity,
                          const fal_image_limits *lim, fal_image *out,
                          fal_error *err);

/* 'im' where the mask is black, 'top' where it is white, mixed between. All
** three are of one size, else FAL_EVALIDATION. A mask is taken as gray on
** black. Color and alpha when one of the two has them. */
fal_code fal_image_blend (const fal_image *im, const fal_image *top,
                          const fal_image *mask, const fal_image_limits *lim,
                          fal_image *out, fal_error *err);

/* The picture with its alpha scaled by a mask of the same size. */
fal_code fal_image_cut (const fal_image *im, const fal_image *mask,
                        const fal_image_limits *lim, fal_image *out,
                        fal_error *err);

/* }====================================================== */


/*
** {======================================================
** Masks: 1 channel, white (255) is in
** =======================================================
*/

typedef enum fal_shape { FAL_SHAPE_RECTANGLE, FAL_SHAPE_ELLIPSE } fal_shape;

/* A shape in the box (x, y, w, h), which may have fractions and lie partly
** or wholly outside. Edges between pixels are smooth. */
fal_code fal_image_shape (uint32_t width, uint32_t height, fal_shape shape,
                          double x, double y, double w, double h,
                          const fal_image_limits *lim, fal_image *out,
                          fal_error *err);

/* The pixels connected to (x, y) by their sides whose every channel differs
** from that one's by at most 'tolerance'. FAL_EVALIDATION for a position
** outside. */
fal_code fal_image_region (const fal_image *im, uint32_t x, uint32_t y,
                           int tolerance, const fal_image_limits *lim,
                           fal_image *out, fal_error *err);

/* The picture with that region in an RGBA color. A color that is not opaque
** gives a picture without alpha one. */
fal_code fal_image_flood (const fal_image *im, uint32_t x, uint32_t y,
                          int tolerance, const uint8_t color[4],
                          const fal_image_limits *lim, fal_image *out,
                          fal_error *err);

/* }====================================================== */


/* A contact sheet: pictures in rows of cells, each scaled to fit its cell and
** centered, its caption in up to two lines below. */
typedef struct fal_sheet {
  uint32_t columns;
  uint32_t cell_width, cell_height;   /* of a picture, without the caption */
  uint32_t gap;                       /* around and between the cells */
  double caption;                     /* height of a capital letter, pixels */
  uint8_t background[4], ink[4];      /* RGBA */
} fal_sheet;

/* Fills '*sheet' with what suits 'n' pictures: as many columns as rows, cells
** of 256 x 256, dark ink on white. */
void fal_sheet_init (fal_sheet *sheet, size_t n);

/* 'captions' are 'n' strings in UTF-8, some or all NULL; or itself NULL.
** FAL_EVALIDATION without pictures. The result has alpha when the background
** is not opaque. */
fal_code fal_image_sheet (const fal_image *const *pictures, size_t n,
                          const char *const *captions,
                          const fal_sheet *sheet, const fal_image_limits *lim,
                          fal_image *out, fal_error *err);

#endif
