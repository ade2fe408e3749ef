/*
 * The floor of bench/spawn.ts: how fast this machine starts and reaps processes at all.
 *
 *   posix_spawn_floor TASKS AT_A_TIME
 *
 * Starts /bin/true TASKS times by posix_spawn, AT_A_TIME at a time, with nothing around it: no new
 * session, no files. Prints spawns per second.
 */
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

static char *const arguments[] = {"true", NULL};
static char *const environment[] = {"PATH=/usr/bin:/bin", NULL};

static double seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec + now.tv_nsec / 1e9;
}

int main(int count, char **given) {
  if (count != 3) {
    fprintf(stderr, "usage: posix_spawn_floor TASKS AT_A_TIME\n");
    return 2;
  }
  const long tasks = atol(given[1]);
  const long at_a_time = atol(given[2]);
  long started = 0;
  long ended = 0;
  const double from = seconds();
  while (ended < tasks) {
    while (started < tasks && started - ended < at_a_time) {
      pid_t pid;
      const int error = posix_spawn(&pid, "/bin/true", NULL, NULL, arguments, environment);
      if (error != 0) {
        fprintf(stderr, "posix_spawn: %s\n", strerror(error));
        return 1;
      }
      started++;
    }
    int status;
    if (waitpid(-1, &status, 0) < 0 || status != 0) {
      fprintf(stderr, "a task did not end well\n");
      return 1;
    }
    ended++;
  }
  printf("%.1f\n", tasks / (seconds() - from));
  return 0;
}
