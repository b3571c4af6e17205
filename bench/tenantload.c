/* Sends N distinct tenants R requests each, pipelined over a few connections, and counts the answers.
 *
 * One thread and one epoll. Tenant ids are `acme-000123` or, with `uuid`, 36 characters made from the number by a
 * fixed mixing function, so every run names the same tenants. A round goes over all tenants before the next begins, as
 * traffic does, and not R times the same one in a row. With `own` a tenant keeps to one connection, so one worker of
 * the proxy sees it; with `spread` every round shifts it to another connection. Every answer must begin `HTTP/1.1 200`
 * and carry `Content-Length: BODY`; anything else ends the program with status 1.
 *
 * usage: tenantload PORT TENANTS ROUNDS acme|uuid own|spread CONNECTIONS PATH BODY_BYTES
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { DEPTH = 32, IN = 65536, REQUEST = 256 };

struct connection {
  int fd;
  uint64_t index;              /* which connection this is */
  uint64_t next, end;          /* numbers of the requests that are still to be sent, from 0 */
  uint64_t waiting;            /* sent, not answered */
  size_t out_start, out_end, in_end;
  char out[DEPTH * REQUEST], in[IN];
};

static uint64_t tenants, connections;
static int uuid, spread;
static const char *path;
static size_t body;

static void die(const char *what) { perror(what); exit(1); }

static uint64_t mix(uint64_t x) {
  x += 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

/* The tenants of one share; shares are contiguous ranges that together are all tenants. */
static uint64_t share_start(uint64_t share) { return tenants * share / connections; }
static uint64_t share_size(uint64_t share) { return share_start(share + 1) - share_start(share); }

/* Request `number` of connection `index`: round by round over one share of the tenants. */
static uint64_t tenant_of(uint64_t index, uint64_t number) {
  uint64_t share = index;
  for (;;) {
    uint64_t size = share_size(share);
    if (number < size) return share_start(share) + number;
    number -= size;
    if (spread) share = (share + 1) % connections;
  }
}

static uint64_t requests_of(uint64_t index, uint64_t rounds) {
  uint64_t sum = 0;
  for (uint64_t round = 0; round < rounds; round++)
    sum += share_size(spread ? (index + round) % connections : index);
  return sum;
}

static size_t write_request(char *to, uint64_t tenant) {
  char id[40];
  if (uuid) {
    uint64_t a = mix(2 * tenant), b = mix(2 * tenant + 1);
    snprintf(id, sizeof id, "%08x-%04x-4%03x-%04x-%012" PRIx64, (unsigned)(a >> 32), (unsigned)(a >> 16) & 0xffff,
             (unsigned)a & 0xfff, (unsigned)(b >> 48 & 0x3fff) | 0x8000, b & 0xffffffffffff);
  } else {
    snprintf(id, sizeof id, "acme-%06" PRIu64, tenant);
  }
  int n = snprintf(to, REQUEST, "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Tenant: %s\r\n\r\n", path, id);
  if (n <= 0 || n >= REQUEST) { fprintf(stderr, "tenantload: path too long\n"); exit(1); }
  return (size_t)n;
}

/* Sends until DEPTH requests wait for answers or the socket is full. */
static void feed(struct connection *c) {
  for (;;) {
    if (c->out_start == c->out_end) {
      c->out_start = c->out_end = 0;
      while (c->waiting < DEPTH && c->next < c->end && c->out_end + REQUEST <= sizeof c->out) {
        c->out_end += write_request(c->out + c->out_end, tenant_of(c->index, c->next++));
        c->waiting++;
      }
      if (c->out_end == 0) return;
    }
    ssize_t n = send(c->fd, c->out + c->out_start, c->out_end - c->out_start, MSG_NOSIGNAL);
    if (n < 0) {
      if (errno == EAGAIN) return;
      die("send");
    }
    c->out_start += (size_t)n;
  }
}

/* Takes whole answers from the front of the buffer; returns how many. */
static uint64_t take_answers(struct connection *c) {
  uint64_t answers = 0;
  size_t at = 0;
  for (;;) {
    char *start = c->in + at;
    char *end = memmem(start, c->in_end - at, "\r\n\r\n", 4);
    if (!end) break;
    size_t head = (size_t)(end - start) + 4;
    if (strncmp(start, "HTTP/1.1 200", 12)) {
      fprintf(stderr, "tenantload: answer %.60s\n", start);
      exit(1);
    }
    *end = 0;
    char *length = strcasestr(start, "\r\ncontent-length:");
    if (!length || strtoul(length + 17, NULL, 10) != body) {
      fprintf(stderr, "tenantload: unexpected length in %s\n", start);
      exit(1);
    }
    *end = '\r';
    if (c->in_end - at < head + body) break;
    at += head + body;
    answers++;
  }
  memmove(c->in, c->in + at, c->in_end - at);
  c->in_end -= at;
  return answers;
}

static uint64_t drain(struct connection *c) {
  uint64_t answers = 0;
  for (;;) {
    ssize_t n = recv(c->fd, c->in + c->in_end, IN - c->in_end, 0);
    if (n == 0) { fprintf(stderr, "tenantload: connection closed by the proxy\n"); exit(1); }
    if (n < 0) {
      if (errno == EAGAIN) return answers;
      die("recv");
    }
    c->in_end += (size_t)n;
    uint64_t taken = take_answers(c);
    answers += taken;
    c->waiting -= taken;
    if (c->in_end == IN) { fprintf(stderr, "tenantload: answer larger than the buffer\n"); exit(1); }
  }
}

static struct connection *connect_to(int epoll, int port, uint64_t index, uint64_t end) {
  struct connection *c = calloc(1, sizeof *c);
  if (!c) die("calloc");
  c->index = index;
  c->end = end;
  c->fd = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port),
                           .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int one = 1;
  if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&to, sizeof to)) die("connect");
  setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  fcntl(c->fd, F_SETFL, O_NONBLOCK);
  struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = c};
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &event)) die("epoll_ctl");
  return c;
}

