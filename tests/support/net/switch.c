/*
 * A network of test hosts: a switch between TAP devices in network namespaces, in which each direction
 * of each pair of hosts has a delay, a loss and a cut of its own. Kernels may lack `netem`; this needs
 * TAP devices and root, and nothing else.
 *
 *   switch SEED NAMESPACE...        devices are called `tap0`, host numbers are 0, 1, ...
 *
 * Says `ready` once all devices are there. Each line on stdin is obeyed and answered by `ok`:
 *
 *   link FROM TO DELAY_MS LOSS_PERMILLE CUT(0|1)
 *
 * Ends at the end of stdin.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define MAX_HOSTS 32
#define MAX_FRAME 2048
/* Frames on their way at most, as a wire holds no more: what comes beyond is lost. */
#define MAX_FRAMES 65536

struct link {
  int64_t delay_us;
  int loss_permille;
  int cut;
};

struct frame {
  int64_t due_us;
  uint64_t order;
  int to;
  int size;
  unsigned char *bytes;
};

static int hosts;
static int devices[MAX_HOSTS];
static unsigned char macs[MAX_HOSTS][6];
static struct link links[MAX_HOSTS][MAX_HOSTS];
static struct frame heap[MAX_FRAMES];
static int waiting;
static uint64_t order;
static uint64_t seed;

static void fail(const char *what) {
  fprintf(stderr, "switch: %s: %s\n", what, strerror(errno));
  exit(1);
}

static int64_t now_us(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* splitmix64 (Steele, Lea, Flood 2014). */
static uint64_t next_random(void) {
  uint64_t z = (seed += 0x9e3779b97f4a7c15ull);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
  return z ^ (z >> 31);
}

/* Opens a device inside a namespace; the handle works from outside as well. */
static int open_device(const char *space) {
  char path[256];
  snprintf(path, sizeof path, "/var/run/netns/%s", space);
  int target = open(path, O_RDONLY | O_CLOEXEC);
  if (target < 0) fail(path);
  if (setns(target, CLONE_NEWNET) != 0) fail("setns");
  close(target);
  int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) fail("/dev/net/tun");
  struct ifreq request;
  memset(&request, 0, sizeof request);
  request.ifr_flags = IFF_TAP | IFF_NO_PI;
  strcpy(request.ifr_name, "tap0");
  if (ioctl(fd, TUNSETIFF, &request) != 0) fail("TUNSETIFF");
  return fd;
}

static int before(const struct frame *a, const struct frame *b) {
  return a->due_us != b->due_us ? a->due_us < b->due_us : a->order < b->order;
}

static void swap(int a, int b) {
  struct frame kept = heap[a];
  heap[a] = heap[b];
  heap[b] = kept;
}

static void push(struct frame frame) {
  int at = waiting++;
  heap[at] = frame;
  for (; at > 0 && before(&heap[at], &heap[(at - 1) / 2]); at = (at - 1) / 2) swap(at, (at - 1) / 2);
}

static struct frame pop(void) {
  struct frame first = heap[0];
  heap[0] = heap[--waiting];
  for (int at = 0;;) {
    int least = at;
    for (int child = 2 * at + 1; child <= 2 * at + 2 && child < waiting; child++) {
      if (before(&heap[child], &heap[least])) least = child;
    }
    if (least == at) return first;
    swap(at, least);
    at = least;
  }
}

static void deliver(void) {
  while (waiting > 0 && heap[0].due_us <= now_us()) {
    struct frame frame = pop();
    /* A cut holds for what is on its way as well. */
    if (write(devices[frame.to], frame.bytes, frame.size) < 0) { /* the host is gone: lost */ }
    free(frame.bytes);
  }
}

static void send_to(int from, int to, const unsigned char *bytes, int size) {
  struct link *way = &links[from][to];
  if (way->cut || waiting == MAX_FRAMES) return;
  if ((int)(next_random() % 1000) < way->loss_permille) return;
  unsigned char *copy = malloc(size);
  if (copy == NULL) return;
  memcpy(copy, bytes, size);
  push((struct frame){now_us() + way->delay_us, order++, to, size, copy});
}

static void take_in(int from) {
  unsigned char bytes[MAX_FRAME];
  for (;;) {
    int size = read(devices[from], bytes, sizeof bytes);
    if (size < 14) return;
    memcpy(macs[from], bytes + 6, 6);
    int known = -1;
    for (int to = 0; to < hosts; to++) {
      if (to != from && memcmp(macs[to], bytes, 6) == 0) known = to;
    }
    if (known >= 0) {
      send_to(from, known, bytes, size);
      continue;
    }
    for (int to = 0; to < hosts; to++) if (to != from) send_to(from, to, bytes, size);
  }
}

static void obey(const char *line) {
  int from, to, delay_ms, loss, cut;
  if (sscanf(line, "link %d %d %d %d %d", &from, &to, &delay_ms, &loss, &cut) != 5 || from < 0 ||
      to < 0 || from >= hosts || to >= hosts) {
    printf("what? %s", line);
    return;
  }
  links[from][to] = (struct link){(int64_t)delay_ms * 1000, loss, cut};
  printf("ok\n");
}

int main(int argc, char **argv) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  if (argc < 3 || argc - 2 > MAX_HOSTS) {
    fprintf(stderr, "usage: switch SEED NAMESPACE...\n");
    return 2;
  }
  seed = strtoull(argv[1], NULL, 10);
  hosts = argc - 2;
  int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
  for (int i = 0; i < hosts; i++) devices[i] = open_device(argv[i + 2]);
  /* The switch itself is on none of the hosts. */
  if (home < 0 || setns(home, CLONE_NEWNET) != 0) fail("setns home");
  close(home);
  struct pollfd polls[MAX_HOSTS + 1];
  for (int i = 0; i < hosts; i++) polls[i] = (struct pollfd){devices[i], POLLIN, 0};
  polls[hosts] = (struct pollfd){0, POLLIN, 0};
  printf("ready\n");
  char input[4096];
  size_t held = 0;
  for (;;) {
    int64_t left_us = waiting > 0 ? heap[0].due_us - now_us() : 1000000;
    struct timespec wait = {0, 0};
    if (left_us > 0) wait = (struct timespec){left_us / 1000000, (left_us % 1000000) * 1000};
    if (ppoll(polls, hosts + 1, &wait, NULL) < 0 && errno != EINTR) fail("ppoll");
    for (int i = 0; i < hosts; i++) if (polls[i].revents & POLLIN) take_in(i);
    deliver();
    if (polls[hosts].revents & (POLLIN | POLLHUP)) {
      ssize_t size = read(0, input + held, sizeof input - held - 1);
      if (size <= 0) return 0;
      held += size;
      input[held] = 0;
      for (char *end; (end = strchr(input, '\n')) != NULL;) {
        *end = 0;
        obey(input);
        held -= end + 1 - input;
        memmove(input, end + 1, held + 1);
      }
    }
  }
}
