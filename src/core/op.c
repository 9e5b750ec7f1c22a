/*
** op.c -- operations: their memory, their events, the queue of those that have
** something new
*/
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine.h"

#define SPARE  64   /* memory of so many operations is kept for the next */


/* Out of the queue of what is to be reported. */
static void unqueue (fal_engine *e, fal_op *op) {
  fal_op **p = &e->ready_head, *last = NULL;
  while (*p != NULL && *p != op) {
    last = *p;
    p = &(*p)->next_ready;
  }
  if (*p == op) {
    *p = op->next_ready;
    if (e->ready_tail == op)
      e->ready_tail = last;
    op->next_ready = NULL;
    op->queued = 0;
  }
}


/* Its request is written now where a connection is open, even if nobody
** steps the engine again for a while. */
void fal_op_detach (fal_op *op) {
  op->detached = 1;
  if (op->done)
    fal_op_free(op);
  else
    fal_engine_tick(op->engine);
}


fal_op *fal_engine_next (fal_engine *e) {
  fal_op *op;
  while ((op = e->ready_head) != NULL && op->detached) {
    if (op->done)
      fal_op_free(op);
    else
      unqueue(e, op);
  }
  if (op != NULL) {
    e->ready_head = op->next_ready;
    if (e->ready_head == NULL)
      e->ready_tail = NULL;
    op->next_ready = NULL;
    op->queued = 0;
  }
  return op;
}


/* Memory for an operation, zeroed. */
static fal_op *take_memory (fal_engine *e, size_t size) {
  fal_op *op = e->spare;
  if (op != NULL && size <= op->size) {
    e->spare = op->next;
    e->nspare--;
    size = op->size;
    memset(op, 0, size);
  }
  else if ((op = calloc(1, size)) == NULL)
    return NULL;
  op->size = size;
  return op;
}


static void give_memory (fal_engine *e, fal_op *op) {
  if (e == NULL || e->nspare >= SPARE)
    free(op);
  else {
    op->next = e->spare;
    e->spare = op;
    e->nspare++;
  }
}


static void deadline (fal_alarm *a) {
  fal_op *op = (fal_op *)((char *)a - offsetof(fal_op, deadline));
  op->cls->expired(op);
}


void *fal_op_new (fal_engine *e, fal_client *c, size_t size,
                  const fal_op_class *cls, double timeout, fal_error *err) {
  fal_op *op = take_memory(e, size);
  if (op == NULL) {
    fal_fail(err, FAL_ENOMEM, "out of memory");
    return NULL;
  }
  op->cls = cls;
  op->engine = e;
  op->id = ++e->last_id;
  op->started = fal_now();
  op->head.max = op->body.max = (size_t)-1;  /* transfers have the ceilings */
  op->deadline.ring = deadline;
  if (timeout > 0 &&
      fal_alarm_set(e, &op->deadline, op->started + timeout) != 0) {
    fal_fail(err, FAL_ENOMEM, "out of memory");
    give_memory(e, op);
    return NULL;
  }
  op->client = c != NULL ? fal_client_hold(c) : NULL;
  fal_op_show(op, 0, 0);
  op->next = e->ops;
  if (e->ops != NULL)
    e->ops->prev = op;
  e->ops = op;
  e->pending++;
  return op;
}


void fal_op_show (fal_op *op, int status, uint64_t bytes) {
  fal_answer *a = &op->answer;
  a->status = status;
  a->bytes = bytes;
  a->head = op->head.s != NULL ? op->head.s : "";
  a->head_n = op->head.n;
  a->body = op->body.s != NULL ? op->body.s : "";
  a->body_n = op->body.n;
}


void fal_op_report (fal_op *op) {
  fal_engine *e = op->engine;
  if (!op->queued) {
    op->queued = 1;
    if (e->ready_tail != NULL)
      e->ready_tail->next_ready = op;
    else
      e->ready_head = op;
    e->ready_tail = op;
  }
  fal_engine_arm(e);
}


