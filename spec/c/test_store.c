/*
** test_store.c -- what every store of requests does, with a clock of its own
**
** Each test opens a new store of each backend in a folder of its own.
*/
#include <dirent.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sqlite3.h>

#include "../../src/core/buf.h"
#include "../../src/server/store.h"
#include "test.h"

#define ME    "this process"
#define JSON  "content-type: application/json\r\n"

static const struct {
  const char *name;
  store *(*open) (const store_options *opt, fal_error *err);
} backends[] = {
  {"sqlite", store_sqlite},
};

static const char *what;        /* backend and test */
static store_options options;
static store *s;                /* the store under test */
static store *eyes;             /* its reader */
static double now;
static int changes;             /* that it told of */


static void count_change (void *ud, const char *id) {
  (void)ud;
  changes += id[0] != '\0';
}


/*
** {======================================================
** Each change in a group of its own
** =======================================================
*/

static void begin (void) {
  CHECK(what, s->cls->begin(s) == STORE_OK);
}


static store_code end (store_code code) {
  if (code == STORE_OK || code == STORE_ASKED)
    CHECK(what, s->cls->commit(s) == STORE_OK);
  else
    s->cls->rollback(s);
  return code;
}


static store_request request (const char *id) {
  store_request r;
  memset(&r, 0, sizeof(r));
  r.id = id;
  r.owner = r.tenant = r.head = r.webhook = "";
  r.endpoint = "a/b";
  r.base_url = "http://here";
  r.body = "{}";
  r.body_n = 2;
  r.max_waiting = -1;
  return r;
}


static store_code submit_it (const store_request *r, long *position) {
  long unused;
  begin();
  return end(s->cls->submit(s, now, r, position != NULL ? position : &unused));
}


static long submit (const char *id) {
  store_request r = request(id);
  long position = -1;
  CHECK(id, submit_it(&r, &position) == STORE_OK);
  return position;
}


static store_code run_it (const char *id, int attempt) {
  begin();
  return end(s->cls->run(s, now, id, attempt));
}


/* Claims for a minute and begins; the attempt when it was 'id', else 0. */
static int claim (const char *id) {
  store_claim c;
  int attempt = 0;
  begin();
  if (end(s->cls->claim(s, now, ME, now + 60, NULL, &c)) != STORE_OK)
    return 0;
  if (strcmp(c.id, id) == 0)
    attempt = c.attempt;
  run_it(c.id, c.attempt);
  store_claim_free(&c);
  return attempt;
}


static store_code complete_with (const char *id, int attempt,
                                 const char *body, size_t n) {
  store_reply r = {200, JSON, NULL, 0, NULL, NULL, 0.5, 0};
  r.body = body;
  r.body_n = n;
  begin();
  return end(s->cls->complete(s, now, id, attempt, &r));
}


static store_code complete (const char *id, int attempt) {
  return complete_with(id, attempt, "{\"a\":1}", 7);
}


static store_code release (const char *id, int attempt, double not_before,
                           int tries, const store_reply *why) {
  begin();
  return end(s->cls->release(s, now, id, attempt, not_before, tries, why));
}


static store_code add_log (const char *id, int attempt, const char *text) {
  begin();
  return end(s->cls->log(s, now, id, attempt, "INFO", text, strlen(text)));
}


static store_code cancel (const char *id) {
  begin();
  return end(s->cls->cancel(s, now, "", id));
}


static double tend (int all) {
  double next = -1;
  begin();
  CHECK(what, end(s->cls->tend(s, now, all, &next)) == STORE_OK);
  return next;
}

/* }====================================================== */


/*
** {======================================================
** Looking
** =======================================================
*/

/* "IN_QUEUE 3", "IN_PROGRESS", "COMPLETED", "COMPLETED type", "NONE". */
static const char *status (const char *id) {
  static char text[100];
  store_status st;
  if (eyes->cls->status(eyes, now, "", id, -1, &st) != STORE_OK)
    return "NONE";
  switch (st.state) {
    case STORE_IN_QUEUE:
      snprintf(text, sizeof(text), "IN_QUEUE %ld", st.position);
      break;
    case STORE_IN_PROGRESS:
      snprintf(text, sizeof(text), "IN_PROGRESS%s",
               st.canceling ? " canceling" : "");
      break;
    case STORE_COMPLETED:
      snprintf(text, sizeof(text), "COMPLETED%s%s",
               st.error_type != NULL ? " " : "",
               st.error_type != NULL ? st.error_type : "");
  }
  store_status_free(&st);
  return text;
}


