/*
** raw.h -- what the drivers in C share: clocks, memory, and the line they print
*/
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>


static double now (void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}


static double cpu (void) {
  struct rusage r;
  getrusage(RUSAGE_SELF, &r);
  return (double)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) +
         (double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec) / 1e6;
}


static void die (const char *what) {
  fprintf(stderr, "raw: %s\n", what);
  exit(1);
}


/* The most memory this process ever held, in kilobytes. */
static long hwm (void) {
  char line[128];
  long kb = 0;
  FILE *f = fopen("/proc/self/status", "r");
  while (f != NULL && fgets(line, sizeof(line), f) != NULL)
    if (strncmp(line, "VmHWM:", 6) == 0)
      kb = atol(line + 6);
  if (f != NULL)
    fclose(f);
  return kb;
}


/* 'wall' and 'spent': what now() and cpu() said when the measured part began */
static void report (long n, double wall, double spent) {
  printf("ops=%ld wall=%.6f cpu=%.6f hwm=%ld\n", n, now() - wall,
         cpu() - spent, hwm());
}


static const char input[] =
  "{\"num_images\":1,\"prompt\":\"a lighthouse on a cliff above the sea at "
  "dawn, long exposure, soft light\",\"seed\":7411903}";
