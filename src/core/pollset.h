/*
** pollset.h -- the platform layer: descriptors, one timer, one wake-up
**
** On Linux everything is behind one epoll descriptor (timerfd and eventfd
** inside), which nests in any other loop; elsewhere poll() is used and there
** is no such descriptor. One thread uses a pollset, except for 'wake'.
*/
#ifndef fal_pollset_h
#define fal_pollset_h

#include "error.h"

#define FAL_POLL_IN   1
#define FAL_POLL_OUT  2

typedef enum fal_pollset_kind {
  FAL_POLLSET_BEST,    /* epoll where there is one */
  FAL_POLLSET_EPOLL,
  FAL_POLLSET_POLL
} fal_pollset_kind;

typedef struct fal_pollset fal_pollset;

/* NULL and '*err' (FAL_EFILE) when descriptors or memory end, or when the
** kind does not exist here. */
fal_pollset *fal_pollset_new (fal_pollset_kind kind, fal_error *err);
void fal_pollset_free (fal_pollset *ps);   /* accepts NULL */

/* The one descriptor that turns readable when 'wait' would return something;
** it stays the same and is the pollset's own. -1 for the poll() kind. */
int fal_pollset_fd (const fal_pollset *ps);

/* What to watch 'fd' for: FAL_POLL_IN | FAL_POLL_OUT, or 0 to forget it
** (before it is closed). */
fal_code fal_pollset_set (fal_pollset *ps, int fd, int want);

/* 'keep' 1: 'fd' will be watched and forgotten many times while it is open.
** The kernel is then not told that it is forgotten until that matters. 0:
** that is over; it must be said before 'fd' is closed. */
void fal_pollset_keep (fal_pollset *ps, int fd, int keep);

/* Turns the pollset's descriptor readable at 'when' (fal_now seconds; 0 for
** never), so that a loop that nests it wakes up. 'wait' takes its own limit
** and does not need this. */
void fal_pollset_timer (fal_pollset *ps, double when);

/* Makes a present or the next 'wait' return. Any thread, any time. */
void fal_pollset_wake (fal_pollset *ps);

/* Waits until a descriptor is ready, the timer is due, somebody woke us or
** 'seconds' have passed (0: just looks; negative: no limit). A signal ends it
** too, so that its handler's wishes are seen. */
void fal_pollset_wait (fal_pollset *ps, double seconds);

/* Takes one ready descriptor of the last 'wait': 1 with '*fd' and '*got', or
** 0 when there is no more. Descriptors forgotten meanwhile are skipped, even
** when their number is in use again. */
int fal_pollset_next (fal_pollset *ps, int *fd, int *got);

/* Seconds of the monotonic clock. */
double fal_now (void);

#endif
