/*
** host.h -- what the files of falua share
*/
#ifndef falua_host_h
#define falua_host_h

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

#include <stddef.h>

/* Message handler: one text for any error object (its __tostring when it has
** one), with a traceback when FALUA_TRACE is 1. */
int host_message (lua_State *L);


/* ---- interrupt.c ---- */

/* What Ctrl-C does while Lua code runs. */
typedef enum host_interrupt {
  HOST_QUIT,     /* the state is closed and the process ends with 130 */
  HOST_RAISE,    /* the code that runs gets the error "interrupted" */
  HOST_RAISE_MAIN,  /* the main coroutine gets it, as soon as it runs */
  HOST_NOTE      /* somebody asks host_interrupted; it ends a wait */
} host_interrupt;

/* Takes over SIGINT and SIGPIPE, and notes from now on which coroutine runs:
** coroutine.resume and coroutine.wrap become ours. Call it before any Lua
** code, once in a process. */
void host_interrupt_open (lua_State *L);

void host_interrupt_set (host_interrupt what);

/* Whether Ctrl-C has been noted since the last time. A second one that comes
** before this is asked ends the process. */
int host_interrupted (void);

/* Gives SIGINT back. Call it before the state is closed. */
void host_interrupt_close (void);

/* Waits until one of two descriptors is readable (-1: none) or 'seconds' have
** passed (negative: no limit). Returns a mask of HOST_FIRST and HOST_SECOND,
** HOST_CTRLC when Ctrl-C ended the wait, HOST_RESIZED when the terminal
** changed, 0 when time was up. Only here Ctrl-C touches no Lua code. */
#define HOST_FIRST    1
#define HOST_SECOND   2
#define HOST_CTRLC    4
#define HOST_RESIZED  8
int host_wait (int first, int second, double seconds);


/* ---- the other files: each pushes a table of functions ---- */

int host_open_terminal (lua_State *L);
int host_open_server (lua_State *L);
int host_open_hook (lua_State *L);
int host_open_exchange (lua_State *L);
int host_open_child (lua_State *L);
int host_open_facts (lua_State *L);

#endif
