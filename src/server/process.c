/*
** process.c -- a worker process, as the server has it
*/
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#if defined(__APPLE__)
#include <mach-o/dyld.h>
#endif

#include "process.h"

extern char **environ;


/*
** {======================================================
** Memory
** =======================================================
*/

#if defined(__linux__)

static int memory_file (void) {
  return memfd_create("falua", MFD_CLOEXEC);
}

#else

static int memory_file (void) {
  char path[] = "/tmp/falua-XXXXXX";
  int fd = mkstemp(path);
  if (fd >= 0) {
    unlink(path);
    fcntl(fd, F_SETFD, FD_CLOEXEC);
  }
  return fd;
}

#endif


link_shared *serve_process_memory (int *fd, fal_error *err) {
  void *m = MAP_FAILED;
  *fd = memory_file();
  if (*fd >= 0 && ftruncate(*fd, sizeof(link_shared)) == 0)
    m = mmap(NULL, sizeof(link_shared), PROT_READ | PROT_WRITE, MAP_SHARED,
             *fd, 0);
  if (m != MAP_FAILED)
    return m;
  fal_fail(err, FAL_ENOMEM, "no memory to share with a worker: %s",
           strerror(errno));
  if (*fd >= 0)
    close(*fd);
  return NULL;
}

/* }====================================================== */


/*
** {======================================================
** Starting and ending
** =======================================================
*/

static const char *own_path (char *path, size_t size) {
#if defined(__APPLE__)
  uint32_t n = (uint32_t)size;
  return _NSGetExecutablePath(path, &n) == 0 ? path : NULL;
#else
  (void)path;
  (void)size;
  return "/proc/self/exe";  /* also when the file was replaced meanwhile */
#endif
}


/* A copy above the descriptors that the worker will have. The original is
** closed. */
static int moved_up (int fd) {
  int up = fcntl(fd, F_DUPFD_CLOEXEC, 16);
  close(fd);
  return up;
}


static int spawn (pid_t *pid, int socket, int memory) {
  char path[4096];
  char name[] = "falua", word[] = LINK_WORD;
  char *argv[3];
  const char *program = own_path(path, sizeof(path));
  posix_spawn_file_actions_t files;
  posix_spawnattr_t attr;
  sigset_t none, all;
  int why;
  argv[0] = name;
  argv[1] = word;
  argv[2] = NULL;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&files, 2, 1);
  posix_spawn_file_actions_adddup2(&files, socket, LINK_SOCKET);
  posix_spawn_file_actions_adddup2(&files, memory, LINK_MEMORY);
  posix_spawnattr_init(&attr);
  posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP |
                           POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  posix_spawnattr_setpgroup(&attr, 0);
  posix_spawnattr_setsigmask(&attr, &none);
  posix_spawnattr_setsigdefault(&attr, &all);
  why = program != NULL ? posix_spawn(pid, program, &files, &attr, argv,
                                      environ)
                        : ENOENT;
  posix_spawnattr_destroy(&attr);
  posix_spawn_file_actions_destroy(&files);
  return why;
}


fal_code serve_process_start (serve_process *p, link_shared *m, int memory_fd,
                              fal_error *err) {
  int pair[2], why = 0;
  p->pid = -1;
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0)
    return fal_fail(err, FAL_ENETWORK, "no socket for a worker: %s",
                    strerror(errno));
  fcntl(pair[0], F_SETFD, FD_CLOEXEC);
  pair[1] = moved_up(pair[1]);
  memory_fd = moved_up(memory_fd);
  why = pair[1] >= 0 && memory_fd >= 0 ? spawn(&p->pid, pair[1], memory_fd)
                                       : errno;
  close(pair[1]);
  close(memory_fd);
  if (why == 0) {
    link_attach(&p->link, m, pair[0], 0);
    return FAL_OK;
  }
  close(pair[0]);
  munmap(m, sizeof(*m));
  return fal_fail(err, FAL_ENOMEM, "a worker does not start: %s",
                  strerror(why));
}


int serve_process_end (serve_process *p) {
  int status = -1;
  kill(-p->pid, SIGKILL);
  while (waitpid(p->pid, &status, 0) < 0 && errno == EINTR)
    ;
  close(p->link.fd);
  munmap(p->link.m, sizeof(*p->link.m));
  return status;
}

/* }====================================================== */
