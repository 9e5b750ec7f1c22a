/*
** interrupt.c -- Ctrl-C, broken pipes, and which coroutine runs
**
** A signal handler may do one thing to Lua: set a hook. A hook belongs to one
** coroutine, so we must know which one runs; therefore coroutine.resume and
** coroutine.wrap go through here. A signal also ends the wait it falls into
** with EINTR; one that arrives just before the wait begins would be slept
** over, so an alarm comes after it until the hook has run.
*/
#include <errno.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <time.h>
#include <unistd.h>

#include "host.h"

#define INTERRUPTED 130

static lua_State *volatile running;      /* NULL: no Lua code to interrupt */
static lua_State *main_state;            /* the main coroutine */
static volatile sig_atomic_t came;       /* Ctrl-C, not dealt with yet */
static volatile sig_atomic_t resized;
static volatile sig_atomic_t waiting;    /* in host_wait */
static volatile host_interrupt action = HOST_QUIT;


static void on_signal (int sig, void (*handler) (int)) {
  struct sigaction sa;
  memset(&sa, 0, sizeof(sa));
  sa.sa_handler = handler;  /* no SA_RESTART: waits have to end */
  sigemptyset(&sa.sa_mask);
  sigaction(sig, &sa, NULL);
}


/*
** {======================================================
** Ctrl-C
** =======================================================
*/

static void on_interrupt (int sig);


static void quit (lua_State *L) {
  fflush(stdout);
  fputs("falua: interrupted\n", stderr);
  host_interrupt_close();
  lua_close(L);  /* finalizers remove what is half written */
  exit(INTERRUPTED);
}


static void on_hook (lua_State *L, lua_Debug *ar) {
  (void)ar;
  lua_sethook(L, NULL, 0, 0);
  if (action == HOST_RAISE_MAIN && L != main_state)
    return;  /* 'resume' passes it on when this one yields or ends */
  if (came) {
    alarm(0);
    came = 0;
    if (action == HOST_QUIT)
      quit(L);
    on_signal(SIGINT, on_interrupt);
    lua_pushliteral(L, "interrupted");
    lua_error(L);
  }
}


static void set_hook (void) {
  lua_sethook(running, on_hook, LUA_MASKCALL | LUA_MASKRET | LUA_MASKCOUNT, 1);
}


static void on_interrupt (int sig) {
  came = 1;
  if (!waiting) {
    on_signal(sig, SIG_DFL);  /* the second one ends us in any case */
    if (action == HOST_NOTE)
      return;
    set_hook();
    alarm(1);
  }
}


/* The hook may have been set in a coroutine that was just resuming another:
** it goes to the one that runs now. */
static void on_alarm (int sig) {
  (void)sig;
  if (came) {
    if (!waiting && running != NULL && action != HOST_NOTE)
      set_hook();
    alarm(1);
  }
}


void host_interrupt_set (host_interrupt what) {
  action = what;
}


int host_interrupted (void) {
  int noted = came;
  if (noted) {
    came = 0;
    on_signal(SIGINT, on_interrupt);
  }
  return noted;
}


void host_interrupt_close (void) {
  on_signal(SIGINT, SIG_DFL);
  alarm(0);
  running = NULL;
}

/* }====================================================== */


/*
** {======================================================
** Which coroutine runs
** =======================================================
*/

/* Calls the function at 1 (the original resume) with what is above it, the
** first of which is the coroutine. Leaves what it returned. */
static int resume (lua_State *L) {
  lua_State *before = running;
  lua_State *co = lua_tothread(L, 2);
  int status;
  if (co != NULL)
    running = co;
  status = lua_pcall(L, lua_gettop(L) - 1, LUA_MULTRET, 0);
  running = before;
  if (came && action != HOST_NOTE)
    set_hook();  /* it was meant for us: the coroutine had just ended */
  if (status != LUA_OK)
    return lua_error(L);
  return lua_gettop(L);
}


static int co_resume (lua_State *L) {
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_insert(L, 1);
  return resume(L);
}


static int co_wrapped (lua_State *L) {
  lua_State *co = lua_tothread(L, lua_upvalueindex(2));
  int n;
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_insert(L, 1);
  lua_pushvalue(L, lua_upvalueindex(2));
  lua_insert(L, 2);
  n = resume(L);
  if (lua_toboolean(L, 1))
    return n - 1;
  if (lua_status(co) > LUA_YIELD) {  /* died now, was not dead already */
    lua_resetthread(co);  /* closes its variables: may change the error */
    lua_xmove(co, L, 1);
  }
  return lua_error(L);
}


static int co_wrap (lua_State *L) {
  lua_State *co;
  luaL_checktype(L, 1, LUA_TFUNCTION);
  lua_pushvalue(L, lua_upvalueindex(1));
  co = lua_newthread(L);
  lua_pushvalue(L, 1);
  lua_xmove(L, co, 1);
  lua_pushcclosure(L, co_wrapped, 2);
  return 1;
}


static void track_coroutines (lua_State *L) {
  lua_getglobal(L, LUA_COLIBNAME);
  lua_getfield(L, -1, "resume");
  lua_pushvalue(L, -1);
  lua_pushcclosure(L, co_resume, 1);
  lua_setfield(L, -3, "resume");
  lua_pushcclosure(L, co_wrap, 1);
  lua_setfield(L, -2, "wrap");
  lua_pop(L, 1);
}

/* }====================================================== */


/* A reader of our output that has gone away ends us, as it ends any program;
** a socket that has gone away is an error of whoever writes to it. */
static void on_broken_pipe (int sig) {
  struct pollfd out = { STDOUT_FILENO, 0, 0 };
  int e = errno;
  if (poll(&out, 1, 0) == 1 && (out.revents & POLLERR)) {
    on_signal(sig, SIG_DFL);
    raise(sig);
  }
  errno = e;
}


static void on_resize (int sig) {
  (void)sig;
  resized = 1;
}


void host_interrupt_open (lua_State *L) {
  track_coroutines(L);
  running = main_state = L;
  on_signal(SIGINT, on_interrupt);
  on_signal(SIGALRM, on_alarm);
  on_signal(SIGPIPE, on_broken_pipe);
}


int host_wait (int first, int second, double seconds) {
  int most = first > second ? first : second;
  fd_set in;
  struct timespec t;
  sigset_t block, before;
  int n, what = 0;
  t.tv_sec = (time_t)floor(seconds);
  t.tv_nsec = (long)((seconds - floor(seconds)) * 1e9);
  sigemptyset(&block);
  sigaddset(&block, SIGINT);
  sigaddset(&block, SIGWINCH);
  sigaddset(&block, SIGCONT);
  sigprocmask(SIG_BLOCK, &block, &before);
  on_signal(SIGWINCH, on_resize);
  on_signal(SIGCONT, on_resize);
  waiting = 1;
  FD_ZERO(&in);
  if (first >= 0 && first < FD_SETSIZE)
    FD_SET(first, &in);
  if (second >= 0 && second < FD_SETSIZE)
    FD_SET(second, &in);
  n = pselect(most + 1, &in, NULL, NULL, seconds < 0 ? NULL : &t, &before);
  waiting = 0;
  sigprocmask(SIG_SETMASK, &before, NULL);
  if (came)
    what |= HOST_CTRLC;
  if (resized)
    what |= HOST_RESIZED;
  if (n > 0)
    what |= (first >= 0 && FD_ISSET(first, &in) ? HOST_FIRST : 0) |
            (second >= 0 && FD_ISSET(second, &in) ? HOST_SECOND : 0);
  came = resized = 0;
  return what;
}
