/*
** repl.c -- a prompt that does not stop the world, on libedit
**
** The prompt is shown, and then bytes are handed to libedit as they come;
** between them the caller does what it likes. Output made meanwhile hides the
** prompt first and shows it again afterwards.
*/
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <editline/readline.h>

#include "../binding/lfal.h"
#include "../core/file.h"
#include "host.h"

static int shown;             /* libedit is in charge of the terminal */
static int typed;             /* the line is not empty */
static int hidden;            /* shown, but taken off the screen for now */
static int ended;             /* the line is complete, or input has ended */
static char *line;            /* what was typed; NULL: end of input */
static lua_State *completing; /* set while libedit runs */

static const char completer = 0;  /* its address: key of the Lua function */
static const char candidates = 0; /* and of the list it returned */


static void leave (void) {
  if (shown)
    rl_callback_handler_remove();
  shown = hidden = typed = 0;
}


static void on_line (char *s) {
  leave();
  ended = 1;
  line = s;
}


/*
** {======================================================
** Completion
** =======================================================
*/

/* Called with 0, 1, 2...: the next candidate, in memory of its own. */
static char *candidate (const char *text, int i) {
  lua_State *L = completing;
  char *s = NULL;
  (void)text;
  lua_rawgetp(L, LUA_REGISTRYINDEX, &candidates);
  if (lua_istable(L, -1) && lua_rawgeti(L, -1, i + 1) == LUA_TSTRING)
    s = strdup(lua_tostring(L, -1));
  return s;
}


static char *next_candidate (const char *text, int state) {
  static int i;
  int top = lua_gettop(completing);
  char *s;
  if (state == 0)
    i = 0;
  s = candidate(text, i++);
  lua_settop(completing, top);
  return s;
}


static char **complete (const char *text, int from, int to) {
  lua_State *L = completing;
  (void)from;
  (void)to;
  rl_attempted_completion_over = 1;  /* no file names instead */
  lua_rawgetp(L, LUA_REGISTRYINDEX, &completer);
  lua_pushstring(L, text);
  if (lua_pcall(L, 1, 1, 0) != LUA_OK) {
    lua_pop(L, 1);
    return NULL;
  }
  lua_rawsetp(L, LUA_REGISTRYINDEX, &candidates);
  return rl_completion_matches(text, next_candidate);
}

/* }====================================================== */


/* open(complete): complete(text) returns a list of what it may become */
static int term_open (lua_State *L) {
  luaL_checktype(L, 1, LUA_TFUNCTION);
  lua_settop(L, 1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &completer);
  setlocale(LC_CTYPE, "");  /* libedit has to know what a character is */
  rl_readline_name = "falua";
  rl_catch_signals = 0;
  rl_initialize();
  using_history();
  rl_basic_word_break_characters = " \t\n\"'`()[]{}<>=~+-*/%^#,;&|";
  rl_completion_append_character = '\0';
  rl_attempted_completion_function = complete;
  atexit(leave);
  return 0;
}


/* prompt(text): asks for a line */
static int term_prompt (lua_State *L) {
  const char *text = luaL_checkstring(L, 1);
  leave();
  fflush(stdout);
  rl_callback_handler_install(text, on_line);
  shown = 1;
  return 0;
}


/* hide(): before something is written; show(text) puts the prompt back */
static int term_hide (lua_State *L) {
  (void)L;
  if (shown && !hidden) {
    fputs("\r\033[J", stdout);
    hidden = 1;
  }
  return 0;
}


static int term_show (lua_State *L) {
  const char *text = luaL_checkstring(L, 1);
  if (hidden) {
    fflush(stdout);
    rl_set_prompt(text);
    rl_forced_update_display();
    hidden = 0;
  }
  return 0;
}


static void resize (void) {
  if (shown) {  /* also after Ctrl-Z and fg: the modes are the shell's now */
    rl_deprep_terminal();
    rl_prep_terminal(1);
    rl_resize_terminal();
    rl_forced_update_display();
  }
}


static int read_line (lua_State *L) {
  completing = L;
  rl_callback_read_char();
  completing = NULL;
  typed = shown && rl_end > 0;
  if (!ended)
    return 0;
  ended = 0;
  if (line == NULL) {
    lua_pushliteral(L, "end");
    return 1;
  }
  lua_pushliteral(L, "line");
  lua_pushstring(L, line);
  free(line);
  line = NULL;
  return 2;
}


/* wait(fd | nil, seconds | nil) -> "line", text | "end" | "interrupt" |
** nothing. Returns when 'fd' is readable, time is up or a key was hit. */
static int term_wait (lua_State *L) {
  int fd = (int)luaL_optinteger(L, 1, -1);
  int got = host_wait(STDIN_FILENO, fd, luaL_optnumber(L, 2, -1));
  if (got & HOST_CTRLC) {
    lua_pushliteral(L, "interrupt");
    return 1;
  }
  if (got & HOST_RESIZED)
    resize();
  return (got & HOST_FIRST) ? read_line(L) : 0;
}


/* typed() -> whether there is something in the line */
static int term_typed (lua_State *L) {
  lua_pushboolean(L, typed);
  return 1;
}


/* remember(line) */
static int term_remember (lua_State *L) {
  add_history(luaL_checkstring(L, 1));
  return 0;
}


/* save(path, text) -> true | nil, err. For nobody else's eyes. */
static int term_save (lua_State *L) {
  fal_error err;
  size_t n;
  const char *path = luaL_checkstring(L, 1);
  const char *text = luaL_checklstring(L, 2, &n);
  mode_t before = umask(077);
  fal_code code = fal_file_put(path, text, n, 1, &err);
  umask(before);
  if (code != FAL_OK)
    return lfal_fail(L, &err);
  lua_pushboolean(L, 1);
  return 1;
}


static const luaL_Reg functions[] = {
  {"open", term_open},
  {"prompt", term_prompt},
  {"hide", term_hide},
  {"show", term_show},
  {"wait", term_wait},
  {"typed", term_typed},
  {"remember", term_remember},
  {"save", term_save},
  {NULL, NULL}
};


int host_open_terminal (lua_State *L) {
  luaL_newlib(L, functions);
  return 1;
}