void fal_op_finish (fal_op *op) {
  fal_engine *e = op->engine;
  if (op->done)
    return;
  op->done = 1;
  op->answer.seconds = fal_now() - op->started;
  fal_alarm_set(e, &op->deadline, 0);
  fal_op_rest(op, 1);
  fal_op_report(op);
}


void fal_op_rest (fal_op *op, int on) {
  if (op->resting != on) {
    op->resting = on;
    op->engine->pending += on ? (size_t)-1 : 1;
  }
}


fal_code fal_op_post (fal_op *op, int kind, int flags, const char *s,
                      size_t n) {
  fal_note *note;
  if (n > FAL_MAX_NOTED - op->noted)
    return FAL_ETOOBIG;
  note = malloc(sizeof(*note) + n + 1);
  if (note == NULL)
    return FAL_ENOMEM;
  note->next = NULL;
  note->kind = kind;
  note->flags = flags;
  note->n = n;
  if (n > 0)
    memcpy(note->s, s, n);
  note->s[n] = '\0';
  op->noted += n;
  if (op->last_note != NULL)
    op->last_note->next = note;
  else
    op->notes = note;
  op->last_note = note;
  fal_op_report(op);
  return FAL_OK;
}


int fal_op_event (fal_op *op, fal_event *ev) {
  fal_note *note = op->notes;
  free(op->taken);
  op->taken = note;
  if (note == NULL)
    return 0;
  op->notes = note->next;
  if (op->notes == NULL)
    op->last_note = NULL;
  op->noted -= note->n;
  ev->kind = (fal_event_kind)note->kind;
  ev->flags = note->flags;
  ev->s = note->s;
  ev->n = note->n;
  return 1;
}


void fal_op_fail (fal_op *op, fal_code code, const char *fmt, ...) {
  char message[sizeof(op->err.message)], id[sizeof(op->err.request_id)];
  va_list ap;
  memcpy(id, op->err.request_id, sizeof(id));
  va_start(ap, fmt);
  vsnprintf(message, sizeof(message), fmt, ap);
  va_end(ap);
  fal_fail(&op->err, code, "%s", message);
  memcpy(op->err.request_id, id, sizeof(id));
  fal_op_finish(op);
}


uint64_t fal_op_id (const fal_op *op) {
  return op->id;
}


int fal_op_done (const fal_op *op) {
  return op->done;
}


fal_code fal_op_failed (const fal_op *op, fal_error *err) {
  if (err != NULL)
    *err = op->err;
  return op->err.code;
}


const fal_answer *fal_op_answer (const fal_op *op) {
  return &op->answer;
}


void fal_op_take_body (fal_op *op, fal_buf *to) {
  *to = op->body;
  fal_buf_init(&op->body, to->max);
  op->answer.body = "";
  op->answer.body_n = 0;
}


void fal_op_cancel (fal_op *op) {
  if (!op->done) {
    op->cls->clear(op);
    fal_op_fail(op, FAL_ECANCELED, "canceled");
  }
}


static void free_notes (fal_op *op) {
  fal_note *note;
  free(op->taken);
  while ((note = op->notes) != NULL) {
    op->notes = note->next;
    free(note);
  }
}


void fal_op_free (fal_op *op) {
  if (op == NULL)
    return;
  if (op->engine != NULL) {
    fal_op_cancel(op);
    if (op->queued)
      unqueue(op->engine, op);
    if (op->prev != NULL)
      op->prev->next = op->next;
    else
      op->engine->ops = op->next;
    if (op->next != NULL)
      op->next->prev = op->prev;
  }
  fal_client_free(op->client);
  fal_buf_free(&op->head);
  fal_buf_free(&op->body);
  free_notes(op);
  give_memory(op->engine, op);
}

static void timer_clear (fal_op *op) {
  (void)op;
}


fal_op *fal_timer (fal_engine *e, double seconds, fal_error *err) {
  static const fal_op_class timer = { "timer", NULL, fal_op_finish,
                                      timer_clear };
  return fal_op_new(e, NULL, sizeof(fal_op), &timer,
                    seconds > 0 ? seconds : 1e-9, err);
}
