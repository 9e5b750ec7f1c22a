/*
** live.c -- sockets whose messages are calls of an endpoint
*/
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "../core/fal.h"
#include "../core/json.h"
#include "keys.h"
#include "live.h"
#include "metrics.h"
#include "words.h"

#define MAX_SAID  ((size_t)64 << 20)
#define MAX_HELD  ((size_t)64 << 20)   /* bytes of messages in line */

#define container(p,member) \
  ((serve_live *)((char *)(p) - offsetof(serve_live, member)))

static void next (serve_live *v);


static serve_message *new_message (int text, const char *s, size_t n) {
  serve_message *m = malloc(sizeof(*m) + n);
  if (m != NULL) {
    m->next = NULL;
    m->text = text;
    m->n = n;
    if (n > 0)
      memcpy(m->s, s, n);
  }
  return m;
}


static void free_list (serve_message *m) {
  while (m != NULL) {
    serve_message *rest = m->next;
    free(m);
    m = rest;
  }
}


static void free_live (serve_live *v) {
  free_list(v->first);
  free_list(v->said);
  free(v->now);
  serve_reply_free(&v->job.reply);
  pthread_mutex_destroy(&v->lock);
  free(v->endpoint);
  free(v->base_url);
  free(v->owner);
  if (v->opener != NULL)
    serve_request_drop(v->opener);
  free(v);
}


/*
** {======================================================
** On the worker's thread
** =======================================================
*/

/* A worker that says nothing worth keeping has no memory to say it in. */
static void job_emit (serve_job *job, const char *s, size_t n) {
  serve_live *v = container(job, job);
  serve_message *m = n <= MAX_SAID ? new_message(v->now->text, s, n) : NULL;
  if (m == NULL)
    return;
  pthread_mutex_lock(&v->lock);
  if (v->said == NULL)
    v->said = m;
  else
    v->last_said->next = m;
  v->last_said = m;
  pthread_mutex_unlock(&v->lock);
  serve_loop_post(v->socket.s->loop, &v->hear);
}


/* The last that this thread does with it. */
static void job_done (serve_job *job) {
  serve_live *v = container(job, job);
  pthread_mutex_lock(&v->lock);
  v->done = 1;
  pthread_mutex_unlock(&v->lock);
  serve_loop_post(v->socket.s->loop, &v->end);
}


static void job_log (serve_job *job, const char *level, const char *s,
                     size_t n) {
  (void)level;
  serve_log("%s %.*s", job->request_id, n < 1500 ? (int)n : 1500, s);
}


static const serve_job_class job_class = {
  .log = job_log, .emit = job_emit, .done = job_done
};

/* }====================================================== */


/*
** {======================================================
** On the loop's thread
** =======================================================
*/

void serve_live_send (serve_live *v, int text, const char *s, size_t n) {
  if (!v->gone)
    serve_socket_send(&v->socket, text, s, n);
}


/* Sends what the worker has said. */
static void hear (serve_task *task) {
  serve_live *v = container(task, hear);
  serve_message *m, *said;
  pthread_mutex_lock(&v->lock);
  said = v->said;
  v->said = v->last_said = NULL;
  pthread_mutex_unlock(&v->lock);
  for (m = said; m != NULL; m = m->next)
    serve_live_send(v, m->text, m->s, m->n);
  free_list(said);
}


/* The job is done, and all that it said was heard. */
static void end (serve_task *task) {
  serve_live *v = container(task, end);
  v->busy = 0;
  serve_tenant_give_back(v->socket.s, &v->job, v->owner);  /* it was lost */
  if (v->gone)
    free_live(v);
  else {
    v->cls->answer(v);
    next(v);
  }
}


static void fill_job (serve_live *v) {
  serve_job *job = &v->job;
  serve_reply_free(&job->reply);
  memset(job, 0, sizeof(*job));
  v->began = fal_now();
  serve_uuid(v->id);
  job->cls = &job_class;
  job->kind = v->cls->kind;
  job->method = "POST";
  job->endpoint = v->endpoint;
  job->request_id = v->id;
  job->base_url = v->base_url;
  job->owner = v->owner;
  job->charge.inner = v->inner;
  job->body = v->now->s;
  job->body_n = v->now->n;
  job->head = v->now->text ? NULL : "content-type: application/msgpack\r\n";
  job->fd = -1;
}


static int has_words (serve_live *v, const char *s, size_t n) {
  return n > 0 &&
         serve_words_look(v->socket.s->words, s, n) == WORDS_REFUSED;
}


