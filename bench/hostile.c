/* Two hundred connections that mean harm, on a timetable that does not depend on how the proxy takes it.
 *
 * Connection n is of kind n modulo 5:
 *   0 slow head     a request head, one byte in half a second, never finished
 *   1 slow body     a POST that announces 1,000,000 bytes and sends one in half a second
 *   2 never reading eight pipelined GETs of 1 MiB into a small receive buffer that is never emptied
 *   3 garbage       512 random bytes, then reads what comes for 45 ms at most; a new connection every 50 ms
 *   4 reset storm   a GET of 16 KiB, and a reset (SO_LINGER 0) at the next tick; a new connection every 50 ms
 * Of the first three kinds, a connection that the proxy ends is opened again after 50 ms.
 * One thread that wakes every 5 ms. At the end it prints how many connections each kind made and how many the proxy ended.
 *
 * usage: hostile PORT CONNECTIONS SECONDS SEED
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { KINDS = 5, TICK_MS = 5, AGAIN_MS = 50, DRIP_MS = 500, PIPELINED = 8, GARBAGE = 512 };

static const char *const names[KINDS] = {"slow-head", "slow-body", "never-reading", "garbage", "reset"};

struct connection {
  int fd, kind;
  int64_t next;    /* milliseconds, when to act next */
  int64_t again;   /* of the last two kinds: when the next connection is due, whatever became of this one */
  size_t sent;     /* bytes of a slow head */
};

static int port;
static uint64_t seed;
static long opened[KINDS], ended[KINDS];

static int64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static uint64_t random_number(void) {
  seed += 0x9e3779b97f4a7c15u;
  uint64_t x = seed;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

/* What is refused or only partly taken does not matter here: the next tick sees whether the proxy has ended it. */
static void throw_at(int fd, const void *bytes, size_t size) {
  if (send(fd, bytes, size, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 && errno != EAGAIN && errno != EPIPE && errno != ECONNRESET)
    perror("hostile: send");
}

static void open_connection(struct connection *c, int64_t at) {
  c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  int small = 4096;
  if (c->kind == 2) setsockopt(c->fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port),
                           .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&to, sizeof to)) {
    /* A full accept queue or a refusal is an answer too. */
    if (c->fd >= 0) close(c->fd);
    c->fd = -1;
    c->next = at + AGAIN_MS;
    return;
  }
  fcntl(c->fd, F_SETFL, O_NONBLOCK);
  opened[c->kind]++;
  c->sent = 0;
  c->next = at + (c->kind < 2 ? DRIP_MS : AGAIN_MS - TICK_MS);
  c->again = at + AGAIN_MS;
  static const char get[] = "GET /1m HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Tenant: hostile\r\n\r\n";
  if (c->kind == 1) {
    static const char post[] = "POST /post HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Tenant: hostile\r\nContent-Length: 1000000\r\n\r\n";
    throw_at(c->fd, post, sizeof post - 1);
  } else if (c->kind == 2) {
    for (int i = 0; i < PIPELINED; i++) throw_at(c->fd, get, sizeof get - 1);
  } else if (c->kind == 3) {
    uint64_t bytes[GARBAGE / 8];
    for (int i = 0; i < GARBAGE / 8; i++) bytes[i] = random_number();
    throw_at(c->fd, bytes, sizeof bytes);
  } else if (c->kind == 4) {
    static const char get_less[] = "GET /16k HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Tenant: hostile\r\n\r\n";
    throw_at(c->fd, get_less, sizeof get_less - 1);
    c->next = at + TICK_MS;
  }
}

/* When a connection is to follow the one that ends now. */
static int64_t follower(const struct connection *c, int64_t at) { return c->kind < 3 ? at + AGAIN_MS : c->again; }

static void close_connection(struct connection *c, int64_t again, int reset) {
  struct linger linger = {.l_onoff = 1, .l_linger = 0};
  if (reset) setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
  close(c->fd);
  c->fd = -1;
  c->next = again;
}

/* True when the proxy has ended the connection. Reads and throws away, except for those that never read. */
static int is_ended(struct connection *c) {
  char bytes[4096];
  if (c->kind == 2) {
    struct pollfd state = {.fd = c->fd, .events = POLLRDHUP};
    return poll(&state, 1, 0) > 0;
  }
  ssize_t n;
  while ((n = recv(c->fd, bytes, sizeof bytes, MSG_DONTWAIT)) > 0) {}
  return n == 0 || errno != EAGAIN;
}

static void turn(struct connection *c, int64_t at) {
  static const char head[] = "GET /small HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Tenant: hostile\r\nX-Long: ";
  if (c->fd < 0) {
    if (at >= c->next) open_connection(c, at);
    return;
  }
  /* A storm does not read: its reset meets a response on its way. */
  if (c->kind == 4) {
    if (at >= c->next) close_connection(c, follower(c, at), 1);
    return;
  }
  if (is_ended(c)) {
    ended[c->kind]++;
    close_connection(c, follower(c, at), 1);
    return;
  }
  if (at < c->next || c->kind == 2) return;
  if (c->kind == 3) {
    close_connection(c, follower(c, at), 1);
    return;
  }
  throw_at(c->fd, c->kind == 0 && c->sent < sizeof head - 1 ? head + c->sent : "x", 1);
  c->sent++;
  c->next = at + DRIP_MS;
}

int main(int argc, char **argv) {
  if (argc != 5) { fprintf(stderr, "usage: hostile PORT CONNECTIONS SECONDS SEED\n"); return 2; }
  port = atoi(argv[1]);
  long connections = atol(argv[2]);
  int64_t start = now(), until = start + (int64_t)(atof(argv[3]) * 1000);
  seed = strtoull(argv[4], NULL, 10);
  struct connection *all = calloc((size_t)connections, sizeof *all);
  if (connections < 1 || !all) return 2;
  for (long i = 0; i < connections; i++) {
    all[i].fd = -1;
    all[i].kind = (int)(i % KINDS);
    /* not all in the same moment */
    all[i].next = start + (int64_t)(random_number() % DRIP_MS);
  }
  for (int64_t at = now(); at < until; at = now()) {
    for (long i = 0; i < connections; i++) turn(&all[i], at);
    struct timespec tick = {.tv_nsec = TICK_MS * 1000000};
    nanosleep(&tick, NULL);
  }
  printf("hostile");
  for (int kind = 0; kind < KINDS; kind++) printf(" %s=%ld/%ld", names[kind], opened[kind], ended[kind]);
  printf("\n");
  return 0;
}
