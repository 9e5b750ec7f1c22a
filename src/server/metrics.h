/*
** metrics.h -- what the server counts, as Prometheus reads it
**
** Counters live as long as the server. All functions may be called from any
** thread; NULL metrics are fine and count nothing.
*/
#ifndef falua_metrics_h
#define falua_metrics_h

#include <stdint.h>

#include "../core/buf.h"
#include "job.h"

typedef struct serve_metrics serve_metrics;

typedef enum serve_count {
  COUNT_UPLOADS,           /* files that came in whole */
  COUNT_UPLOAD_BYTES,      /* and their bytes */
  COUNT_DELIVERED,         /* webhooks that were taken */
  COUNT_UNDELIVERED,       /* attempts that failed and will be repeated */
  COUNT_ABANDONED,         /* webhooks that were given up */
  COUNT_FILTERED,          /* requests refused by the content filter */
  COUNTS
} serve_count;

/* What is so now, asked for when somebody reads. */
typedef struct serve_gauges {
  long queue_depth, queue_running;      /* durable requests */
  int waiting, running, workers;        /* calls of endpoints */
  int connections;                      /* requests being answered */
  int sockets;
  double began;                         /* seconds since 1970 */
} serve_gauges;

serve_metrics *serve_metrics_new (void);
void serve_metrics_free (serve_metrics *m);

void serve_metrics_add (serve_metrics *m, serve_count what, uint64_t n);

/* An answer with this status went out. */
void serve_metrics_http (serve_metrics *m, unsigned int status);

/* A call of an endpoint that exists is done, 'seconds' after it came. */
void serve_metrics_call (serve_metrics *m, const char *endpoint,
                         serve_kind kind, unsigned int status,
                         double seconds);

/* Appends everything in Prometheus' text format, version 0.0.4. */
void serve_metrics_put (serve_metrics *m, const serve_gauges *g, fal_buf *b);

#endif
