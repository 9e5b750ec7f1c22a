/*
** status.c -- GET /metrics: how the server is doing
*/
#include <string.h>

#include "backlog.h"
#include "metrics.h"
#include "serve.h"
#include "socket.h"

#define TEXT_MAX  (8u << 20)


static int count_sockets (const falua_server *s) {
  const serve_socket *k;
  int n = 0;
  for (k = s->sockets; k != NULL; k = k->next)
    n++;
  return n;
}


static void gather (falua_server *s, serve_gauges *g) {
  memset(g, 0, sizeof(*g));
  g->began = s->began;
  serve_pool_load(s->pool, &g->waiting, &g->running, &g->workers);
  serve_backlog_counts(s->backlog, &g->queue_depth, &g->queue_running);
  pthread_mutex_lock(&s->lock);
  g->connections = s->active;
  g->sockets = count_sockets(s);
  pthread_mutex_unlock(&s->lock);
}


int serve_status (serve_request *r) {
  serve_gauges g;
  fal_buf b;
  if (r->role != ROLE_METRICS || r->rest[0] != '\0' || !serve_reads(r))
    return 0;
  gather(r->s, &g);
  fal_buf_init(&b, TEXT_MAX);
  serve_metrics_put(r->s->metrics, &g, &b);
  serve_answer_bytes(&r->answer, MHD_HTTP_OK,
                     "text/plain; version=0.0.4; charset=utf-8", &b);
  return 1;
}
