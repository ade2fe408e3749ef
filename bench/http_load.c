// A load of HTTP requests, open loop: each is due at its time whatever became of the ones before, and
// its latency counts from then (a server that stalls is not asked less, and does not look better).
// A process of its own with one thread: on a machine of two cores it must cost little.
//
//   http_load PORT TOKEN SECONDS WARM_SECONDS < KINDS
//
// KINDS has a line for each kind of request, split by tabs: name, rate per second, method, path, body.
// In path and body {n} stands for the number of the request, {m} for that modulo 1000. Prints a line of
// JSON for each kind (latencies in ms, those of the warm-up left out) and one for the process itself.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CONNECTIONS = 256, MAX_KINDS = 16, BUFFER = 1 << 16, MAX_QUEUE = 1 << 18 };

struct kind {
  char name[64], method[8], path[512], body[2048];
  double rate;
  long sent, ok, failed;
  double *latencies;
  long count, size;
  double next_due;
};

struct connection {
  int fd, busy, kind;
  double due;
  long content_left; // -1: the head is not read yet
  int status, chunked;
  char head[8192];
  int head_length;
};

struct due { int kind; double at; long n; };

static struct kind kinds[MAX_KINDS];
static int kind_count;
static struct connection connections[CONNECTIONS];
static int idle[CONNECTIONS], idle_count;
static struct due *queue;
static long queue_from, queue_to;
static int port, epoll;
static const char *token;
static double begin, warm;
static char piece[BUFFER];

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}

static void die(const char *what) {
  perror(what);
  exit(1);
}

static void filled(char *into, const char *template, long n) {
  while (*template) {
    if (!strncmp(template, "{n}", 3)) into += sprintf(into, "%ld", n), template += 3;
    else if (!strncmp(template, "{m}", 3)) into += sprintf(into, "%ld", n % 1000), template += 3;
    else *into++ = *template++;
  }
  *into = 0;
}

static void connect_one(struct connection *c) {
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};
  int one = 1;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  c->fd = socket(AF_INET, SOCK_STREAM, 0);
  if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&at, sizeof at) < 0) die("connect");
  setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  fcntl(c->fd, F_SETFL, O_NONBLOCK);
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &event) < 0) die("epoll_ctl");
}

static void ended(struct connection *c, int ok) {
  struct kind *k = &kinds[c->kind];
  if (ok) k->ok++;
  else k->failed++;
  if (c->due - begin >= warm) {
    if (k->count == k->size) {
      k->size = k->size ? 2 * k->size : 4096;
      k->latencies = realloc(k->latencies, k->size * sizeof(double));
    }
    k->latencies[k->count++] = (now() - c->due) * 1e3;
  }
  c->busy = 0;
  idle[idle_count++] = c - connections;
}

static void reconnect(struct connection *c) {
  close(c->fd);
  connect_one(c);
  if (c->busy) ended(c, 0);
}

static void send_one(struct connection *c, struct due of) {
  static char path[4096], body[8192], request[16384];
  struct kind *k = &kinds[of.kind];
  filled(path, k->path, of.n);
  filled(body, k->body, of.n);
  int length = sprintf(request,
    "%s %s HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer %s\r\n"
    "X-Iris-User: load\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
    k->method, path, token, strlen(body), body);
  c->busy = 1;
  c->kind = of.kind;
  c->due = of.at;
  c->content_left = -1;
  c->head_length = 0;
  k->sent++;
  if (write(c->fd, request, length) != length) reconnect(c);
}

// Takes the head apart once it is whole. Returns how many bytes of it were body already, -1 before.
static int take_head(struct connection *c) {
  c->head[c->head_length] = 0;
  char *end = strstr(c->head, "\r\n\r\n");
  if (!end) return -1;
  sscanf(c->head, "HTTP/1.1 %d", &c->status);
  char *length = strcasestr(c->head, "\r\ncontent-length:");
  c->chunked = !length || length > end;
  c->content_left = c->chunked ? 1 : atol(length + 17);
  return c->head + c->head_length - (end + 4);
}

static void read_some(struct connection *c) {
  for (;;) {
    ssize_t got = read(c->fd, piece, BUFFER);
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0 || !c->busy) return reconnect(c);
    char *last = piece + got;
    if (c->content_left < 0) {
      int space = (int)sizeof c->head - 1 - c->head_length;
      int take = got < space ? got : space;
      memcpy(c->head + c->head_length, piece, take);
      c->head_length += take;
      int body = take_head(c);
      if (body < 0) continue;
      got = body + (got - take);
    }
    if (c->chunked) c->content_left = got >= 5 && !memcmp(last - 5, "0\r\n\r\n", 5) ? 0 : 1;
    else c->content_left -= got;
    if (c->content_left <= 0) return ended(c, c->status >= 200 && c->status < 300);
  }
}

