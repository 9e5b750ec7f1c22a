/*
** process.h -- a worker process, as the server has it
*/
#ifndef falua_process_h
#define falua_process_h

#include <sys/types.h>

#include "../core/error.h"
#include "link.h"

typedef struct serve_process {
  pid_t pid;
  link_end link;
} serve_process;

/* Shared memory for a worker, all zero. NULL when there is none. */
link_shared *serve_process_memory (int *fd, fal_error *err);

/* Starts this very program as a worker on the memory 'm' that is behind
** 'memory_fd'. It has a process group of its own, no signal blocked, standard
** input from nowhere and standard output going where errors go. Whoever calls
** this has to be a thread that outlives it. */
fal_code serve_process_start (serve_process *p, link_shared *m, int memory_fd,
                              fal_error *err);

/* Kills it, with whatever it has started in its group, and waits for its end.
** Its exit status as of waitpid, -1 when that is not known. */
int serve_process_end (serve_process *p);

#endif