#define IS(id, text)  CHECK_TEXT(what, status(id), strlen(status(id)), text)


/* The texts of the lines from 'from' on, with a ';' after each. */
static const char *logs (const char *id, long from) {
  static char text[200];
  store_status st;
  size_t i;
  text[0] = '\0';
  if (eyes->cls->status(eyes, now, "", id, from, &st) != STORE_OK)
    return "NONE";
  for (i = 0; i < st.logs_n; i++) {
    strncat(text, st.logs[i].text, 20);
    strcat(text, ";");
  }
  store_status_free(&st);
  return text;
}


static store_code result (const char *id) {
  store_result r;
  store_code code = eyes->cls->result(eyes, now, "", id, &r);
  store_result_free(&r);
  return code;
}


static store_counts counts (void) {
  store_counts n = {-1, -1};
  eyes->cls->counts(eyes, &n);
  return n;
}


static int files (void) {
  char path[4096];
  struct dirent *e;
  DIR *dir;
  int n = 0;
  snprintf(path, sizeof(path), "%s/blobs", options.folder);
  dir = opendir(path);
  while (dir != NULL && (e = readdir(dir)) != NULL)
    n += e->d_name[0] != '.';
  if (dir != NULL)
    closedir(dir);
  return n;
}

/* }====================================================== */


/*
** {======================================================
** The tests
** =======================================================
*/

static void reopen (size_t i) {
  fal_error err;
  if (s != NULL) {
    eyes->cls->close(eyes);
    s->cls->close(s);
  }
  s = backends[i].open(&options, &err);
  CHECK(what, s != NULL);
  s->changed = count_change;
  eyes = s->cls->reader(s, &err);
  CHECK(what, eyes != NULL);
}


static void life (size_t i) {
  store_request r = request("1");
  store_claim c;
  store_status st;
  store_result res;
  long position = -1;
  (void)i;
  r.head = "x-fal-a: 1\r\n";
  r.owner = "";
  CHECK(what, submit_it(&r, &position) == STORE_OK && position == 0);
  IS("1", "IN_QUEUE 0");
  CHECK(what, result("1") == STORE_UNFINISHED);
  begin();
  CHECK(what, end(s->cls->claim(s, now, ME, now + 60, NULL, &c)) == STORE_OK);
  CHECK_TEXT(what, c.id, strlen(c.id), "1");
  CHECK_TEXT(what, c.endpoint, strlen(c.endpoint), "a/b");
  CHECK_TEXT(what, c.base_url, strlen(c.base_url), "http://here");
  CHECK_TEXT(what, c.head, strlen(c.head), "x-fal-a: 1\r\n");
  CHECK_TEXT(what, c.body, c.body_n, "{}");
  CHECK(what, c.attempt == 1 && c.failures == 0);
  store_claim_free(&c);
  IS("1", "IN_QUEUE 0");
  CHECK("not yet", add_log("1", 1, "early") == STORE_NONE);
  CHECK(what, run_it("1", 1) == STORE_OK);
  CHECK("again", run_it("1", 1) == STORE_OK);
  IS("1", "IN_PROGRESS");
  CHECK(what, add_log("1", 1, "one") == STORE_OK);
  now += 0.25;
  CHECK(what, add_log("1", 1, "two") == STORE_OK);
  CHECK_TEXT(what, logs("1", -1), strlen(logs("1", -1)), "");
  CHECK_TEXT(what, logs("1", 0), strlen(logs("1", 0)), "one;two;");
  CHECK_TEXT(what, logs("1", 1), strlen(logs("1", 1)), "two;");
  CHECK_TEXT(what, logs("1", 2), strlen(logs("1", 2)), "");
  CHECK(what, complete("1", 1) == STORE_OK);
  IS("1", "COMPLETED");
  CHECK(what, eyes->cls->status(eyes, now, "", "1", 0, &st) == STORE_OK);
  CHECK(what, st.seconds == 0.5 && st.error == NULL && st.logs_n == 2);
  CHECK(what, st.logs[1].time == now);
  CHECK_TEXT(what, st.logs[1].level, strlen(st.logs[1].level), "INFO");
  store_status_free(&st);
  CHECK(what, eyes->cls->result(eyes, now, "", "1", &res) == STORE_OK);
  CHECK(what, res.status == 200 && res.fd < 0);
  CHECK_TEXT(what, res.head, strlen(res.head), JSON);
  CHECK_TEXT(what, res.body, res.body_n, "{\"a\":1}");
  store_result_free(&res);
  CHECK(what, claim("1") == 0);
  CHECK(what, changes >= 4);
}


