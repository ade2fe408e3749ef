/*
 * A task that leaves its mark: `start` and `end` lines in a ledger that all tasks of a test share, and a
 * lock of its task's own that is held for as long as it lives. A second process of the same task finds
 * that lock taken, and writes `double`.
 *
 *   ledger_task FOLDER SHORT_MS [LONG_MS EVERY]      every EVERYth task takes LONG_MS
 *
 * A line: WHAT JOB TASK ATTEMPT WORKER PID MS_SINCE_EPOCH
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

static const char *job, *task, *attempt, *worker;
static int ledger;

static void note(const char *what) {
  struct timespec now;
  char line[256];
  clock_gettime(CLOCK_REALTIME, &now);
  int size = snprintf(line, sizeof line, "%s %s %s %s %s %d %lld\n", what, job, task, attempt,
                      worker, (int)getpid(), (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000);
  if (write(ledger, line, size) != size) exit(9);
}

int main(int argc, char **argv) {
  char path[4096];
  if (argc < 3) return 8;
  job = getenv("IRIS_JOB");
  task = getenv("IRIS_TASK_INDEX");
  attempt = getenv("IRIS_ATTEMPT");
  worker = getenv("IRIS_WORKER");
  if (job == NULL || task == NULL || attempt == NULL || worker == NULL) return 8;
  job = strrchr(job, '/') + 1;
  snprintf(path, sizeof path, "%s/ledger", argv[1]);
  ledger = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  snprintf(path, sizeof path, "%s/lock.%s.%s", argv[1], job, task);
  int lock = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  if (ledger < 0 || lock < 0) return 8;
  note("start");
  if (flock(lock, LOCK_EX | LOCK_NB) != 0) note("double");
  int ms = argc > 4 && atoi(task) % atoi(argv[4]) == 0 ? atoi(argv[3]) : atoi(argv[2]);
  struct timespec rest = {ms / 1000, ms % 1000 * 1000000L};
  while (nanosleep(&rest, &rest) != 0) {
  }
  note("end");
  printf("task %s is done\n", task);
  return 0;
}