/* Words of the content filter are looked for in the whole message: in
** MessagePack and, as a rule, in JSON text stands as it is. A prompt in JSON may
** have escapes. */
static int is_refused (serve_live *v) {
  const falua_server *s = v->socket.s;
  const serve_message *m = v->now;
  fal_buf prompt;
  int refused;
  if (s->words == NULL)
    return 0;
  fal_buf_init(&prompt, m->n);
  refused = has_words(v, m->s, m->n) ||
            (m->text && fal_json_find_string(m->s, m->n, "prompt", &prompt) &&
             has_words(v, prompt.s, prompt.n));
  fal_buf_free(&prompt);
  if (!refused)
    return 0;
  serve_reply_model(&v->job.reply, 422, "content_policy_violation",
                    "The message has words that this server does not serve");
  serve_metrics_add(s->metrics, COUNT_FILTERED, 1);
  return 1;
}


/* Gives the next message in line to a worker, when it has none. */
static void next (serve_live *v) {
  while (!v->busy && v->first != NULL) {
    free(v->now);
    v->now = v->first;
    v->first = v->now->next;
    v->waiting--;
    v->held -= v->now->n;
    if (!v->cls->accept(v, v->now))
      continue;
    fill_job(v);
    if (is_refused(v) || !serve_tenant_message(v->socket.s, &v->job)) {
      v->cls->answer(v);
      continue;
    }
    v->done = 0;
    v->busy = serve_pool_post(v->socket.s->pool, &v->job);
    if (!v->busy) {
      serve_tenant_give_back(v->socket.s, &v->job, v->owner);
      serve_reply_detail(&v->job.reply, 429, "concurrent_requests_limit",
                         "Too many requests are waiting");
      v->cls->answer(v);
    }
  }
}


static void make_room (serve_live *v) {
  serve_message *oldest = v->first;
  v->first = oldest->next;
  v->waiting--;
  v->held -= oldest->n;
  free(oldest);
  if (!v->cls->drops)
    serve_socket_close(&v->socket, 1008, "too many messages are waiting");
}


static void on_message (serve_socket *k, int text, const char *s, size_t n) {
  serve_live *v = (serve_live *)k;
  serve_message *m = new_message(text, s, n);
  if (m == NULL) {
    serve_socket_close(k, 1011, "out of memory");
    return;
  }
  while (v->waiting > 0 &&
         (v->waiting >= v->max_waiting || v->held + n > MAX_HELD))
    make_room(v);
  if (v->first == NULL)
    v->first = m;
  else
    v->last->next = m;
  v->last = m;
  v->waiting++;
  v->held += n;
  next(v);
}


static void on_idle (serve_socket *k) {
  serve_live *v = (serve_live *)k;
  if (!v->busy && v->cls->bored != NULL)
    v->cls->bored(v);
}


/* A job that is not yet done stays so while the lock is held. */
static void cancel (serve_live *v) {
  pthread_mutex_lock(&v->lock);
  if (!v->done)
    serve_job_cancel(v->socket.s->pool, &v->job);
  pthread_mutex_unlock(&v->lock);
}


static void on_closed (serve_socket *k) {
  serve_live *v = (serve_live *)k;
  v->gone = 1;
  if (v->busy)
    cancel(v);  /* 'end' frees it */
  else
    free_live(v);
}

/* }====================================================== */


static const serve_socket_class socket_class = {on_message, on_idle, on_closed};


/* A job that is canceled while it waits is done within the call. */
static void init_lock (pthread_mutex_t *lock) {
  pthread_mutexattr_t a;
  pthread_mutexattr_init(&a);
  pthread_mutexattr_settype(&a, PTHREAD_MUTEX_RECURSIVE);
  pthread_mutex_init(lock, &a);
  pthread_mutexattr_destroy(&a);
}


static serve_live *new_live (serve_request *r, const serve_live_class *cls,
                             const char *endpoint, const char *owner) {
  serve_live *v = calloc(1, sizeof(*v));
  if (v == NULL)
    return NULL;
  init_lock(&v->lock);
  v->cls = cls;
  v->socket.cls = &socket_class;
  v->socket.idle = cls->idle;
  v->hear.run = hear;
  v->end.run = end;
  v->endpoint = strdup(endpoint);
  v->base_url = strdup(r->base_url);
  v->owner = strdup(owner);
  v->inner = r->job.charge.inner;
  if (v->endpoint != NULL && v->base_url != NULL && v->owner != NULL)
    return v;
  free_live(v);
  return NULL;
}


void serve_live_open (serve_request *r, const serve_live_class *cls,
                      const char *endpoint, const char *owner,
                      int max_waiting) {
  serve_live *v = new_live(r, cls, endpoint, owner);
  if (v == NULL) {
    serve_answer_detail(&r->answer, MHD_HTTP_SERVICE_UNAVAILABLE,
                        "runner_scheduling_failure", "Out of memory");
    return;
  }
  v->max_waiting = max_waiting > 0 ? max_waiting : cls->max_waiting;
  if (serve_socket_upgrade(r, &v->socket)) {
    serve_request_keep(r);
    v->opener = r;
  }
  else
    free_live(v);
}
