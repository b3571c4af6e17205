/* Sends GETs on a fixed timetable and measures each from the moment it was due, not from the moment it was sent.
 *
 * Request n is due at start + n / RATE, whatever happened to the ones before it. It goes out over a connection that waits
 * for nothing; if none is free it waits in line, and that waiting is part of its latency: a proxy that stalls is charged
 * for every request that was due during the stall, as its clients would charge it ("coordinated omission" is the mistake
 * of not sending them). The client sleeps until the next due time with a timer of nanoseconds, so its own lateness is
 * small; it is measured too (from due to sent, when a connection was free) and printed, so that it can be judged.
 *
 * Latencies go into a histogram of 64 steps an octave: what is printed is at most 1.6 % above the true value.
 * One thread, one epoll. Each answer must be a 200 with BODY_BYTES of body. A connection that the proxy ends while an
 * answer is due is an error, and is opened again.
 *
 * usage: fixedrate PORT RATE SECONDS WARMUP_SECONDS CONNECTIONS PATH BODY_BYTES
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum { ANSWER = 65536, STEPS = 64, OCTAVES = 40, CONNECTIONS_MAX = 4096 };

struct histogram { uint64_t counts[OCTAVES * STEPS], total, greatest; };

struct connection {
  int fd, busy;
  uint64_t due;
  size_t got, expected;   /* `expected` is 0 until the head is there */
  char answer[ANSWER];
};

static struct histogram latencies, lateness;
static struct connection *unoccupied[CONNECTIONS_MAX];
static size_t first_free, free_count, connections;
static int epoll, port;
static size_t body, request_bytes;
static char request[512];
static uint64_t record_from, answered, errors;

static void die(const char *what) { perror(what); exit(1); }

static uint64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Values below 64 have a slot each; above, the octave and its six leading bits choose one. */
static size_t slot_of(uint64_t value) {
  if (value < STEPS) return (size_t)value;
  int octave = 63 - __builtin_clzll(value) - 6;
  size_t slot = (size_t)(octave + 1) * STEPS + (size_t)((value >> octave) & (STEPS - 1));
  return slot < OCTAVES * STEPS ? slot : OCTAVES * STEPS - 1;
}

/* The greatest value that falls into a slot. */
static uint64_t top_of(size_t slot) {
  if (slot < STEPS) return slot;
  size_t octave = slot / STEPS - 1;
  return ((uint64_t)(STEPS + slot % STEPS + 1) << octave) - 1;
}

static void record(struct histogram *h, uint64_t value) {
  h->counts[slot_of(value)]++;
  h->total++;
  if (value > h->greatest) h->greatest = value;
}

/* Microseconds below which `share` of the values lie. */
static double percentile(const struct histogram *h, double share) {
  uint64_t rank = (uint64_t)(share * (double)h->total + 0.999999), seen = 0;
  for (size_t slot = 0; slot < OCTAVES * STEPS; slot++) {
    seen += h->counts[slot];
    if (seen >= rank && seen > 0) return (double)(top_of(slot) < h->greatest ? top_of(slot) : h->greatest) / 1e3;
  }
  return 0;
}

static void set_free(struct connection *c) {
  c->busy = 0;
  unoccupied[(first_free + free_count++) % CONNECTIONS_MAX] = c;
}

static void open_connection(struct connection *c) {
  c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port),
                           .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&to, sizeof to)) die("connect");
  int one = 1;
  setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  fcntl(c->fd, F_SETFL, O_NONBLOCK);
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &event)) die("epoll_ctl");
}

static void fail(struct connection *c) {
  errors += (uint64_t)c->busy;
  close(c->fd);
  open_connection(c);
  if (c->busy) set_free(c);
}

/* Sends everything that is due and for which a connection is free. `next` is the number of the next request. */
static uint64_t send_due(uint64_t next, uint64_t total, uint64_t start, double spacing) {
  static int starved; /* the last turn ended without a free connection: what is late now is late because of it */
  while (next < total && free_count > 0) {
    uint64_t due = start + (uint64_t)((double)next * spacing), at = now();
    if (due > at) break;
    struct connection *c = unoccupied[first_free];
    first_free = (first_free + 1) % CONNECTIONS_MAX;
    free_count--;
    c->busy = 1;
    c->due = due;
    c->got = c->expected = 0;
    if (!starved && due >= record_from) record(&lateness, at - due);
    if (send(c->fd, request, request_bytes, MSG_NOSIGNAL) != (ssize_t)request_bytes) fail(c);
    next++;
  }
  starved = free_count == 0;
  return next;
}

