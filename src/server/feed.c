/*
** feed.c -- answers that are written while they are sent
**
** A feed has two owners, its writer and libmicrohttpd's response, and goes
** with the second. Locks are taken in this order: the set's, a feed's,
** libmicrohttpd's own.
*/
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../core/fal.h"
#include "chaos.h"
#include "feed.h"
#include "serve.h"
#include "turn.h"

#define BLOCK       1024    /* what libmicrohttpd asks for without chunks */
#define SMALL       4096    /* a buffer that may stay */
#define COMMENT     ": keep-alive\n\n"

struct serve_feed {
  serve_feed *next, **link;   /* in the set; its lock */
  serve_feeds *set;
  serve_request *r;
  struct MHD_Connection *mc;  /* valid while 'asleep' */
  pthread_mutex_t lock;       /* guards what follows */
  fal_buf b;
  size_t sent;                /* of b */
  double last;                /* when something was written */
  int fd;
  int owners;
  unsigned char events;       /* comments are allowed */
  unsigned char asleep;       /* suspended for want of bytes */
  unsigned char ended, broken, gone;
  unsigned char brief;        /* ends, broken, after what is written first */
};

struct serve_feeds {
  pthread_mutex_t lock;       /* guards what follows */
  pthread_cond_t work;        /* the first feed, or the end */
  serve_feed *first;
  int ending;
  double silence;             /* seconds of it before a comment */
  pthread_t thread;
};


/* With f's lock. */
static void wake (serve_feed *f) {
  if (f->asleep) {
    f->asleep = 0;
    serve_resume(f->r->s, f->mc);
  }
}


/* With f's lock. */
static void cut (serve_feed *f) {
  f->gone = 1;
  fal_buf_free(&f->b);
  f->sent = 0;
  wake(f);
}


/* Gives up one owner's part, with the lock held; it is free afterwards. */
static void release (serve_feed *f) {
  int left = --f->owners;
  pthread_mutex_unlock(&f->lock);
  if (left > 0)
    return;
  pthread_mutex_lock(&f->set->lock);
  *f->link = f->next;
  if (f->next != NULL)
    f->next->link = f->link;
  pthread_mutex_unlock(&f->set->lock);
  fal_buf_free(&f->b);
  pthread_mutex_destroy(&f->lock);
  free(f);
}


/*
** {======================================================
** libmicrohttpd's side
** =======================================================
*/

/* Takes up to 'max' of what waits. With f's lock. */
static size_t take (serve_feed *f, char *to, size_t max) {
  size_t n = f->b.n - f->sent;
  if (n > max)
    n = max;
  memcpy(to, f->b.s + f->sent, n);
  f->sent += n;
  if (f->sent == f->b.n) {
    f->sent = f->b.n = 0;
    if (f->b.cap > SMALL)
      fal_buf_free(&f->b);
  }
  return n;
}


static ssize_t read_more (void *cls, uint64_t pos, char *to, size_t max) {
  serve_feed *f = cls;
  ssize_t n = 0;
  (void)pos;
  pthread_mutex_lock(&f->lock);
  if (f->gone)
    n = MHD_CONTENT_READER_END_WITH_ERROR;
  else if (f->b.n > f->sent)
    n = (ssize_t)take(f, to, max);
  else if (f->ended)
    n = f->broken ? MHD_CONTENT_READER_END_WITH_ERROR
                  : MHD_CONTENT_READER_END_OF_STREAM;
  else {
    f->asleep = 1;
    MHD_suspend_connection(f->mc);
  }
  pthread_mutex_unlock(&f->lock);
  return n;
}


static void on_sent (void *cls) {
  serve_feed *f = cls;
  pthread_mutex_lock(&f->lock);
  f->gone = 1;
  release(f);
}

/* }====================================================== */


/*
** {======================================================
** The writer's side
** =======================================================
*/

static serve_feed *new_feed (serve_request *r, const char *type) {
  const union MHD_ConnectionInfo *info =
    MHD_get_connection_info(r->mc, MHD_CONNECTION_INFO_CONNECTION_FD);
  serve_feed *f = calloc(1, sizeof(*f));
  if (f == NULL)
    return NULL;
  f->set = r->s->feeds;
  f->r = r;
  f->mc = r->mc;
  f->fd = info != NULL ? info->connect_fd : -1;
  f->events = strncmp(type, "text/event-stream", 17) == 0;
  f->last = fal_now();
  f->brief = r->trouble == TROUBLE_CUT;
  f->owners = 2;
  fal_buf_init(&f->b, (size_t)-1);  /* the ceiling is serve_feed_write's */
  pthread_mutex_init(&f->lock, NULL);
  return f;
}


static void join_set (serve_feed *f) {
  serve_feeds *set = f->set;
  pthread_mutex_lock(&set->lock);
  f->gone = (unsigned char)set->ending;
  f->next = set->first;
  f->link = &set->first;
  if (f->next != NULL)
    f->next->link = &f->next;
  set->first = f;
  pthread_cond_signal(&set->work);
  pthread_mutex_unlock(&set->lock);
}


