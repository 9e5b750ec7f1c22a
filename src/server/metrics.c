/*
** metrics.c -- what the server counts, as Prometheus reads it
*/
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../core/fal.h"
#include "metrics.h"

#define CLASSES    6      /* of statuses: 1xx to 5xx, and 0 for others */
#define KINDS      4
#define LIMITS     14
#define ENDPOINTS  1024   /* more share one entry */

/* Upper bounds of the histogram's buckets, in seconds. */
static const double limits[LIMITS] = {
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60
};

static const char *const kinds[KINDS] = {"run", "queue", "stream", "realtime"};

typedef struct entry {
  struct entry *next;
  uint64_t calls[KINDS][CLASSES];
  uint64_t buckets[LIMITS + 1];
  double seconds;
  char name[];             /* of the endpoint */
} entry;

struct serve_metrics {
  pthread_mutex_t lock;
  uint64_t counts[COUNTS];
  uint64_t answers[CLASSES];
  entry *first;
  int n;
};


serve_metrics *serve_metrics_new (void) {
  serve_metrics *m = calloc(1, sizeof(*m));
  if (m != NULL)
    pthread_mutex_init(&m->lock, NULL);
  return m;
}


void serve_metrics_free (serve_metrics *m) {
  if (m == NULL)
    return;
  while (m->first != NULL) {
    entry *e = m->first;
    m->first = e->next;
    free(e);
  }
  pthread_mutex_destroy(&m->lock);
  free(m);
}


void serve_metrics_add (serve_metrics *m, serve_count what, uint64_t n) {
  if (m != NULL)
    __atomic_fetch_add(&m->counts[what], n, __ATOMIC_RELAXED);
}


static unsigned int class_of (unsigned int status) {
  return status >= 100 && status < 600 ? status / 100 : 0;
}


void serve_metrics_http (serve_metrics *m, unsigned int status) {
  if (m != NULL)
    __atomic_fetch_add(&m->answers[class_of(status)], 1, __ATOMIC_RELAXED);
}


/* The entry of an endpoint, in front of the list from now on. NULL when
** memory ends. Under the lock. */
static entry *find (serve_metrics *m, const char *endpoint) {
  entry **at = &m->first, *e;
  size_t n;
  while (*at != NULL && strcmp((*at)->name, endpoint) != 0)
    at = &(*at)->next;
  e = *at;
  if (e == NULL) {
    if (m->n >= ENDPOINTS && strcmp(endpoint, "others") != 0)
      return find(m, "others");
    n = strlen(endpoint) + 1;
    e = calloc(1, sizeof(*e) + n);
    if (e == NULL)
      return NULL;
    memcpy(e->name, endpoint, n);
    m->n++;
  }
  else
    *at = e->next;
  e->next = m->first;
  m->first = e;
  return e;
}


void serve_metrics_call (serve_metrics *m, const char *endpoint,
                         serve_kind kind, unsigned int status,
                         double seconds) {
  entry *e;
  int i = 0;
  if (m == NULL)
    return;
  while (i < LIMITS && seconds > limits[i])
    i++;
  pthread_mutex_lock(&m->lock);
  e = find(m, endpoint);
  if (e != NULL) {
    e->calls[kind][class_of(status)]++;
    e->buckets[i]++;
    e->seconds += seconds;
  }
  pthread_mutex_unlock(&m->lock);
}


/*
** {======================================================
** Text
** =======================================================
*/