static void order (size_t i) {
  store_request low = request("low1");
  long position = -1;
  (void)i;
  low.low = 1;
  CHECK(what, submit_it(&low, &position) == STORE_OK && position == 0);
  CHECK(what, submit("a") == 0);  /* before what is low */
  CHECK(what, submit("b") == 1);
  low.id = "low2";
  CHECK(what, submit_it(&low, &position) == STORE_OK && position == 3);
  IS("a", "IN_QUEUE 0");
  IS("b", "IN_QUEUE 1");
  IS("low1", "IN_QUEUE 2");
  IS("low2", "IN_QUEUE 3");
  CHECK(what, counts().waiting == 4 && counts().running == 0);
  CHECK(what, claim("a") == 1);
  IS("low2", "IN_QUEUE 2");
  CHECK(what, release("a", 1, 0, 10, NULL) == STORE_OK);
  IS("a", "IN_QUEUE 0");  /* its old place */
  CHECK(what, claim("a") == 2 && claim("b") == 1 && claim("low1") == 1);
  CHECK(what, submit("c") == 0);
  CHECK(what, claim("c") == 1 && claim("low2") == 1 && claim("") == 0);
  CHECK(what, counts().waiting == 0 && counts().running == 5);
}


static void refusals (size_t i) {
  store_request r = request("x");
  long position = 0;
  (void)i;
  submit("1");
  submit("2");
  r.max_waiting = 2;
  CHECK(what, submit_it(&r, NULL) == STORE_BUSY);
  IS("x", "NONE");
  r.max_waiting = 3;
  CHECK(what, submit_it(&r, NULL) == STORE_OK);
  r = request("x");
  CHECK("the same id again", submit_it(&r, NULL) == STORE_FAIL);
  r.named = 1;
  CHECK("the same name again", submit_it(&r, &position) == STORE_OK &&
        position < 0);
  r.owner = "somebody else";
  CHECK("another's name", submit_it(&r, &position) == STORE_NONE);
  CHECK(what, counts().waiting == 3);
}


/* What would be claimed: "endpoint tenant", "" when nothing would. */
static const char *first_but (const char *endpoints, const char *tenants) {
  static char text[400];
  store_except e;
  store_first f;
  e.endpoints = endpoints;
  e.tenants = tenants;
  text[0] = '\0';
  begin();
  if (end(s->cls->next(s, now, &e, &f)) == STORE_OK)
    snprintf(text, sizeof(text), "%s %s", f.endpoint, f.tenant);
  return text;
}

#define FIRST(endpoints, tenants, text)  \
  CHECK_TEXT(what, first_but(endpoints, tenants), \
             strlen(first_but(endpoints, tenants)), text)


static store_code claim_but (const char *endpoints, const char *tenants,
                             store_claim *c) {
  store_except e;
  e.endpoints = endpoints;
  e.tenants = tenants;
  begin();
  return end(s->cls->claim(s, now, ME, now + 60, &e, c));
}


static void except (size_t i) {
  store_request r = request("2");
  store_claim c;
  (void)i;
  r.endpoint = "a/other";
  FIRST(NULL, NULL, "");
  submit("1");
  submit_it(&r, NULL);
  FIRST(NULL, NULL, "a/b ");
  FIRST("[\"a/b\"]", NULL, "a/other ");
  CHECK(what, claim_but("[\"a/b\"]", NULL, &c) == STORE_OK);
  CHECK_TEXT(what, c.id, strlen(c.id), "2");
  store_claim_free(&c);
  CHECK(what, claim_but("[\"a/b\"]", NULL, &c) == STORE_NONE);
  CHECK(what, claim("1") == 1);
}


