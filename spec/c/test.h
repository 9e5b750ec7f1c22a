/*
** test.h -- what the C tests share: counted checks, and a last line
*/
#ifndef fal_test_h
#define fal_test_h

#include <stdio.h>
#include <string.h>

static int checks, failures;

/* Checks a condition; 'what' says which row or case this is. */
#define CHECK(what, condition)                                              \
  do {                                                                      \
    checks++;                                                               \
    if (!(condition)) {                                                     \
      failures++;                                                           \
      fprintf(stderr, "%s:%d: %s: %s\n", __FILE__, __LINE__, what,          \
              #condition);                                                  \
    }                                                                       \
  } while (0)

/* Checks that the bytes s[0..n) are those of the string 'expected'. */
#define CHECK_TEXT(what, s, n, expected)                                    \
  do {                                                                      \
    size_t n_ = (n);                                                        \
    const char *s_ = (s), *e_ = (expected);                                 \
    checks++;                                                               \
    if (n_ != strlen(e_) || memcmp(s_, e_, n_) != 0) {                      \
      failures++;                                                           \
      fprintf(stderr, "%s:%d: %s: \"%.*s\", not \"%s\"\n", __FILE__,        \
              __LINE__, what, (int)n_, s_, e_);                             \
    }                                                                       \
  } while (0)

/* The last line of main: prints the sum, and is the exit status. */
#define TEST_END(name)                                                      \
  (failures == 0 ? (printf("ok %s %d checks\n", name, checks), 0)           \
                 : (printf("FAILED %s %d of %d checks\n", name, failures,   \
                           checks), 1))

#endif
