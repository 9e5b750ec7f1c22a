/*
** rawcurl.c -- what libcurl costs when C drives it as well as it can be:
** multi_socket_action on an epoll, handles and connections reused, options
** and headers set once, the answer looked at but not parsed
**
**   rawcurl MODE N IN_FLIGHT BASE_URL [ENDPOINT]
**
** MODE: run (answered at once), wait (after 100 ms), once (one call, cold),
** subscribe (submit, status every 100 ms until it is COMPLETED, result; cold),
** follow (the same with the status stream), submit (that alone).
*/
#include <curl/curl.h>
#include <sys/epoll.h>

#include "raw.h"

#define BATCH 128
#define POLL  0.1  /* seconds between two statuses of a job */

typedef struct Call {
  CURL *easy;
  char *s;
  size_t n, cap;
  int stage;          /* of a job: 0 submit, 1 status, 2 result */
  double due;         /* when a job asks for its status again */
  char url[256];      /* of a job's result */
} Call;

/* What comes after an answer: the call is done, goes on, goes on after POLL. */
enum { DONE, ON, LATER };

static CURLM *multi;
static int ep;
static double due = -1;
static struct curl_slist *headers;
static const char *base, *endpoint = "fal-ai/bench";

/* Jobs that wait, by when they are due: everyone waits as long. */
static Call **sleepers;
static long first, sleeping, room;


static int on_socket (CURL *easy, curl_socket_t fd, int what, void *ud,
                      void *known) {
  struct epoll_event ev;
  int op = what == CURL_POLL_REMOVE ? EPOLL_CTL_DEL
         : known == NULL ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
  (void)easy;
  (void)ud;
  memset(&ev, 0, sizeof(ev));
  ev.data.fd = fd;
  ev.events = (what & CURL_POLL_IN ? (unsigned)EPOLLIN : 0u) |
              (what & CURL_POLL_OUT ? (unsigned)EPOLLOUT : 0u);
  epoll_ctl(ep, op, fd, &ev);
  if (op == EPOLL_CTL_ADD)
    curl_multi_assign(multi, fd, &ep);
  return 0;
}


static int on_timer (CURLM *m, long ms, void *ud) {
  (void)m;
  (void)ud;
  due = ms < 0 ? -1 : ms == 0 ? 0 : now() + (double)ms / 1000;
  return 0;
}


static size_t on_body (char *s, size_t one, size_t n, void *ud) {
  Call *c = ud;
  (void)one;
  if (c->n + n >= c->cap) {
    c->cap = (c->n + n + 1) * 2;
    if ((c->s = realloc(c->s, c->cap)) == NULL)
      die("out of memory");
  }
  memcpy(c->s + c->n, s, n);
  c->n += n;
  c->s[c->n] = '\0';
  return n;
}