/* Tenants that are left out keep their places and hold nobody up. */
static void tenants (size_t i) {
  static const struct { const char *id, *tenant; int low; } all[] = {
    {"a1", "ann", 1}, {"a2", "ann", 0}, {"n", "", 1}, {"a3", "ann", 0},
    {"b1", "bob", 1}, {"b2", "bob", 0}, {"c1", "cat", 0},
  };
  store_request r;
  store_claim c;
  size_t k;
  (void)i;
  FIRST(NULL, "[\"ann\"]", "");
  for (k = 0; k < sizeof(all) / sizeof(all[0]); k++) {
    r = request(all[k].id);
    r.endpoint = all[k].id;
    r.tenant = all[k].tenant;
    r.low = all[k].low;
    submit_it(&r, NULL);
  }
  FIRST(NULL, NULL, "a2 ann");
  FIRST(NULL, "[]", "a2 ann");
  FIRST(NULL, "[\"ann\"]", "b2 bob");
  FIRST("[\"b2\"]", "[\"ann\"]", "c1 cat");
  FIRST("[\"b2\"]", "[\"ann\",\"cat\"]", "n ");
  FIRST("[\"n\"]", "[\"ann\",\"cat\",\"bob\"]", "");
  CHECK(what, claim_but(NULL, "[\"ann\"]", &c) == STORE_OK);
  CHECK_TEXT(what, c.id, strlen(c.id), "b2");
  store_claim_free(&c);
  FIRST(NULL, "[\"ann\"]", "c1 cat");  /* what has a lease is no first */
  IS("a3", "IN_QUEUE 1");
  now += 1;
  release("b2", 1, now + 5, 10, NULL);
  FIRST("[\"c1\"]", "[\"ann\"]", "n ");  /* nor what is not to run yet */
  now += 5;
  FIRST("[\"c1\"]", "[\"ann\"]", "b2 bob");
}


static store_settled last;
static int settlements;

static void count_settled (void *ud, const store_settled *what_settled) {
  (void)ud;
  last = *what_settled;
  settlements++;
}


static int settled_as (const char *tenant, int64_t taken, int64_t made) {
  int n = settlements;
  settlements = 0;
  return n == 1 && strcmp(last.tenant, tenant) == 0 && last.day == 19000 &&
         last.taken == taken && last.made == made;
}


/* Each request of a tenant is settled once, however it completes. */
static void settling (size_t i) {
  store_reply good = {200, JSON, "{}", 2, NULL, NULL, 0.5, 3};
  store_request r = request("1");
  int k;
  r.tenant = "ann";
  r.day = 19000;
  for (k = 0; k < 6; k++) {
    char id[2] = "1";
    id[0] = (char)('1' + k);
    r.id = id;
    r.images = k + 1;
    r.start_by = k == 4 ? now + 1 : 0;
    submit_it(&r, NULL);
  }
  settlements = 0;
  s->settled = count_settled;
  CHECK(what, claim("1") == 1);
  begin();
  CHECK(what, end(s->cls->complete(s, now, "1", 1, &good)) == STORE_OK);
  CHECK(what, settled_as("ann", 1, 3));
  begin();
  CHECK(what, end(s->cls->complete(s, now, "1", 1, &good)) == STORE_NONE);
  CHECK("once", settlements == 0);
  CHECK(what, cancel("2") == STORE_OK && settled_as("ann", 2, 0));
  CHECK(what, claim("3") == 1 && release("3", 1, 0, 10, NULL) == STORE_OK);
  CHECK("not yet", settlements == 0);
  CHECK(what, claim("3") == 2 && cancel("3") == STORE_ASKED);
  CHECK(what, release("3", 2, 0, 10, NULL) == STORE_OK);
  CHECK(what, settled_as("ann", 3, 0));
  CHECK(what, claim("4") == 1);
  CHECK(what, release("4", 1, 0, 1, &store_lost) == STORE_OK);
  CHECK(what, settled_as("ann", 4, 0));
  now += 2;
  tend(0);
  CHECK("too late to start", settled_as("ann", 5, 0));
  reopen(i);
  s->settled = count_settled;
  CHECK("after a restart", cancel("6") == STORE_OK &&
        settled_as("ann", 6, 0));
  submit("nobody's");
  CHECK(what, cancel("nobody's") == STORE_OK && settlements == 0);
}


/* A database of the first version is taken over. */
static void upgrade (size_t i) {
  char path[200];
  sqlite3 *db = NULL;
  submit("1");
  eyes->cls->close(eyes);
  s->cls->close(s);
  s = NULL;
  snprintf(path, sizeof(path), "%s/queue.db", options.folder);
  CHECK(what, sqlite3_open(path, &db) == SQLITE_OK);
  CHECK(what, sqlite3_exec(db, "DROP INDEX tenants;"
    "ALTER TABLE request DROP COLUMN tenant;"
    "ALTER TABLE request DROP COLUMN day;"
    "ALTER TABLE request DROP COLUMN images;"
    "PRAGMA user_version = 1", NULL, NULL, NULL) == SQLITE_OK);
  sqlite3_close(db);
  reopen(i);
  IS("1", "IN_QUEUE 0");
  submit("2");
  FIRST(NULL, "[\"ann\"]", "a/b ");
  CHECK(what, claim("1") == 1 && complete("1", 1) == STORE_OK);
}