serve_feed *serve_feed_new (serve_request *r, unsigned int status,
                            const char *type) {
  serve_feed *f = new_feed(r, type);
  struct MHD_Response *response;
  if (f == NULL)
    return NULL;
  response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK,
                                               read_more, f, on_sent);
  if (response == NULL) {
    pthread_mutex_destroy(&f->lock);
    free(f);
    return NULL;
  }
  join_set(f);
  serve_answer_free(&r->answer);
  r->answer.status = status;
  r->answer.response = response;
  serve_answer_header(&r->answer, MHD_HTTP_HEADER_CONTENT_TYPE, type);
  serve_answer_header(&r->answer, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
  serve_answer_header(&r->answer, "X-Accel-Buffering", "no");
  serve_request_keep(r);
  if (r->suspended)
    serve_resume(r->s, r->mc);
  return f;
}


int serve_feed_write (serve_feed *f, const char *s, size_t n) {
  int ok;
  pthread_mutex_lock(&f->lock);
  if (!f->gone && !f->ended &&
      (f->b.n - f->sent > FEED_MAX || fal_buf_add(&f->b, s, n) != FAL_OK))
    cut(f);
  ok = !f->gone && !f->ended;
  if (ok) {
    f->last = fal_now();
    f->ended = f->broken = f->brief;
    wake(f);
  }
  pthread_mutex_unlock(&f->lock);
  return ok;
}


int serve_feed_gone (serve_feed *f) {
  int gone;
  pthread_mutex_lock(&f->lock);
  gone = f->gone;
  pthread_mutex_unlock(&f->lock);
  return gone;
}


void serve_feed_end (serve_feed *f) {
  serve_request_drop(f->r);
  pthread_mutex_lock(&f->lock);
  f->ended = 1;
  wake(f);
  release(f);
}

void serve_feed_break (serve_feed *f) {
  pthread_mutex_lock(&f->lock);
  f->broken = 1;
  pthread_mutex_unlock(&f->lock);
  serve_feed_end(f);
}

/* }====================================================== */


/*
** {======================================================
** Keeping them alive
** =======================================================
*/

static void look_after (serve_feed *f, double now) {
  pthread_mutex_lock(&f->lock);
  if (f->asleep && serve_hung_up(f->fd))
    cut(f);
  else if (f->asleep && f->events && !f->ended &&
           now - f->last > f->set->silence &&
           fal_buf_addstr(&f->b, COMMENT) == FAL_OK) {
    f->last = now;
    wake(f);
  }
  pthread_mutex_unlock(&f->lock);
}


static void wait_a_second (serve_feeds *set) {
  struct timespec until;
  clock_gettime(CLOCK_REALTIME, &until);
  until.tv_sec++;
  pthread_cond_timedwait(&set->work, &set->lock, &until);
}


static void *keep_alive (void *ud) {
  serve_feeds *set = ud;
  double looked = 0;
  pthread_mutex_lock(&set->lock);
  while (!set->ending) {
    double now = fal_now();
    if (set->first == NULL)
      pthread_cond_wait(&set->work, &set->lock);
    else if (now - looked < 0.9)
      wait_a_second(set);
    else {
      serve_feed *f;
      for (f = set->first; f != NULL; f = f->next)
        look_after(f, now);
      looked = now;
    }
  }
  pthread_mutex_unlock(&set->lock);
  return NULL;
}


serve_feeds *serve_feeds_new (double silence, fal_error *err) {
  serve_feeds *set = calloc(1, sizeof(*set));
  if (set == NULL) {
    fal_fail(err, FAL_ENOMEM, "out of memory");
    return NULL;
  }
  set->silence = silence;
  pthread_mutex_init(&set->lock, NULL);
  pthread_cond_init(&set->work, NULL);
  if (pthread_create(&set->thread, NULL, keep_alive, set) == 0)
    return set;
  fal_fail(err, FAL_ENOMEM, "cannot start a thread");
  pthread_cond_destroy(&set->work);
  pthread_mutex_destroy(&set->lock);
  free(set);
  return NULL;
}


void serve_feeds_close (serve_feeds *set) {
  serve_feed *f;
  if (set == NULL)
    return;
  pthread_mutex_lock(&set->lock);
  set->ending = 1;
  pthread_cond_signal(&set->work);
  for (f = set->first; f != NULL; f = f->next) {
    pthread_mutex_lock(&f->lock);
    cut(f);
    pthread_mutex_unlock(&f->lock);
  }
  pthread_mutex_unlock(&set->lock);
}


void serve_feeds_free (serve_feeds *set) {
  if (set == NULL)
    return;
  serve_feeds_close(set);
  pthread_join(set->thread, NULL);
  pthread_cond_destroy(&set->work);
  pthread_mutex_destroy(&set->lock);
  free(set);
}

/* }====================================================== */