static void head (fal_buf *b, const char *name, const char *type,
                  const char *help) {
  fal_buf_addf(b, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}


static void put (fal_buf *b, const char *name, const char *type,
                 const char *help, double v) {
  head(b, name, type, help);
  fal_buf_addf(b, "%s %.17g\n", name, v);
}


/* Ids have letters, digits and - _ . ~ : @ + , / alone: nothing to escape. */
static void put_calls (const serve_metrics *m, fal_buf *b) {
  const entry *e;
  int k, c;
  head(b, "inference_requests_total", "counter",
       "Calls of endpoints that were answered.");
  for (e = m->first; e != NULL; e = e->next)
    for (k = 0; k < KINDS; k++)
      for (c = 0; c < CLASSES; c++)
        if (e->calls[k][c] > 0)
          fal_buf_addf(b, "inference_requests_total{endpoint=\"%s\","
                       "kind=\"%s\",status=\"%dxx\"} %llu\n", e->name,
                       kinds[k], c, (unsigned long long)e->calls[k][c]);
}


static uint64_t total (const entry *e) {
  uint64_t n = 0;
  int i;
  for (i = 0; i <= LIMITS; i++)
    n += e->buckets[i];
  return n;
}


static void put_average (const serve_metrics *m, fal_buf *b) {
  const entry *e;
  uint64_t n = 0;
  double seconds = 0;
  for (e = m->first; e != NULL; e = e->next) {
    n += total(e);
    seconds += e->seconds;
  }
  put(b, "average_latency_seconds", "gauge",
      "Mean time of all calls so far, waiting included.",
      n > 0 ? seconds / (double)n : 0);
}


static void put_histograms (const serve_metrics *m, fal_buf *b) {
  static const char name[] = "inference_duration_seconds";
  const entry *e;
  int i;
  head(b, name, "histogram", "Time of calls, waiting included.");
  for (e = m->first; e != NULL; e = e->next) {
    uint64_t n = 0;
    for (i = 0; i < LIMITS; i++) {
      n += e->buckets[i];
      fal_buf_addf(b, "%s_bucket{endpoint=\"%s\",le=\"%g\"} %llu\n", name,
                   e->name, limits[i], (unsigned long long)n);
    }
    n += e->buckets[LIMITS];
    fal_buf_addf(b, "%s_bucket{endpoint=\"%s\",le=\"+Inf\"} %llu\n"
                 "%s_sum{endpoint=\"%s\"} %.17g\n"
                 "%s_count{endpoint=\"%s\"} %llu\n", name, e->name,
                 (unsigned long long)n, name, e->name, e->seconds, name,
                 e->name, (unsigned long long)n);
  }
}


static void put_counts (const serve_metrics *m, fal_buf *b) {
  static const char *const outcomes[] = {"delivered", "failed", "abandoned"};
  int c;
  head(b, "falua_http_responses_total", "counter", "Answers by status.");
  for (c = 1; c < CLASSES; c++)
    fal_buf_addf(b, "falua_http_responses_total{status=\"%dxx\"} %llu\n", c,
                 (unsigned long long)m->answers[c]);
  put(b, "falua_uploads_total", "counter", "Files that came in whole.",
      (double)m->counts[COUNT_UPLOADS]);
  put(b, "falua_upload_bytes_total", "counter", "Bytes of those files.",
      (double)m->counts[COUNT_UPLOAD_BYTES]);
  put(b, "falua_filtered_requests_total", "counter",
      "Requests refused by the content filter.",
      (double)m->counts[COUNT_FILTERED]);
  head(b, "falua_webhook_deliveries_total", "counter",
       "Attempts to deliver a webhook, by outcome.");
  for (c = 0; c < 3; c++)
    fal_buf_addf(b, "falua_webhook_deliveries_total{outcome=\"%s\"} %llu\n",
                 outcomes[c],
                 (unsigned long long)m->counts[COUNT_DELIVERED + c]);
}


/* Resident memory in bytes, 0 where it is not known. */
static double resident (void) {
  long pages = 0, all = 0;
  FILE *f = fopen("/proc/self/statm", "r");
  if (f == NULL)
    return 0;
  if (fscanf(f, "%ld %ld", &all, &pages) != 2)
    pages = 0;
  fclose(f);
  return (double)pages * (double)sysconf(_SC_PAGESIZE);
}


static void put_gauges (const serve_gauges *g, fal_buf *b) {
  put(b, "falua_queue_depth", "gauge", "Requests waiting in the queue.",
      (double)g->queue_depth);
  put(b, "falua_queue_running", "gauge", "Requests of the queue that run.",
      (double)g->queue_running);
  put(b, "falua_calls_waiting", "gauge", "Calls waiting for a worker.",
      g->waiting);
  put(b, "falua_calls_running", "gauge", "Calls that workers have.",
      g->running);
  put(b, "falua_workers", "gauge", "Worker processes.", g->workers);
  put(b, "falua_http_requests_active", "gauge", "Requests being answered.",
      g->connections);
  put(b, "falua_sockets_open", "gauge", "WebSockets open.", g->sockets);
  put(b, "process_start_time_seconds", "gauge",
      "When the server started, in seconds since 1970.", g->began);
  put(b, "process_resident_memory_bytes", "gauge",
      "Resident memory of the server without its workers.", resident());
}


void serve_metrics_put (serve_metrics *m, const serve_gauges *g, fal_buf *b) {
  head(b, "falua_build_info", "gauge", "The version that runs.");
  fal_buf_addf(b, "falua_build_info{version=\"%s\"} 1\n", FAL_VERSION);
  pthread_mutex_lock(&m->lock);
  put_calls(m, b);
  put_average(m, b);
  put_histograms(m, b);
  pthread_mutex_unlock(&m->lock);
  put_counts(m, b);
  put_gauges(g, b);
}

/* }====================================================== */