static void leases (size_t i) {
  (void)i;
  submit("1");
  CHECK(what, claim("1") == 1);
  CHECK(what, tend(0) == now + 60);
  now += 50;
  begin();
  CHECK(what, end(s->cls->renew(s, now, "another", now + 60)) == STORE_OK);
  CHECK(what, tend(0) == now + 10);
  begin();
  CHECK(what, end(s->cls->renew(s, now, ME, now + 60)) == STORE_OK);
  now += 59;
  tend(0);
  IS("1", "IN_PROGRESS");
  now += 1;
  tend(0);
  IS("1", "IN_QUEUE 0");
  CHECK("waits: no log", add_log("1", 1, "late") == STORE_NONE);
  CHECK(what, claim("1") == 2);
  CHECK("a lease of the past", complete("1", 1) == STORE_NONE);
  CHECK(what, add_log("1", 1, "late") == STORE_NONE);
  CHECK(what, release("1", 1, 0, 10, NULL) == STORE_NONE);
  IS("1", "IN_PROGRESS");
  CHECK(what, complete("1", 2) == STORE_OK);
  CHECK("twice", complete("1", 2) == STORE_NONE);
  CHECK(what, release("1", 2, 0, 10, NULL) == STORE_NONE);
  IS("1", "COMPLETED");
  CHECK_TEXT(what, logs("1", 0), strlen(logs("1", 0)), "");
}


static void attempts (size_t i) {
  int k;
  (void)i;
  submit("1");
  for (k = 1; k <= 30; k++) {  /* nobody is to blame */
    CHECK(what, claim("1") == k);
    CHECK(what, release("1", k, 0, 10, NULL) == STORE_OK);
  }
  for (; k < 30 + STORE_TRIES; k++) {
    CHECK(what, claim("1") == k);
    CHECK(what, release("1", k, 0, 10, &store_lost) == STORE_OK);
    IS("1", "IN_QUEUE 0");
  }
  CHECK(what, claim("1") == k);
  CHECK(what, release("1", k, 0, 100, &store_lost) == STORE_OK);
  IS("1", "COMPLETED runner_disconnected");
  submit("2");
  CHECK(what, claim("2") == 1);
  CHECK("one try", release("2", 1, 0, 1, &store_lost) == STORE_OK);
  IS("2", "COMPLETED runner_disconnected");
  submit("3");
  CHECK(what, claim("3") == 1);
  CHECK(what, release("3", 1, now + 5, 10, &store_lost) == STORE_OK);
  CHECK("not yet", claim("3") == 0);
  CHECK(what, tend(0) == now + 5);
  now += 5;
  CHECK(what, claim("3") == 2);
}


static void canceling (size_t i) {
  store_result r;
  (void)i;
  CHECK(what, cancel("1") == STORE_NONE);
  submit("1");
  submit("2");
  CHECK(what, cancel("1") == STORE_OK);
  IS("1", "COMPLETED client_cancelled");
  IS("2", "IN_QUEUE 0");
  CHECK(what, cancel("1") == STORE_FINISHED);
  CHECK(what, eyes->cls->result(eyes, now, "", "1", &r) == STORE_OK);
  CHECK(what, r.status == 499);
  store_result_free(&r);
  CHECK(what, claim("2") == 1);
  CHECK(what, cancel("2") == STORE_ASKED);
  IS("2", "IN_PROGRESS canceling");
  CHECK(what, cancel("2") == STORE_ASKED);
  CHECK("lost while it was asked to stop",
        release("2", 1, 0, 10, NULL) == STORE_OK);
  IS("2", "COMPLETED client_cancelled");
  submit("3");
  claim("3");
  CHECK(what, cancel("3") == STORE_ASKED);
  CHECK("done all the same", complete("3", 1) == STORE_OK);
  IS("3", "COMPLETED");
  CHECK(what, counts().waiting == 0 && submit("4") == 0);
}


