/*
** watch.c -- the thread that looks at the store
*/
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../core/fal.h"
#include "ascii.h"
#include "serve.h"
#include "report.h"
#include "watch.h"
#include "writer.h"

#define BUCKETS    1024
#define EVENT_MAX  (64u << 20)
#define POSITIONS  0.25        /* seconds between two looks at positions */
#define SWEEP      5.0         /* and at whether callers have left */

/* A status stream. */
typedef struct follower {
  struct follower *next, **link;   /* in its bucket */
  struct follower *todo;           /* the next one to look at */
  serve_feed *feed;
  char id[STORE_ID];
  char owner[SERVE_OWNER];
  int logs;
  int due;                 /* it is in the list of those to look at */
  store_state state;       /* as it was last told */
  long position, seen;
  int told;                /* something was */
  char url[];
} follower;

struct serve_watch {
  store *s;
  pthread_t thread;
  pthread_mutex_t lock;    /* guards what follows, followers' 'due' and lists */
  pthread_cond_t work;
  serve_look *first, *last;
  follower *buckets[BUCKETS];
  follower *todo;
  int followers;
  int moved;               /* positions may have changed */
  double moved_at;         /* when they were last looked at */
  double swept_at;
  int closed, ending;
};


static size_t bucket_of (const char *id) {
  size_t h = 5381;
  while (*id != '\0')
    h = h * 33 + (unsigned char)*id++;
  return h % BUCKETS;
}


/* With the lock. */
static void make_due (serve_watch *w, follower *f) {
  if (f->due)
    return;
  f->due = 1;
  f->todo = w->todo;
  w->todo = f;
  pthread_cond_signal(&w->work);
}


/*
** {======================================================
** Status streams, on the thread
** =======================================================
*/

/* With the lock: out of the list of those to look at. */
static void not_due (serve_watch *w, const follower *f) {
  follower **at = &w->todo;
  while (*at != f)
    at = &(*at)->todo;
  *at = f->todo;
}


static void forget (serve_watch *w, follower *f) {
  pthread_mutex_lock(&w->lock);
  if (f->due)
    not_due(w, f);
  *f->link = f->next;
  if (f->next != NULL)
    f->next->link = f->link;
  w->followers--;
  pthread_mutex_unlock(&w->lock);
  serve_feed_end(f->feed);
  free(f);
}


static int is_news (const follower *f, const store_status *st) {
  return !f->told || f->state != st->state || st->logs_n > 0 ||
         (st->state == STORE_IN_QUEUE && f->position != st->position);
}


/* One event; 0 when nobody reads it. */
static int tell (follower *f, const store_status *st) {
  fal_buf json, event;
  int ok;
  fal_buf_init(&json, EVENT_MAX);
  fal_buf_init(&event, EVENT_MAX);
  fal_buf_addstr(&event, "data: ");
  ok = serve_report_put(&json, f->url, f->id, st, f->logs) == FAL_OK &&
       serve_ascii_put(&event, json.s, json.n) == FAL_OK &&
       fal_buf_addstr(&event, "\n\n") == FAL_OK &&
       serve_feed_write(f->feed, event.s, event.n);
  fal_buf_free(&event);
  fal_buf_free(&json);
  f->told = 1;
  f->state = st->state;
  f->position = st->position;
  f->seen += (long)st->logs_n;
  return ok;
}


static void look_at (serve_watch *w, follower *f, int closed, double now) {
  store_status st;
  store_code code;
  int over;
  if (closed || serve_feed_gone(f->feed)) {
    forget(w, f);
    return;
  }
  code = w->s->cls->status(w->s, now, f->owner, f->id, f->logs ? f->seen : -1,
                           &st);
  if (code != STORE_OK) {
    serve_log("%s status: %s", f->id, w->s->err.message);
    forget(w, f);
    return;
  }
  over = (is_news(f, &st) && !tell(f, &st)) || st.state == STORE_COMPLETED;
  store_status_free(&st);
  if (over)
    forget(w, f);
}


/* With the lock: makes those due that wait and may have moved on, and those
** whose callers left. Not too often. */
static void look_around (serve_watch *w, double now) {
  int moved = w->moved && now - w->moved_at >= POSITIONS;
  int sweep = now - w->swept_at >= SWEEP;
  size_t i;
  follower *f;
  if (!moved && !sweep)
    return;
  for (i = 0; i < BUCKETS; i++)
    for (f = w->buckets[i]; f != NULL; f = f->next)
      if ((moved && f->told && f->state == STORE_IN_QUEUE) ||
          (sweep && serve_feed_gone(f->feed)))
        make_due(w, f);
  if (moved) {
    w->moved = 0;
    w->moved_at = now;
  }
  if (sweep)
    w->swept_at = now;
}

/* }====================================================== */


/*
** {======================================================
** The thread
** =======================================================
*/

