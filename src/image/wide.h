/*
** wide.h -- wider registers where the processor has them
*/
#ifndef fal_wide_h
#define fal_wide_h

/* Before a function whose loops go over rows of pixels: it is compiled for
** several processors, and the one at hand picks. Each lane computes what one
** would, so results are the same everywhere. */
#if !defined(__x86_64__) || !defined(__GLIBC__) || !defined(__GNUC__) \
    || defined(__clang__)
#define FAL_WIDE
#elif __GNUC__ >= 12
#define FAL_WIDE  __attribute__((target_clones("arch=x86-64-v4", "avx2", \
                                               "default")))
#else
#define FAL_WIDE  __attribute__((target_clones("avx2", "default")))
#endif

#endif