/* What is claimed and has not begun waits, for everybody but claimers. */
static void ahead (size_t i) {
  store_request r = request("3");
  store_claim c[4];
  int k;
  (void)i;
  r.start_by = now + 5;
  submit("1");
  submit("2");
  submit_it(&r, NULL);
  submit("4");
  for (k = 0; k < 4; k++) {
    begin();
    CHECK(what, end(s->cls->claim(s, now, ME, now + 60, NULL, &c[k]))
                == STORE_OK);
  }
  CHECK(what, claim("1") == 0 && counts().waiting == 4);
  IS("1", "IN_QUEUE 0");
  IS("2", "IN_QUEUE 1");
  CHECK(what, run_it("1", 1) == STORE_OK);
  IS("2", "IN_QUEUE 0");
  CHECK(what, cancel("2") == STORE_OK);
  IS("2", "COMPLETED client_cancelled");
  CHECK("canceled before", run_it("2", 1) == STORE_NONE);
  CHECK(what, complete("2", 1) == STORE_NONE);
  now += 5;
  tend(0);
  IS("3", "COMPLETED request_timeout");
  CHECK("too late", run_it("3", 1) == STORE_NONE);
  CHECK("given back unused", release("4", 1, 0, 10, NULL) == STORE_OK);
  CHECK(what, counts().waiting == 1 && submit("5") == 1);
  CHECK(what, claim("4") == 2 && run_it("4", 1) == STORE_NONE);
  store_claim_free(&c[0]);
  begin();
  CHECK(what, end(s->cls->claim(s, now, ME, now + 60, NULL, &c[0]))
              == STORE_OK);
  CHECK(what, complete("1", 1) == STORE_OK);
  now += 60;
  tend(0);
  CHECK("its lease ran out", claim("4") == 3 && claim("5") == 2);
  for (k = 0; k < 4; k++)
    store_claim_free(&c[k]);
}


static void start_timeout (size_t i) {
  store_request r = request("1");
  store_result res;
  store_claim c;
  (void)i;
  r.start_by = now + 5;
  CHECK(what, submit_it(&r, NULL) == STORE_OK);
  r.id = "2";
  CHECK(what, submit_it(&r, NULL) == STORE_OK);
  CHECK("told before anybody tends", s->due == now + 5);
  CHECK(what, tend(0) == now + 5);
  CHECK(what, claim("1") == 1);
  now += 5;
  CHECK("too late for it", claim("2") == 0);
  tend(0);
  IS("1", "IN_PROGRESS");
  IS("2", "COMPLETED request_timeout");
  CHECK(what, eyes->cls->result(eyes, now, "", "2", &res) == STORE_OK);
  CHECK(what, res.status == 504 &&
              strstr(res.head, "x-fal-request-timeout-type: user") != NULL);
  store_result_free(&res);
  CHECK("it had begun", release("1", 1, 0, 10, NULL) == STORE_OK);
  tend(0);
  IS("1", "IN_QUEUE 0");
  r.id = "3";
  r.start_by = now + 5;
  CHECK(what, claim("1") == 2 && submit_it(&r, NULL) == STORE_OK);
  begin();
  CHECK(what, end(s->cls->claim(s, now, ME, now + 60, NULL, &c)) == STORE_OK);
  CHECK("it had not", release("3", 1, 0, 10, NULL) == STORE_OK);
  now += 5;
  tend(0);
  IS("3", "COMPLETED request_timeout");
  store_claim_free(&c);
}


static void expiry (size_t i) {
  char *big = calloc(1, STORE_BIG);
  (void)i;
  submit("small");
  submit("big");
  claim("small");
  claim("big");
  add_log("small", 1, "line");
  CHECK(what, complete_with("small", 1, big, STORE_BIG - 1) == STORE_OK);
  CHECK(what, complete_with("big", 1, big, STORE_BIG) == STORE_OK);
  CHECK(what, tend(0) == now + 360);
  now += 359;
  CHECK(what, result("big") == STORE_OK);
  now += 1;
  CHECK("before anybody tended", result("big") == STORE_EXPIRED);
  CHECK(what, tend(0) == now + 3240);
  CHECK(what, result("big") == STORE_EXPIRED);
  IS("big", "COMPLETED");
  CHECK(what, result("small") == STORE_OK);
  CHECK(what, cancel("big") == STORE_FINISHED);
  now += 3240;
  tend(0);
  CHECK(what, result("small") == STORE_EXPIRED);
  CHECK_TEXT(what, logs("small", 0), strlen(logs("small", 0)), "");
  CHECK("told from one that never was", result("never") == STORE_NONE);
  now += STORE_REMEMBER;
  CHECK(what, tend(0) == 0);
  CHECK("forgotten", result("small") == STORE_NONE);
  IS("big", "NONE");
  free(big);
}


/* Bytes that do not fit into a row. */
#define MUCH  200000