/* With the lock. */
static void wait_a_while (serve_watch *w) {
  struct timespec until;
  long ms = w->moved ? (long)(POSITIONS * 1000) : (long)(SWEEP * 1000);
  clock_gettime(CLOCK_REALTIME, &until);
  until.tv_nsec += ms % 1000 * 1000000;
  until.tv_sec += ms / 1000 + until.tv_nsec / 1000000000;
  until.tv_nsec %= 1000000000;
  pthread_cond_timedwait(&w->work, &w->lock, &until);
}


/* With the lock. */
static void wait_for_work (serve_watch *w) {
  if (w->followers > 0)
    look_around(w, fal_now());
  while (w->first == NULL && w->todo == NULL && !w->ending) {
    if (w->followers == 0)
      pthread_cond_wait(&w->work, &w->lock);
    else {
      wait_a_while(w);
      look_around(w, fal_now());
    }
  }
}


/* What was asked for, all of it, and one stream. 0 at the end. */
static int work (serve_watch *w) {
  serve_look *l;
  follower *f;
  double now;
  int closed;
  pthread_mutex_lock(&w->lock);
  wait_for_work(w);
  l = w->first;
  w->first = NULL;
  f = w->todo;
  if (f != NULL) {
    w->todo = f->todo;
    f->due = 0;  /* touched from here on, it is due again */
  }
  closed = w->closed;
  pthread_mutex_unlock(&w->lock);
  if (l == NULL && f == NULL)
    return 0;
  now = serve_wall_clock();
  if (f != NULL)
    look_at(w, f, closed, now);
  while (l != NULL) {
    serve_look *next = l->next;
    l->run(l, w->s, now);
    l = next;
  }
  return 1;
}


static void *watch_main (void *ud) {
  while (work(ud))
    ;
  return NULL;
}

/* }====================================================== */


serve_watch *serve_watch_new (store *reader, fal_error *err) {
  serve_watch *w = calloc(1, sizeof(*w));
  if (w != NULL) {
    w->s = reader;
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->work, NULL);
    if (pthread_create(&w->thread, NULL, watch_main, w) == 0)
      return w;
    free(w);
  }
  reader->cls->close(reader);
  fal_fail(err, FAL_ENOMEM, "cannot start a thread");
  return NULL;
}


void serve_watch_ask (serve_watch *w, serve_look *l) {
  l->next = NULL;
  pthread_mutex_lock(&w->lock);
  if (w->first == NULL)
    w->first = l;
  else
    w->last->next = l;
  w->last = l;
  pthread_cond_signal(&w->work);
  pthread_mutex_unlock(&w->lock);
}


int serve_watch_follow (serve_watch *w, serve_feed *feed, const char *url,
                        const char *owner, const char *id, int logs) {
  size_t n = strlen(url) + 1;
  follower *f = calloc(1, sizeof(*f) + n);
  follower **bucket = &w->buckets[bucket_of(id)];
  if (f == NULL)
    return 0;
  f->feed = feed;
  f->logs = logs;
  memcpy(f->url, url, n);
  snprintf(f->id, sizeof(f->id), "%s", id);
  snprintf(f->owner, sizeof(f->owner), "%s", owner);
  pthread_mutex_lock(&w->lock);
  f->next = *bucket;
  f->link = bucket;
  if (f->next != NULL)
    f->next->link = &f->next;
  *bucket = f;
  w->followers++;
  make_due(w, f);
  pthread_mutex_unlock(&w->lock);
  return 1;
}


void serve_watch_touched (serve_watch *w, const char *ids, size_t n) {
  const char *end = n > 0 ? ids + n : ids;
  pthread_mutex_lock(&w->lock);
  for (; w->followers > 0 && ids < end; ids += strlen(ids) + 1) {
    follower *f = w->buckets[bucket_of(ids)];
    for (; f != NULL; f = f->next)
      if (strcmp(f->id, ids) == 0)
        make_due(w, f);
    w->moved = 1;
  }
  pthread_mutex_unlock(&w->lock);
}


void serve_watch_close (serve_watch *w) {
  size_t i;
  follower *f;
  pthread_mutex_lock(&w->lock);
  w->closed = 1;
  for (i = 0; i < BUCKETS; i++)
    for (f = w->buckets[i]; f != NULL; f = f->next)
      make_due(w, f);
  pthread_mutex_unlock(&w->lock);
}


void serve_watch_free (serve_watch *w) {
  if (w == NULL)
    return;
  serve_watch_close(w);
  pthread_mutex_lock(&w->lock);
  w->ending = 1;
  pthread_cond_signal(&w->work);
  pthread_mutex_unlock(&w->lock);
  pthread_join(w->thread, NULL);
  w->s->cls->close(w->s);
  pthread_cond_destroy(&w->work);
  pthread_mutex_destroy(&w->lock);
  free(w);
}