static Call *new_calls (long n, const char *url) {
  Call *calls = calloc((size_t)n, sizeof(*calls));
  long i;
  if (calls == NULL)
    die("out of memory");
  for (i = 0; i < n; i++) {
    CURL *h = calls[i].easy = curl_easy_init();
    curl_easy_setopt(h, CURLOPT_URL, url);
    curl_easy_setopt(h, CURLOPT_POST, 1L);
    curl_easy_setopt(h, CURLOPT_POSTFIELDS, input);
    curl_easy_setopt(h, CURLOPT_POSTFIELDSIZE, (long)sizeof(input) - 1);
    curl_easy_setopt(h, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(h, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(h, CURLOPT_WRITEDATA, &calls[i]);
    curl_easy_setopt(h, CURLOPT_PRIVATE, &calls[i]);
    curl_easy_setopt(h, CURLOPT_NOSIGNAL, 1L);
  }
  return calls;
}


static void step (void) {
  struct epoll_event ev[BATCH];
  double at = sleeping > 0 && (due < 0 || sleepers[first]->due < due)
            ? sleepers[first]->due : due;
  double left = at < 0 ? 1 : at == 0 ? 0 : at - now();
  int i, running;
  int n = epoll_wait(ep, ev, BATCH, left > 0 ? (int)(left * 1000 + 1) : 0);
  for (i = 0; i < n; i++)
    curl_multi_socket_action(multi, ev[i].data.fd,
      (ev[i].events & (EPOLLIN | EPOLLHUP) ? CURL_CSELECT_IN : 0) |
      (ev[i].events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
      (ev[i].events & EPOLLERR ? CURL_CSELECT_ERR : 0), &running);
  if (due >= 0 && (due == 0 || due <= now())) {
    due = -1;
    curl_multi_socket_action(multi, CURL_SOCKET_TIMEOUT, 0, &running);
  }
}


static void check (const Call *c, CURLcode result, const char *word) {
  long status = 0;
  curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status);
  if (result != CURLE_OK)
    die(curl_easy_strerror(result));
  if ((status != 200 && status != 202) || strstr(c->s, word) == NULL)
    die("a wrong answer");
}


static void get (Call *c, const char *suffix) {
  char url[300];
  snprintf(url, sizeof(url), "%s%s", c->url, suffix);
  curl_easy_setopt(c->easy, CURLOPT_HTTPGET, 1L);
  curl_easy_setopt(c->easy, CURLOPT_URL, url);
}


static int after_run (Call *c, CURLcode result) {
  check(c, result, "\"width\":1024");
  return DONE;
}


static void keep_url (Call *c) {
  const char *s = strstr(c->s, "\"response_url\":\"") + 16;
  snprintf(c->url, sizeof(c->url), "%.*s", (int)strcspn(s, "\""), s);
}


static void submit_next (Call *c) {
  char url[300];
  snprintf(url, sizeof(url), "%s/queue/%s", base, endpoint);
  curl_easy_setopt(c->easy, CURLOPT_POST, 1L);
  curl_easy_setopt(c->easy, CURLOPT_POSTFIELDS, input);
  curl_easy_setopt(c->easy, CURLOPT_POSTFIELDSIZE, (long)sizeof(input) - 1);
  curl_easy_setopt(c->easy, CURLOPT_URL, url);
  c->stage = 0;
}


/* A job goes on: submit, status until it is COMPLETED, result. */
static int job (Call *c, CURLcode result, const char *status) {
  if (c->stage == 0) {
    check(c, result, "\"request_id\"");
    keep_url(c);
    get(c, status);
    c->stage = 1;
    return ON;
  }
  if (c->stage == 1 && strstr(c->s, "\"COMPLETED\"") == NULL) {
    check(c, result, "\"status\"");
    return LATER;
  }
  if (c->stage == 1) {
    check(c, result, "\"COMPLETED\"");
    get(c, "");
    c->stage = 2;
    return ON;
  }
  check(c, result, "\"width\":1024");
  submit_next(c);
  return DONE;
}


static int after_poll (Call *c, CURLcode result) {
  return job(c, result, "/status");
}


static int after_stream (Call *c, CURLcode result) {
  return job(c, result, "/status/stream");
}


static int after_submit (Call *c, CURLcode result) {
  check(c, result, "\"request_id\"");
  return DONE;
}


static void sleep_for_a_while (Call *c) {
  c->due = now() + POLL;
  sleepers[(first + sleeping++) % room] = c;
}


static void wake (void) {
  double t = sleeping > 0 ? now() : 0;
  while (sleeping > 0 && sleepers[first]->due <= t) {
    curl_multi_add_handle(multi, sleepers[first]->easy);
    first = (first + 1) % room;
    sleeping--;
  }
}


static void run (Call *calls, long n, long in_flight, int (*after)(Call *, CURLcode)) {
  long started = 0, done = 0;
  while (started < n && started < in_flight)
    curl_multi_add_handle(multi, calls[started++].easy);
  while (done < n) {
    CURLMsg *m;
    int left;
    step();
    while ((m = curl_multi_info_read(multi, &left)) != NULL) {
      Call *c;
      int next;
      CURLcode result = m->data.result;
      curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&c);
      next = after(c, result);
      curl_multi_remove_handle(multi, c->easy);
      c->n = 0;
      if (next == DONE) {
        done++;
        next = started < n ? ON : DONE;
        started += next == ON;
      }
      if (next == ON)
        curl_multi_add_handle(multi, c->easy);
      else if (next == LATER)
        sleep_for_a_while(c);
    }
    wake();
  }
}


int main (int argc, char **argv) {
  char url[512];
  long n = argc > 3 ? atol(argv[2]) : 0, in_flight = argc > 3 ? atol(argv[3]) : 0;
  double wall, spent;
  int (*after)(Call *, CURLcode) = after_run;
  Call *calls;
  if (argc < 5 || n < 1 || in_flight < 1)
    die("usage: rawcurl run|wait|once|subscribe|follow|submit N IN_FLIGHT "
        "BASE_URL [ENDPOINT]");
  base = argv[4];
  if (argc > 5)
    endpoint = argv[5];
  else if (strcmp(argv[1], "wait") == 0)
    endpoint = "fal-ai/wait";
  snprintf(url, sizeof(url), "%s/%s", base, endpoint);
  if (strcmp(argv[1], "subscribe") == 0)
    after = after_poll;
  else if (strcmp(argv[1], "follow") == 0)
    after = after_stream;
  else if (strcmp(argv[1], "submit") == 0)
    after = after_submit;
  if (after != after_run)
    snprintf(url, sizeof(url), "%s/queue/%s", base, endpoint);
  curl_global_init(CURL_GLOBAL_DEFAULT);
  headers = curl_slist_append(headers, "Content-Type: application/json");
  headers = curl_slist_append(headers, "Accept: application/json");
  headers = curl_slist_append(headers, "Authorization: Key a:b");
  headers = curl_slist_append(headers, "Expect:");
  headers = curl_slist_append(headers, "User-Agent: rawcurl/1");
  multi = curl_multi_init();
  ep = epoll_create1(0);
  curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket);
  curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timer);
  curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, 1024L);
  calls = new_calls(in_flight, url);
  room = in_flight;
  if ((sleepers = calloc((size_t)room, sizeof(*sleepers))) == NULL)
    die("out of memory");
  if (after == after_run && strcmp(argv[1], "once") != 0)
    run(calls, n / 5 > in_flight ? n / 5 : in_flight, in_flight, after);
  wall = now();
  spent = cpu();
  run(calls, n, in_flight, after);
  report(n, wall, spent);
  return 0;
}