static void big_bytes (size_t i) {
  char *much = malloc(MUCH), *got = malloc(MUCH);
  store_request r = request("1");
  store_result res;
  store_claim c;
  (void)i;
  memset(much, 'x', MUCH);
  r.body = much;
  r.body_n = MUCH;
  submit_it(&r, NULL);
  r.id = "2";
  submit_it(&r, NULL);
  CHECK("the same bytes are one file", files() == 1);
  begin();
  end(s->cls->claim(s, now, ME, now + 60, NULL, &c));
  CHECK(what, c.body_n == MUCH && memcmp(c.body, much, MUCH) == 0);
  store_claim_free(&c);
  CHECK("not begun", complete("1", 1) == STORE_OK);
  CHECK(what, counts().waiting == 1);
  CHECK("the other needs it", files() == 1);
  claim("2");
  much[0] = 'y';
  CHECK(what, complete_with("2", 1, much, MUCH) == STORE_OK);
  CHECK("the result for the input", files() == 1);
  CHECK(what, eyes->cls->result(eyes, now, "", "2", &res) == STORE_OK);
  CHECK(what, res.fd >= 0 && res.body == NULL && res.body_n == MUCH);
  CHECK(what, read(res.fd, got, MUCH) == MUCH && memcmp(got, much, MUCH) == 0);
  store_result_free(&res);
  now += 360;
  tend(0);
  CHECK("gone with the result", files() == 0);
  free(got);
  free(much);
}


static void lost_input (size_t i) {
  char *much = calloc(1, MUCH), command[4096];
  store_request r = request("1");
  (void)i;
  r.body = much;
  r.body_n = MUCH;
  submit_it(&r, NULL);
  submit("2");
  snprintf(command, sizeof(command), "rm %s/blobs/*", options.folder);
  CHECK(what, system(command) == 0);
  CHECK("nobody is taken in its place", claim("2") == 0);
  IS("1", "COMPLETED internal_error");
  CHECK("nobody else waits for it", claim("2") == 1);
  CHECK(what, counts().waiting == 0 && submit("3") == 0);
  free(much);
}


static void groups (size_t i) {
  char *much = malloc(MUCH);
  store_request r = request("2");
  long position;
  char path[4096];
  FILE *f;
  memset(much, 'x', MUCH);
  submit("1");
  begin();
  r.body = much;
  r.body_n = MUCH;
  CHECK(what, s->cls->submit(s, now, &r, &position) == STORE_OK);
  CHECK("not seen before it is committed", strcmp(status("2"), "NONE") == 0);
  s->cls->rollback(s);
  IS("2", "NONE");
  CHECK("nothing is left", files() == 0 && counts().waiting == 1);
  CHECK("nor counted", submit("3") == 1);
  begin();
  CHECK(what, s->cls->cancel(s, now, "", "1") == STORE_OK);
  s->cls->rollback(s);
  IS("1", "IN_QUEUE 0");
  snprintf(path, sizeof(path), "%s/blobs/abc", options.folder);
  f = fopen(path, "w");
  fputs("left by a crash", f);
  fclose(f);
  r.id = "4";
  CHECK(what, submit_it(&r, NULL) == STORE_OK && files() == 2);
  reopen(i);
  CHECK("swept", files() == 1);
  IS("4", "IN_QUEUE 2");
  free(much);
}


static void restart (size_t i) {
  submit("1");
  submit("2");
  submit("3");
  submit("4");
  claim("1");
  claim("2");
  claim("3");
  complete("1", 1);
  add_log("2", 1, "before");
  cancel("3");
  reopen(i);
  tend(1);
  IS("1", "COMPLETED");
  IS("2", "IN_QUEUE 0");
  IS("3", "COMPLETED client_cancelled");
  IS("4", "IN_QUEUE 1");
  CHECK(what, result("1") == STORE_OK);
  CHECK_TEXT(what, logs("2", 0), strlen(logs("2", 0)), "before;");
  CHECK(what, submit("5") == 2);
  CHECK(what, claim("2") == 2);
  CHECK("of the life before", complete("2", 1) == STORE_NONE);
}


static void owners (size_t i) {
  store_request r = request("1");
  store_status st;
  store_result res;
  (void)i;
  r.owner = "ann";
  submit_it(&r, NULL);
  IS("1", "NONE");
  CHECK(what, cancel("1") == STORE_NONE);
  CHECK(what, result("1") == STORE_NONE);
  CHECK(what, eyes->cls->status(eyes, now, "bob", "1", 0, &st) == STORE_NONE);
  CHECK(what, eyes->cls->status(eyes, now, "ann", "1", 0, &st) == STORE_OK);
  store_status_free(&st);
  CHECK(what, eyes->cls->result(eyes, now, "ann", "1", &res)
              == STORE_UNFINISHED);
}