int main(int argc, char **argv) {
  if (argc != 9) {
    fprintf(stderr, "usage: tenantload PORT TENANTS ROUNDS acme|uuid own|spread CONNECTIONS PATH BODY_BYTES\n");
    return 2;
  }
  int port = atoi(argv[1]);
  tenants = strtoull(argv[2], NULL, 10);
  uint64_t rounds = strtoull(argv[3], NULL, 10), total = tenants * rounds, done = 0;
  uuid = !strcmp(argv[4], "uuid");
  spread = !strcmp(argv[5], "spread");
  connections = strtoull(argv[6], NULL, 10);
  path = argv[7];
  body = strtoul(argv[8], NULL, 10);
  if (!total || !connections || connections > tenants) return 2;
  int epoll = epoll_create1(0);
  struct timespec from, to;
  clock_gettime(CLOCK_MONOTONIC, &from);
  for (uint64_t i = 0; i < connections; i++) connect_to(epoll, port, i, requests_of(i, rounds));
  struct epoll_event events[64];
  while (done < total) {
    int count = epoll_wait(epoll, events, 64, 10000);
    if (count <= 0) { fprintf(stderr, "tenantload: no progress for 10 s\n"); return 1; }
    for (int i = 0; i < count; i++) {
      struct connection *c = events[i].data.ptr;
      feed(c);
      /* Answers make room for further requests, and those may be answered before the next event. */
      uint64_t answers;
      while ((answers = drain(c)) > 0) { done += answers; feed(c); }
    }
  }
  clock_gettime(CLOCK_MONOTONIC, &to);
  double seconds = (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9;
  printf("sent requests=%" PRIu64 " tenants=%" PRIu64 " seconds=%.3f\n", total, tenants, seconds);
  return 0;
}
