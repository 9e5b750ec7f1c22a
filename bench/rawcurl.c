/*
** rawcurl.c -- what libcurl costs when C drives it as well as it can be:
** multi_socket_action on an epoll, handles and connections reused, options
** and headers set once, the answer looked at but not parsed
**
**   rawcurl MODE N IN_FLIGHT BASE_URL
**
** MODE: run (answered at once), wait (after 100 ms), once (one call, cold).
*/
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>

#define BATCH 128

static const char input[] =
  "{\"num_images\":1,\"prompt\":\"a lighthouse on a cliff above the sea at "
  "dawn, long exposure, soft light\",\"seed\":7411903}";

typedef struct Call {
  CURL *easy;
  char *s;
  size_t n, cap;
} Call;

static CURLM *multi;
static int ep;
static double due = -1;
static struct curl_slist *headers;


static double now (void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}


static double cpu (void) {
  struct rusage r;
  getrusage(RUSAGE_SELF, &r);
  return (double)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) +
         (double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec) / 1e6;
}


static void die (const char *what) {
  fprintf(stderr, "rawcurl: %s\n", what);
  exit(1);
}


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
  double left = due < 0 ? 1 : due == 0 ? 0 : due - now();
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


static void check (const Call *c, CURLcode result) {
  long status = 0;
  curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status);
  if (result != CURLE_OK)
    die(curl_easy_strerror(result));
  if (status != 200 || strstr(c->s, "\"width\":1024") == NULL)
    die("a wrong answer");
}


static void run (Call *calls, long n, long in_flight) {
  long started = 0, done = 0;
  while (started < n && started < in_flight)
    curl_multi_add_handle(multi, calls[started++].easy);
  while (done < n) {
    CURLMsg *m;
    int left;
    step();
    while ((m = curl_multi_info_read(multi, &left)) != NULL) {
      Call *c;
      CURLcode result = m->data.result;
      curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&c);
      check(c, result);
      curl_multi_remove_handle(multi, c->easy);
      c->n = 0;
      done++;
      if (started < n) {
        curl_multi_add_handle(multi, c->easy);
        started++;
      }
    }
  }
}


/* The most memory this process ever held, in kilobytes. */
static long hwm (void) {
  char line[128];
  long kb = 0;
  FILE *f = fopen("/proc/self/status", "r");
  while (f != NULL && fgets(line, sizeof(line), f) != NULL)
    if (strncmp(line, "VmHWM:", 6) == 0)
      kb = atol(line + 6);
  if (f != NULL)
    fclose(f);
  return kb;
}


int main (int argc, char **argv) {
  char url[512];
  long n = argc > 3 ? atol(argv[2]) : 0, in_flight = argc > 3 ? atol(argv[3]) : 0;
  double wall, spent;
  Call *calls;
  if (argc < 5 || n < 1 || in_flight < 1)
    die("usage: rawcurl run|wait|once N IN_FLIGHT BASE_URL");
  snprintf(url, sizeof(url), "%s/fal-ai/%s", argv[4],
           strcmp(argv[1], "wait") == 0 ? "wait" : "bench");
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
  if (strcmp(argv[1], "once") != 0)
    run(calls, n / 5 > in_flight ? n / 5 : in_flight, in_flight);
  wall = now();
  spent = cpu();
  run(calls, n, in_flight);
  printf("ops=%ld wall=%.6f cpu=%.6f hwm=%ld\n", n, now() - wall,
         cpu() - spent, hwm());
  return 0;
}
