/*
** live.h -- sockets whose messages are calls of an endpoint
**
** What realtime connections and HTTP over WebSocket share: messages wait in
** line, a worker has one at a time, what it says goes back in order. All of it
** is on the loop's thread, but for what the worker's thread leaves behind.
*/
#ifndef falua_live_h
#define falua_live_h

#include "job.h"
#include "socket.h"

typedef struct serve_live serve_live;

typedef struct serve_message {
  struct serve_message *next;
  int text;
  size_t n;
  char s[];
} serve_message;

typedef struct serve_live_class {
  serve_kind kind;
  int max_waiting;          /* messages in line */
  int drops;                /* one more drops the oldest; 0: it is the end */
  double idle;              /* seconds without a message; 0: no matter */
  /* Looks at a message before it is given to a worker; 0: not to be. */
  int (*accept) (serve_live *v, const serve_message *m);
  /* The job about v->now is done: sends what is in v->job.reply. */
  void (*answer) (serve_live *v);
  void (*bored) (serve_live *v);        /* after 'idle' seconds; or NULL */
} serve_live_class;

struct serve_live {
  serve_socket socket;      /* first */
  serve_job job;
  const serve_live_class *cls;
  int max_waiting;          /* the class's, or what the caller asked for */
  double began;             /* the job, fal_now seconds */
  char id[37];              /* of the job */
  serve_message *now;       /* what it is about */
  /* Private. */
  char *endpoint, *base_url, *owner;
  serve_request *opener;    /* counts as running until we are gone */
  int inner;                /* see serve_charge */
  serve_task hear, end;     /* what the worker said; that it is done */
  serve_message *first, *last;          /* in line */
  int waiting, busy, gone;
  size_t held;              /* bytes of those in line */
  pthread_mutex_t lock;     /* guards what follows */
  serve_message *said, *last_said;      /* by the worker, not yet sent */
  int done;                 /* the job: it must not be canceled any more */
};

/* Upgrades the request to a socket for calls of 'endpoint' (copied), a
** realtime one's inputs of 'owner'; or makes the refusal. */
void serve_live_open (serve_request *r, const serve_live_class *cls,
                      const char *endpoint, const char *owner,
                      int max_waiting);

void serve_live_send (serve_live *v, int text, const char *s, size_t n);

#endif
