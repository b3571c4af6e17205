// A load of a fixed rate that does not wait for slow answers (no coordinated omission).
//
//     paced PORT TENANT REQUESTS_PER_SECOND SECONDS CONNECTIONS PATH
//
// Request n is due at start + n / rate. It is sent on a free connection when it is due, or as soon as one becomes free, and
// its latency counts from when it was due, not from when it was sent: a stall delays every request that it made wait.
// Prints one line of JSON: counts by status, and quantiles of the latency of answers with 200 in microseconds.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

struct connection {
  int fd;
  int busy;
  uint64_t due;
  size_t held;
  char answer[65536];
};

static int64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static int by_value(const void *left, const void *right) {
  uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
  return a < b ? -1 : a > b;
}

static int open_connection(int port) {
  int fd = socket(AF_INET, SOCK_STREAM, 0), yes = 1;
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) != 0) fail("connect");
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  return fd;
}

// The status of a whole answer at the front of `held`, or 0; its length goes to `length`.
static int whole_answer(struct connection *c, size_t *length) {
  c->answer[c->held] = 0;
  char *end = strstr(c->answer, "\r\n\r\n");
  if (end == NULL) return 0;
  char *field = strcasestr(c->answer, "\r\nContent-Length:");
  size_t body = field != NULL && field < end ? strtoul(field + 17, NULL, 10) : 0;
  *length = (size_t)(end - c->answer) + 4 + body;
  return c->held >= *length ? atoi(c->answer + 9) : 0;
}

int main(int count, char **arguments) {
  if (count != 7) {
    fprintf(stderr, "usage: paced PORT TENANT REQUESTS_PER_SECOND SECONDS CONNECTIONS PATH\n");
    return 2;
  }
  int port = atoi(arguments[1]), connections = atoi(arguments[5]);
  double rate = atof(arguments[3]), seconds = atof(arguments[4]);
  uint64_t total = (uint64_t)(rate * seconds), sent = 0, answered = 0, good = 0, limited = 0, other = 0;
  char request[1024];
  int length = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: bench\r\nX-Tenant: %s\r\n\r\n",
                        arguments[6], arguments[2]);
  uint32_t *latencies = calloc(total + 1, sizeof *latencies);
  struct connection *all = calloc(connections, sizeof *all), **idle = calloc(connections, sizeof *idle);
  int poll = epoll_create1(0), timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK), waiting = 0;
  if (latencies == NULL || all == NULL || idle == NULL || poll < 0 || timer < 0) fail("start");
  for (int i = 0; i < connections; i++) {
    all[i].fd = open_connection(port);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = &all[i]};
    epoll_ctl(poll, EPOLL_CTL_ADD, all[i].fd, &event);
    idle[waiting++] = &all[i];
  }
  struct epoll_event tick = {.events = EPOLLIN, .data.ptr = NULL};
  epoll_ctl(poll, EPOLL_CTL_ADD, timer, &tick);
  int64_t start = now() + 1000000;
  while (answered < total) {
    int64_t time = now();
    // What is due goes out while a connection is free; the latency of the rest is growing already.
    while (sent < total && waiting > 0 && start + (int64_t)(sent * 1e9 / rate) <= time) {
      struct connection *c = idle[--waiting];
      c->busy = 1;
      c->due = start + (int64_t)(sent * 1e9 / rate);
      if (send(c->fd, request, length, MSG_NOSIGNAL) != length) fail("send");
      sent++;
    }
    int64_t next = start + (int64_t)(sent * 1e9 / rate);
    if (sent < total && waiting > 0) {
      struct itimerspec spec = {.it_value = {next / 1000000000, next % 1000000000}};
      timerfd_settime(timer, TFD_TIMER_ABSTIME, &spec, NULL);
    }
    struct epoll_event events[64];
    int ready = epoll_wait(poll, events, 64, 10000);
    if (ready == 0) {
      fprintf(stderr, "no answer for 10 s\n");
      return 1;
    }
    for (int i = 0; i < ready; i++) {
      struct connection *c = events[i].data.ptr;
      if (c == NULL) {
        uint64_t expirations;
        if (read(timer, &expirations, sizeof expirations) < 0 && errno != EAGAIN) fail("timer");
        continue;
      }
      ssize_t received = recv(c->fd, c->answer + c->held, sizeof c->answer - 1 - c->held, 0);
      if (received <= 0) fail("connection closed by the proxy");
      c->held += received;
      size_t size;
      int status = whole_answer(c, &size);
      if (status == 0) continue;
      if (!c->busy || size != c->held) {
        fprintf(stderr, "bytes that nobody asked for\n");
        return 1;
      }
      int64_t microseconds = (now() - (int64_t)c->due) / 1000;
      if (status == 200) latencies[good++] = (uint32_t)microseconds;
      else if (status == 429) limited++;
      else other++;
      c->held = 0;
      c->busy = 0;
      answered++;
      idle[waiting++] = c;
    }
  }
  qsort(latencies, good, sizeof *latencies, by_value);
#define QUANTILE(q) (good ? latencies[(uint64_t)((good - 1) * (q))] : 0)
  printf("{\"sent\": %lu, \"good\": %lu, \"limited\": %lu, \"other\": %lu, \"seconds\": %.3f, "
         "\"p50\": %u, \"p90\": %u, \"p99\": %u, \"p999\": %u, \"max\": %u}\n",
         sent, good, limited, other, (now() - start) / 1e9, QUANTILE(0.5), QUANTILE(0.9), QUANTILE(0.99),
         QUANTILE(0.999), QUANTILE(1.0));
  return 0;
}