static void take(struct connection *c) {
  ssize_t n = recv(c->fd, c->answer + c->got, ANSWER - 1 - c->got, 0);
  if (n < 0 && errno == EAGAIN) return;
  if (n <= 0 || !c->busy) { fail(c); return; }
  c->got += (size_t)n;
  if (!c->expected) {
    c->answer[c->got] = 0;
    char *end = strstr(c->answer, "\r\n\r\n");
    if (!end) return;
    char *length = strcasestr(c->answer, "\r\ncontent-length:");
    c->expected = (size_t)(end - c->answer) + 4 + body;
    if (strncmp(c->answer, "HTTP/1.1 200", 12) || !length || strtoul(length + 17, NULL, 10) != body
        || c->expected >= ANSWER) { fail(c); return; }
  }
  if (c->got < c->expected) return;
  if (c->got > c->expected) { fail(c); return; }
  answered++;
  if (c->due >= record_from) record(&latencies, now() - c->due);
  set_free(c);
}

/* Makes the timer fire when the next request is due; a due time that has passed makes it fire at once. */
static void arm(int timer, uint64_t due) {
  struct itimerspec at = {.it_value = {.tv_sec = (time_t)(due / 1000000000u), .tv_nsec = (long)(due % 1000000000u)}};
  if (timerfd_settime(timer, TFD_TIMER_ABSTIME, &at, NULL)) die("timerfd_settime");
}

int main(int argc, char **argv) {
  if (argc != 8) {
    fprintf(stderr, "usage: fixedrate PORT RATE SECONDS WARMUP_SECONDS CONNECTIONS PATH BODY_BYTES\n");
    return 2;
  }
  port = atoi(argv[1]);
  double rate = atof(argv[2]), seconds = atof(argv[3]), warmup = atof(argv[4]);
  connections = strtoul(argv[5], NULL, 10);
  body = strtoul(argv[7], NULL, 10);
  if (rate <= 0 || seconds <= 0 || warmup < 0 || !connections || connections > CONNECTIONS_MAX) return 2;
  request_bytes = (size_t)snprintf(request, sizeof request,
      "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Tenant: acme-000001\r\n\r\n", argv[6]);
  prctl(PR_SET_TIMERSLACK, 1);
  epoll = epoll_create1(EPOLL_CLOEXEC);
  int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  struct epoll_event tick = {.events = EPOLLIN, .data.ptr = NULL};
  if (epoll < 0 || timer < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, timer, &tick)) die("timer");
  struct connection *all = calloc(connections, sizeof *all);
  if (!all) die("calloc");
  for (size_t i = 0; i < connections; i++) { open_connection(&all[i]); set_free(&all[i]); }
  double spacing = 1e9 / rate;
  uint64_t total = (uint64_t)(rate * (seconds + warmup)), next = 0, start = now() + 1000000;
  uint64_t give_up = start + (uint64_t)((seconds + warmup + 20) * 1e9);
  record_from = start + (uint64_t)(warmup * 1e9);
  struct epoll_event events[256];
  while (answered + errors < total && now() < give_up) {
    next = send_due(next, total, start, spacing);
    /* Without a free connection an answer is what to wait for, not the clock. */
    if (next < total && free_count > 0) arm(timer, start + (uint64_t)((double)next * spacing));
    int count = epoll_wait(epoll, events, 256, 1000);
    for (int i = 0; i < count; i++) {
      uint64_t expirations;
      if (events[i].data.ptr) take(events[i].data.ptr);
      else if (read(timer, &expirations, sizeof expirations) < 0 && errno != EAGAIN) die("timerfd");
    }
  }
  double took = (double)(now() - start) / 1e9;
  printf("result requests=%" PRIu64 " answered=%" PRIu64 " errors=%" PRIu64 " seconds=%.3f measured=%" PRIu64
         " p50=%.1f p99=%.1f p999=%.1f max=%.1f late_p99=%.1f\n", total, answered, errors, took, latencies.total,
         percentile(&latencies, 0.5), percentile(&latencies, 0.99), percentile(&latencies, 0.999),
         (double)latencies.greatest / 1e3, percentile(&lateness, 0.99));
  return 0;
}
