/*
** test_retry.c -- when an exchange is made again, and after how long
*/
#include "../../src/core/retry.h"
#include "test.h"

#define NOW 1767608430.0   /* Mon, 05 Jan 2026 10:20:30 GMT */
#define ID  "x-fal-request-id: 5e0f\r\n"

static const fal_retry policy = { 3, 1.0, 4.0 };


static int near (double a, double b) {
  double d = a - b;
  return d < 1e-6 && d > -1e-6;
}


static void retry_after (void) {
  static const struct { const char *value; double seconds; } rows[] = {
    { "0", 0 }, { "7", 7 }, { "120", 120 }, { "1.5", 1 }, { "0.25", 0 },
    { "007", 7 }, { "3.", 3 },
    { "", -1 }, { "soon", -1 }, { "-5", -1 }, { "+5", -1 }, { "5s", -1 },
    { "5,6", -1 }, { "1.5.2", -1 }, { ".5", -1 }, { "0x10", -1 },
    { "1e3", -1 }, { "12:00:00", -1 }, { "Monday", -1 },
    { "Mon, 05 Jan 2026 10:20:40 GMT", 10 },
    { "Mon, 05 Jan 2026 10:20:30 GMT", 0 },
    { "Mon, 05 Jan 2026 10:20:00 GMT", 0 },      /* past: at once */
    { "Monday, 05-Jan-26 10:21:30 GMT", 60 },    /* the two old forms */
    { "Mon Jan  5 10:20:31 2026", 1 },
    { "Mon, 05 Jan 2026 11:20:40 +0100", 10 },
    { "Mon, 05 Jan", -1 },
    { "9999999999999999999999999999999999999999999999999999999999999999", -1 },
  };
  size_t i;
  for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
    CHECK(rows[i].value, near(fal_retry_after(rows[i].value,
          strlen(rows[i].value), NOW), rows[i].seconds));
  CHECK("only the given bytes", near(fal_retry_after("1234", 2, NOW), 12));
}


static double delay_of (const fal_retry *p, int status, const char *head,
                        int safe, int final, int made, double random,
                        double left) {
  fal_error err;
  fal_answer answer;
  fal_attempt a;
  memset(&err, 0, sizeof(err));
  memset(&answer, 0, sizeof(answer));
  memset(&a, 0, sizeof(a));
  err.code = FAL_EHTTP;
  answer.status = status;
  answer.head = head;
  answer.head_n = strlen(head);
  a.err = &err;
  a.answer = &answer;
  a.safe = safe;
  a.final = final;
  a.sent = 1;
  a.made = made;
  a.left = left;
  return fal_retry_delay(p, &a, NOW, random);
}


static double delay_by (const fal_retry *p, int status, const char *head,
                        int safe, int final, int made, double random) {
  return delay_of(p, status, head, safe, final, made, random, 0);
}


static double delay_left (double left, const char *head) {
  return delay_of(&policy, 429, head, 0, 0, 1, 0.5, left);
}


static double delay (int status, const char *head, int safe, int final,
                     int made, double random) {
  return delay_by(&policy, status, head, safe, final, made, random);
}


/* The columns: a call that is not safe, one that is, a result. */
static void answers (void) {
  static const struct { int status; const char *head; int call, safe, result; }
  rows[] = {
    { 400, "", 0, 0, 0 }, { 401, "", 0, 0, 0 }, { 404, "", 0, 0, 0 },
    { 408, "", 0, 1, 1 }, { 409, "", 0, 0, 0 }, { 422, "", 0, 0, 0 },
    { 429, "", 1, 1, 1 }, { 429, ID, 1, 1, 1 },
    { 499, "", 0, 0, 0 }, { 501, "", 0, 0, 0 }, { 307, "", 0, 0, 0 },
    { 500, "", 0, 1, 1 }, { 500, ID, 0, 1, 0 },
    { 502, "", 1, 1, 1 }, { 503, "", 1, 1, 1 }, { 504, "", 1, 1, 1 },
    { 502, ID, 0, 1, 0 }, { 503, ID, 0, 1, 0 }, { 504, ID, 0, 1, 0 },
    { 503, "X-FAL-REQUEST-ID: 1\r\n", 0, 1, 0 },
    { 504, "x-fal-request-timeout-type: user\r\n", 0, 0, 0 },
    { 503, ID "X-Fal-Needs-Retry: 1\r\n", 1, 1, 0 },
    { 500, ID "X-Fal-Retryable: true\r\n", 1, 1, 0 },
    { 503, "X-Fal-Needs-Retry: 0\r\n", 0, 0, 0 },
    { 503, "X-Fal-Retryable: false\r\n", 0, 0, 0 },
    { 429, "X-Fal-Needs-Retry: 0\r\n", 0, 0, 0 },
    { 422, "X-Fal-Needs-Retry: 1\r\n", 0, 0, 0 },
    /* the newer name wins */
    { 503, ID "X-Fal-Retryable: true\r\nX-Fal-Needs-Retry: 0\r\n", 0, 0, 0 },
  };
  size_t i;
  for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    char what[100];
    snprintf(what, sizeof(what), "%d %.80s", rows[i].status, rows[i].head);
    CHECK(what, (delay(rows[i].status, rows[i].head, 0, 0, 1, 0.5) >= 0)
                == rows[i].call);
    CHECK(what, (delay(rows[i].status, rows[i].head, 1, 0, 1, 0.5) >= 0)
                == rows[i].safe);
    CHECK(what, (delay(rows[i].status, rows[i].head, 1, 1, 1, 0.5) >= 0)
                == rows[i].result);
  }
}


