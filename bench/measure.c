/*
** measure.c -- runs a command N times, one after the other, and prints what
** the cheapest run took from exec to exit
**
**   measure N command [argument ...]
**
** prints: ops=N wall=SECONDS cpu=SECONDS hwm=KILOBYTES. 'wall' and 'cpu'
** (user and system) are the least of the N runs, each on its own.
*/
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>


static double now (void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}


static double seconds (struct timeval t) {
  return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}


/* Runs the command once; exits when it fails. */
static struct rusage run (char **command) {
  struct rusage use;
  int status;
  pid_t pid = fork();
  if (pid == 0) {
    int fd = open("/dev/null", O_WRONLY);
    dup2(fd, STDOUT_FILENO);
    execvp(command[0], command);
    perror(command[0]);
    _exit(127);
  }
  if (pid < 0 || wait4(pid, &status, 0, &use) != pid || status != 0) {
    fprintf(stderr, "measure: %s failed\n", command[0]);
    exit(1);
  }
  return use;
}


int main (int argc, char **argv) {
  double wall = 1e9, cpu = 1e9;
  long hwm = 0;
  int i, n = argc > 2 ? atoi(argv[1]) : 0;
  if (n <= 0) {
    fprintf(stderr, "usage: measure N command [argument ...]\n");
    return 2;
  }
  for (i = 0; i < n; i++) {
    double start = now();
    struct rusage use = run(argv + 2);
    double took = now() - start;
    double spent = seconds(use.ru_utime) + seconds(use.ru_stime);
    if (took < wall) wall = took;
    if (spent < cpu) cpu = spent;
    if (use.ru_maxrss > hwm) hwm = use.ru_maxrss;
  }
  printf("ops=%d wall=%.6f cpu=%.6f hwm=%ld\n", n, wall, cpu, hwm);
  return 0;
}
