/* Opens many connections, sends requests over all of them in turn, and holds them open until it is told to end.
 *
 * One thread and one epoll. Request number n goes over connection n modulo CONNECTIONS, which is opened when its first
 * one comes; at most IN_FLIGHT wait for their answers at a time. Every answer must be a 200 with a body of BODY_BYTES.
 * When all requests are answered it prints `held` and waits for its standard input to end; then it counts the connections
 * that the proxy has closed in the meantime, prints `alive`, and closes all.
 *
 * usage: hold PORT CONNECTIONS REQUESTS IN_FLIGHT PATH BODY_BYTES
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ANSWER = 4096 };

/* An answer that is being read; `expected` is 0 until its head is there. */
struct connection {
  int fd, busy;
  size_t got, expected;
  char answer[ANSWER];
};

static int epoll, port;
static size_t body, request_bytes;
static char request[512];

static void die(const char *what) { perror(what); exit(1); }

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

static void ask(struct connection *c) {
  if (c->fd < 0) open_connection(c);
  c->busy = 1;
  c->got = c->expected = 0;
  if (send(c->fd, request, request_bytes, MSG_NOSIGNAL) != (ssize_t)request_bytes) die("send");
}

/* Reads what is there; true when the answer is whole. */
static int take(struct connection *c) {
  ssize_t n = recv(c->fd, c->answer + c->got, ANSWER - 1 - c->got, 0);
  if (n < 0 && errno == EAGAIN) return 0;
  if (n <= 0 || !c->busy) {
    fprintf(stderr, "hold: connection %s\n", n > 0 ? "talked unasked" : "ended by the proxy");
    exit(1);
  }
  c->got += (size_t)n;
  c->answer[c->got] = 0;
  if (!c->expected) {
    char *end = strstr(c->answer, "\r\n\r\n");
    if (!end) return 0;
    char *length = strcasestr(c->answer, "\r\ncontent-length:");
    if (strncmp(c->answer, "HTTP/1.1 200", 12) || !length || length > end || strtoul(length + 17, NULL, 10) != body) {
      fprintf(stderr, "hold: answer %.200s\n", c->answer);
      exit(1);
    }
    c->expected = (size_t)(end - c->answer) + 4 + body;
    if (c->expected >= ANSWER) { fprintf(stderr, "hold: answer too large\n"); exit(1); }
  }
  if (c->got > c->expected) { fprintf(stderr, "hold: bytes behind the answer\n"); exit(1); }
  return c->got == c->expected;
}

int main(int argc, char **argv) {
  if (argc != 7) {
    fprintf(stderr, "usage: hold PORT CONNECTIONS REQUESTS IN_FLIGHT PATH BODY_BYTES\n");
    return 2;
  }
  port = atoi(argv[1]);
  long connections = atol(argv[2]), requests = atol(argv[3]), in_flight = atol(argv[4]);
  body = strtoul(argv[6], NULL, 10);
  if (connections < 1 || requests < connections || in_flight < 1) return 2;
  request_bytes = (size_t)snprintf(request, sizeof request,
      "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Tenant: acme-000001\r\n\r\n", argv[5]);
  struct connection *all = calloc((size_t)connections, sizeof *all);
  if (!all) die("calloc");
  for (long i = 0; i < connections; i++) all[i].fd = -1;
  epoll = epoll_create1(EPOLL_CLOEXEC);
  struct epoll_event events[256];
  long sent = 0, answered = 0;
  while (answered < requests) {
    while (sent < requests && sent - answered < in_flight && !all[sent % connections].busy)
      ask(&all[sent++ % connections]);
    int count = epoll_wait(epoll, events, 256, 30000);
    if (count <= 0) { fprintf(stderr, "hold: no answer for 30 s\n"); return 1; }
    for (int i = 0; i < count; i++) {
      struct connection *c = events[i].data.ptr;
      if (take(c)) { c->busy = 0; answered++; }
    }
  }
  printf("held connections=%ld requests=%ld\n", connections, answered);
  fflush(stdout);
  char end;
  while (read(0, &end, 1) > 0) {}
  long alive = 0;
  for (long i = 0; i < connections; i++)
    alive += recv(all[i].fd, &end, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN;
  printf("alive connections=%ld\n", alive);
  return 0;
}
