/*
** listener.h -- webhooks come in (falua listen)
**
** libmicrohttpd's thread reads each delivery whole; its connection waits,
** suspended, until the owner's thread has taken it and said what to answer.
** A descriptor tells when there is one to take.
*/
#ifndef falua_listener_h
#define falua_listener_h

#include <stdint.h>

#include "../core/buf.h"
#include "../core/error.h"
#include "bind.h"

typedef struct serve_listener serve_listener;

typedef struct serve_listener_options {
  const char *listen;            /* "ADDR:PORT" */
  const serve_bind_fear *fear;   /* NULL: other machines may reach it */
  const char *path;              /* of deliveries; NULL: any */
  size_t max_body;               /* bytes; what is larger is a 413 */
} serve_listener_options;

/* A delivery: valid until it is answered. */
typedef struct serve_letter {
  uint64_t id;
  fal_buf head;                  /* "name: value" lines, each ended by CRLF */
  fal_buf body;
} serve_letter;

/* Binds and starts its threads, which take no signals. 'opt' is copied. NULL
** and '*err' on failure, as falua_server_start. */
serve_listener *serve_listener_new (const serve_listener_options *opt,
                                    fal_error *err);

/* "http://127.0.0.1:PORT", with the real port. */
const char *serve_listener_url (const serve_listener *l);

/* Turns readable when there is a letter to take. */
int serve_listener_fd (const serve_listener *l);

/* The next delivery; NULL when there is none. Each is to be answered. */
const serve_letter *serve_listener_take (serve_listener *l);

/* Answers a letter that was taken, with {"detail": text}. Nothing happens when
** there is none with that id. */
void serve_listener_answer (serve_listener *l, uint64_t id,
                            unsigned int status, const char *text);

/* Takes no more connections, answers 503 to who still waits, lets answers go
** out (two seconds at most), ends the threads. Accepts NULL. */
void serve_listener_free (serve_listener *l);

#endif