static int without_answer (fal_code code, int retryable, int safe, int sent) {
  fal_error err;
  fal_answer answer;
  fal_attempt a;
  memset(&err, 0, sizeof(err));
  memset(&answer, 0, sizeof(answer));
  memset(&a, 0, sizeof(a));
  err.code = code;
  err.retryable = retryable;
  answer.head = "";
  a.err = &err;
  a.answer = &answer;
  a.safe = safe;
  a.sent = sent;
  a.made = 1;
  return fal_retry_delay(&policy, &a, NOW, 0.5) >= 0;
}


static void no_answers (void) {
  CHECK("never sent", without_answer(FAL_ENETWORK, 1, 0, 0));
  CHECK("may have arrived", !without_answer(FAL_ENETWORK, 1, 0, 1));
  CHECK("safe", without_answer(FAL_ENETWORK, 1, 1, 1));
  CHECK("a bad certificate", !without_answer(FAL_ENETWORK, 0, 1, 0));
  CHECK("too big", !without_answer(FAL_ETOOBIG, 0, 1, 1));
  CHECK("no HTTP", !without_answer(FAL_EPROTOCOL, 0, 1, 1));
  CHECK("out of memory", !without_answer(FAL_ENOMEM, 0, 1, 0));
}


static void delays (void) {
  static const struct { int made; double random, seconds; } rows[] = {
    { 1, 0.5, 0.5 }, { 2, 0.5, 1 }, { 3, 0.5, 2 }, { 4, 0.5, -1 },
    { 1, 0, 0 }, { 3, 0.99, 3.96 },
  };
  const fal_retry none = { 0, 1, 4 }, many = { 1000000, 1, 4 };
  const fal_retry slow = { 3, 1, 300 };
  size_t i;
  for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
    CHECK("jitter is full, the ceiling is 4", near(delay(429, "", 0, 0,
          rows[i].made, rows[i].random), rows[i].seconds));
  CHECK("Retry-After is waited for", near(delay(429, "Retry-After: 20\r\n", 0,
        0, 1, 0.5), 20));
  CHECK("up to a minute", near(delay(429, "Retry-After: 60\r\n", 0, 0, 1, 0.5),
        60));
  CHECK("not a day", delay(429, "Retry-After: 86400\r\n", 1, 0, 1, 0.5) < 0);
  CHECK("not until tomorrow", delay(503, "retry-after: Tue, 06 Jan 2026 "
        "10:20:30 GMT\r\n", 1, 0, 1, 0.5) < 0);
  CHECK("longer when max_delay is", near(delay_by(&slow, 429, "Retry-After: "
        "100\r\n", 0, 0, 1, 0.5), 100));
  CHECK("not past the deadline", delay_left(7, "Retry-After: 8\r\n") < 0);
  CHECK("up to it", near(delay_left(9, "Retry-After: 8\r\n"), 8));
  CHECK("a pause of ours may end there", delay_left(0.1, "") > 0.1);
  CHECK("but not less than that", near(delay(429, "Retry-After: 0\r\n", 0, 0,
        1, 0.5), 0.5));
  CHECK("as a date", near(delay(503, "retry-after: Mon, 05 Jan 2026 10:20:50 "
        "GMT\r\n", 0, 0, 1, 0.5), 20));
  CHECK("nonsense is none", near(delay(429, "Retry-After: x\r\n", 0, 0, 1,
        0.5), 0.5));
  CHECK("it adds no attempt", delay(429, "Retry-After: 1\r\n", 0, 0, 4, 0.5)
        < 0);
  CHECK("no retries", delay_by(&none, 429, "", 0, 0, 1, 0.5) < 0);
  CHECK("no overflow", near(delay_by(&many, 429, "", 0, 0, 100000, 0.5), 2));
}


int main (void) {
  retry_after();
  answers();
  no_answers();
  delays();
  return TEST_END("retry");
}
