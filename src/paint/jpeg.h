/*
** jpeg.h -- JPEG to and from pictures, for the preview models
**
** Only falua has it: the client never needs to look into a JPEG.
*/
#ifndef fal_jpeg_h
#define fal_jpeg_h

#include "../image/image.h"

/* Decodes to 1 or 3 channels; CMYK becomes RGB, and a picture that says how
** it is to be turned (Exif) is turned. FAL_EPROTOCOL for what is no JPEG, is
** cut short or damaged beyond use; FAL_ETOOBIG past a limit (NULL: the
** defaults), checked before memory is taken. '*im' is untouched on error. */
fal_code fal_jpeg_decode (const void *s, size_t n,
                          const fal_image_limits *lim, fal_image *im,
                          fal_error *err);

/* Encodes with a quality of 1 to 100 and a comment of ASCII (NULL: none).
** What is transparent is laid on white. Appends to 'out', which is as it was
** on error. */
fal_code fal_jpeg_encode (const fal_image *im, int quality,
                          const char *comment, fal_buf *out, fal_error *err);

#endif
