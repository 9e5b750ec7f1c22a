/*
** link.h -- what the server and one worker process have between them
**
** Two rings in shared memory carry frames; a socket carries single bytes that
** wake a side which sleeps, and tells by its end that the other side is gone.
** A job has a slot from when it is sent to when its answer is there; the
** slot's words are how a job is taken back, canceled or stopped while the
** worker is busy, and how the server knows what a dead worker was at.
*/
#ifndef falua_link_h
#define falua_link_h

#include "ring.h"

#define LINK_WORD    "--worker"   /* falua's argument when it is a worker */
#define LINK_SOCKET  3            /* its descriptors */
#define LINK_MEMORY  4
#define LINK_DEPTH   32           /* jobs sent and not answered */

typedef enum link_state { SLOT_FREE, SLOT_SENT, SLOT_RUNNING, SLOT_REVOKED }
  link_state;

/* Why a job is stopped. */
typedef enum link_stop { STOP_NOT, STOP_TIME, STOP_CANCELED } link_stop;

typedef struct link_slot {
  uint32_t state;           /* a link_state; SENT and REVOKED are set by the
                               server, the others by the worker */
  uint32_t canceled;        /* the endpoint may want to end by itself */
  uint32_t stop;            /* a link_stop: it has to, see SIGUSR1 */
  uint32_t unused;
} link_slot;

typedef struct link_side {
  uint32_t sleeps;          /* until a frame comes */
  uint32_t wants_room;      /* until frames can be written */
  char apart[56];
} link_side;

typedef struct link_shared {
  link_side side[2];        /* 0: the worker, 1: the server */
  link_slot slots[LINK_DEPTH];
  ring to_worker, to_server;
  /* What a worker needs to know, set before it starts. */
  char files[4096], apps[4096], url[128];
} link_shared;

typedef struct link_end {
  link_shared *m;
  link_side *mine, *other;
  ring_end in, out;
  int fd;
} link_end;


/* To the worker. 'text_n' bytes of strings follow, each with its NUL: file,
** method, endpoint, request id, base URL, owner, head; then 'body_n' bytes of
** body. */
typedef struct link_job {
  uint32_t slot, kind;      /* a serve_kind, or one of the next two */
  uint32_t text_n, version; /* of the file's code */
  uint64_t body_n;
  uint64_t memory;          /* bytes that the file's Lua may have */
  uint32_t tell_start, unused;
} link_job;

#define LINK_LOAD  100      /* not a call: say what endpoints 'file' has */

typedef enum link_kind {
  FRAME_STARTED = 1,        /* nothing follows */
  FRAME_LOG,                /* 'head_n' bytes of level, then the text */
  FRAME_PROGRESS,           /* in 'number' */
  FRAME_EMIT,
  FRAME_ANSWER              /* with 'status', seconds taken in 'number' */
} link_kind;

/* To the server. 'head_n' and 'body_n' bytes follow. */
typedef struct link_frame {
  uint32_t kind, slot, status, head_n;
  uint64_t body_n;
  double number;
} link_frame;


/* 'worker': which side this is. */
void link_attach (link_end *l, link_shared *m, int fd, int worker);

/* Makes the other side go on if it sleeps; after publishing frames, or after
** taking some. */
void link_wake_reader (link_end *l);
void link_wake_writer (link_end *l);

#define LINK_FRAME  1
#define LINK_ROOM   2

/* Sleeps until there may be a frame, or room for one, as 'what' says. 0 when
** the other side is gone. */
int link_sleep (link_end *l, int what);

#endif