static int by_size(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static void print_kind(struct kind *k) {
  qsort(k->latencies, k->count, sizeof(double), by_size);
  long last = k->count - 1;
#define AT(share) (k->count ? k->latencies[(long)(last * (share) + 0.5)] : -1)
  printf("{\"name\":\"%s\",\"sent\":%ld,\"ok\":%ld,\"failed\":%ld,\"p50\":%.3f,\"p99\":%.3f,\"max\":%.3f}\n",
    k->name, k->sent, k->ok, k->failed, AT(0.5), AT(0.99), AT(1.0));
}

static void read_kinds(void) {
  static char line[4096];
  while (kind_count < MAX_KINDS && fgets(line, sizeof line, stdin)) {
    struct kind *k = &kinds[kind_count];
    line[strcspn(line, "\n")] = 0;
    char *rest = line, *name = strsep(&rest, "\t"), *rate = strsep(&rest, "\t");
    char *method = strsep(&rest, "\t"), *path = strsep(&rest, "\t");
    if (!path) continue;
    snprintf(k->name, sizeof k->name, "%s", name);
    snprintf(k->method, sizeof k->method, "%s", method);
    snprintf(k->path, sizeof k->path, "%s", path);
    snprintf(k->body, sizeof k->body, "%s", rest ? rest : "");
    k->rate = atof(rate);
    kind_count++;
  }
}

int main(int argc, char **argv) {
  if (argc != 5) return 2;
  port = atoi(argv[1]);
  token = argv[2];
  double seconds = atof(argv[3]);
  warm = atof(argv[4]);
  read_kinds();
  queue = malloc(MAX_QUEUE * sizeof *queue);
  epoll = epoll_create1(0);
  for (int i = 0; i < CONNECTIONS; i++) connect_one(&connections[i]), idle[idle_count++] = i;
  begin = now();
  // Spread, so that not all kinds are due at the same moment.
  for (int i = 0; i < kind_count; i++) kinds[i].next_due = begin + i / (kinds[i].rate * kind_count);
  double end = begin + seconds, late = 0;
  long made = 0;
  for (int open = 1; open;) {
    double t = now(), soonest = end;
    for (int i = 0; i < kind_count; i++) {
      struct kind *k = &kinds[i];
      for (; k->next_due <= t && k->next_due < end; k->next_due += 1 / k->rate) {
        if (queue_to - queue_from == MAX_QUEUE) { k->failed++; continue; }
        queue[queue_to++ % MAX_QUEUE] = (struct due){i, k->next_due, made++};
        if (t - k->next_due > late) late = t - k->next_due;
      }
      if (k->next_due < soonest) soonest = k->next_due;
    }
    while (queue_from < queue_to && idle_count > 0) {
      send_one(&connections[idle[--idle_count]], queue[queue_from++ % MAX_QUEUE]);
    }
    struct epoll_event events[64];
    struct timespec wait = {0, 0};
    double left = soonest - now();
    if (left > 0) wait.tv_nsec = left > 0.5 ? 500000000 : left * 1e9;
    else if (t >= end) wait.tv_nsec = 100000000;
    int count = epoll_pwait2(epoll, events, 64, &wait, NULL);
    for (int i = 0; i < count; i++) read_some(events[i].data.ptr);
    open = now() < end || queue_from < queue_to || idle_count < CONNECTIONS;
    // What is not answered long after the end never will be.
    if (now() > end + 30) break;
  }
  for (int i = 0; i < kind_count; i++) print_kind(&kinds[i]);
  struct rusage used;
  getrusage(RUSAGE_SELF, &used);
  double cpu = used.ru_utime.tv_sec + used.ru_utime.tv_usec / 1e6 + used.ru_stime.tv_sec + used.ru_stime.tv_usec / 1e6;
  printf("{\"name\":\"generator\",\"cores\":%.4f,\"latestMs\":%.3f,\"unanswered\":%ld}\n",
    cpu / (now() - begin), late * 1e3, (long)(CONNECTIONS - idle_count + queue_to - queue_from));
  return 0;
}