/* As many as fit, then one that does not; then there is room again. */
static void full (size_t i) {
  char *much = calloc(1, 50000), id[16] = "";
  store_request r = request(id);
  store_code code = STORE_OK;
  int n = 0;
  options.max_bytes = 1u << 20;
  reopen(i);
  r.body = much;
  r.body_n = 50000;
  while (code == STORE_OK && n < 100) {
    snprintf(id, sizeof(id), "%d", n++);
    code = submit_it(&r, NULL);
  }
  CHECK(what, code == STORE_FULL && n > 5);
  CHECK(what, strstr(s->err.message, "no room") != NULL);
  IS(id, "NONE");
  IS("0", "IN_QUEUE 0");
  CHECK("small ones may fit", counts().waiting == n - 1);
  CHECK(what, cancel("0") == STORE_OK);
  CHECK("and now it fits", submit_it(&r, NULL) == STORE_OK);
  options.max_bytes = 0;
  free(much);
}


/* Many requests moved at random; an array says what must come out. */
static void model (size_t i) {
  enum { N = 60 };
  static char state[N], low[N];
  static int attempt[N];
  unsigned seed = 7;
  int step, k, n = 0;
  (void)i;
  memset(state, 0, sizeof(state));
  for (step = 0; step < 1500; step++) {
    char id[16];
    seed = seed * 1103515245u + 12345u;
    k = (int)((seed >> 16) % N);
    snprintf(id, sizeof(id), "%d", k);
    if (k == n && n < N) {
      store_request r = request(id);
      r.low = low[n] = (char)(seed >> 8 & 1);
      CHECK(what, submit_it(&r, NULL) == STORE_OK);
      state[n++] = 'q';
    }
    else if (k < n && state[k] == 'r') {
      if (seed & 0x100)
        CHECK(what, release(id, attempt[k], 0, 10, NULL) == STORE_OK);
      else
        CHECK(what, complete(id, attempt[k]) == STORE_OK);
      state[k] = seed & 0x100 ? 'q' : 'c';
    }
    else {
      int pass, first = -1;
      for (pass = 0; pass < 2 && first < 0; pass++)
        for (k = 0; k < n && first < 0; k++)
          if (state[k] == 'q' && low[k] == pass)
            first = k;
      if (first >= 0) {
        snprintf(id, sizeof(id), "%d", first);
        CHECK(what, claim(id) == ++attempt[first]);
        state[first] = 'r';
      }
    }
  }
  for (k = 0; k < n; k++) {
    char id[16], expected[40];
    int j, before = 0;
    for (j = 0; j < n; j++)
      before += state[j] == 'q' &&
                (low[j] < low[k] || (low[j] == low[k] && j < k));
    snprintf(id, sizeof(id), "%d", k);
    snprintf(expected, sizeof(expected), "IN_QUEUE %d", before);
    IS(id, state[k] == 'q' ? expected
           : state[k] == 'r' ? "IN_PROGRESS" : "COMPLETED");
  }
  memset(attempt, 0, sizeof(attempt));
}

/* }====================================================== */


static const struct {
  const char *name;
  void (*run) (size_t backend);
} tests[] = {
  {"life", life}, {"order", order}, {"refusals", refusals},
  {"except", except}, {"tenants", tenants}, {"settling", settling},
  {"upgrade", upgrade}, {"leases", leases}, {"attempts", attempts},
  {"canceling", canceling}, {"ahead", ahead}, {"start timeout", start_timeout},
  {"expiry", expiry}, {"big bytes", big_bytes}, {"lost input", lost_input},
  {"groups", groups},
  {"restart", restart}, {"owners", owners}, {"full", full},
  {"model", model},
};

#define COUNT(a)  (sizeof(a) / sizeof((a)[0]))


static void run (size_t i, size_t t) {
  char folder[] = "/tmp/test-store-XXXXXX", blobs[64], command[100], name[64];
  snprintf(name, sizeof(name), "%s, %s", backends[i].name, tests[t].name);
  what = name;
  options.folder = mkdtemp(folder);
  snprintf(blobs, sizeof(blobs), "%s/blobs", folder);
  mkdir(blobs, 0700);
  now = 1700000000;
  reopen(i);
  tests[t].run(i);
  eyes->cls->close(eyes);
  s->cls->close(s);
  s = NULL;
  snprintf(command, sizeof(command), "rm -r %s", folder);
  CHECK("clean", system(command) == 0);
}


int main (void) {
  size_t i, t;
  for (i = 0; i < COUNT(backends); i++)
    for (t = 0; t < COUNT(tests); t++)
      run(i, t);
  return TEST_END("store");
}
