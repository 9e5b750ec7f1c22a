/*
** child.c -- commands of the user's, with something on their standard input
*/
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host.h"

extern char **environ;


/* A file without a name that has those bytes, at its beginning; NULL with
** errno. */
static FILE *file_of (const char *s, size_t n) {
  FILE *f = tmpfile();
  if (f == NULL)
    return NULL;
  fcntl(fileno(f), F_SETFD, FD_CLOEXEC);
  if (fwrite(s, 1, n, f) == n && fflush(f) == 0 &&
      lseek(fileno(f), 0, SEEK_SET) == 0)
    return f;
  fclose(f);
  return NULL;
}


/* As errno has it; 0 when it went well. */
static int spawn (const char *command, int in, int quiet, pid_t *pid) {
  char *argv[] = { "sh", "-c", (char *)command, NULL };
  posix_spawn_file_actions_t files;
  int why = posix_spawn_file_actions_init(&files);
  if (why != 0)
    return why;
  why = posix_spawn_file_actions_adddup2(&files, in, STDIN_FILENO);
  if (why == 0 && quiet)
    why = posix_spawn_file_actions_adddup2(&files, STDERR_FILENO,
                                           STDOUT_FILENO);
  if (why == 0)
    why = posix_spawn(pid, "/bin/sh", &files, NULL, argv, environ);
  posix_spawn_file_actions_destroy(&files);
  return why;
}


/* start(command, input, quiet) -> process id | nil, why. By the shell; with
** 'quiet' its output goes where errors go. */
static int child_start (lua_State *L) {
  const char *command = luaL_checkstring(L, 1);
  size_t n;
  const char *input = luaL_checklstring(L, 2, &n);
  pid_t pid = 0;
  int why;
  FILE *f = file_of(input, n);
  if (f == NULL) {
    why = errno;
    return lua_pushnil(L), lua_pushstring(L, strerror(why)), 2;
  }
  fflush(stdout);
  why = spawn(command, fileno(f), lua_toboolean(L, 3), &pid);
  fclose(f);
  if (why != 0)
    return lua_pushnil(L), lua_pushstring(L, strerror(why)), 2;
  lua_pushinteger(L, (lua_Integer)pid);
  return 1;
}


/* ended(process id) -> its exit status (128 and more: a signal); nil while it
** runs */
static int child_ended (lua_State *L) {
  int status;
  pid_t got = waitpid((pid_t)luaL_checkinteger(L, 1), &status, WNOHANG);
  if (got == 0 || (got < 0 && errno == EINTR))
    return 0;
  if (got < 0)
    status = 0xff00;
  lua_pushinteger(L, WIFSIGNALED(status) ? 128 + WTERMSIG(status)
                                         : WEXITSTATUS(status));
  return 1;
}


static const luaL_Reg functions[] = {
  {"start", child_start},
  {"ended", child_ended},
  {NULL, NULL}
};


int host_open_child (lua_State *L) {
  luaL_newlib(L, functions);
  return 1;
}
