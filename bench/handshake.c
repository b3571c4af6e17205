/* Makes TLS connections, sends one small request over each, and counts full and resumed handshakes.
 *
 * One thread and one epoll; IN_FLIGHT connections at a time, each ended in order from both sides before the next takes
 * its place. TLS 1.3 with one suite and one group, so that all servers do the same work. With `resumed` the first
 * handshake is a full one, made alone; each further one shows the newest ticket there is. The certificate is verified
 * against CERTIFICATE, and every answer must be a 200 with exactly BODY.
 *
 * usage: handshake PORT SECONDS IN_FLIGHT full|resumed PATH BODY CERTIFICATE
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { ANSWER = 4096, ADDRESSES = 16 };
enum stage { SHAKING, ASKING, READING, ENDING, CLOSED };

struct connection {
  int fd;
  enum stage stage;
  SSL *ssl;
  size_t got;
  char answer[ANSWER];
};

static int epoll, port, resuming;
static long opened, full, resumed, answered;
static size_t request_bytes;
static char request[512];
static const char *body;
static SSL_CTX *context;
static SSL_SESSION *ticket;

static void die(const char *what) {
  fprintf(stderr, "handshake: %s: %s\n", what, errno ? strerror(errno) : "");
  ERR_print_errors_fp(stderr);
  exit(1);
}

static long now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* The newest ticket replaces the one before; returning 1 keeps the reference. */
static int take_ticket(SSL *ssl, SSL_SESSION *session) {
  (void)ssl;
  SSL_SESSION_free(ticket);
  ticket = session;
  return 1;
}

static void start(struct connection *c) {
  c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (c->fd < 0) die("socket");
  int one = 1;
  setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  /* Ended connections keep their port for a minute: several source addresses, so that ports do not run out. */
  setsockopt(c->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
  struct sockaddr_in from = {.sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK + (uint32_t)(opened++ % ADDRESSES))};
  if (bind(c->fd, (struct sockaddr *)&from, sizeof from)) die("bind");
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port),
                           .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  if (connect(c->fd, (struct sockaddr *)&to, sizeof to) && errno != EINPROGRESS) die("connect");
  c->ssl = SSL_new(context);
  if (!c->ssl || !SSL_set_fd(c->ssl, c->fd)) die("SSL_new");
  SSL_set_connect_state(c->ssl);
  if (resuming && ticket) {
    /* A copy: OpenSSL spoils the session that a connection began with as soon as that has brought a newer ticket. */
    SSL_SESSION *copy = SSL_SESSION_dup(ticket);
    if (!copy || !SSL_set_session(c->ssl, copy)) die("SSL_set_session");
    SSL_SESSION_free(copy);
  }
  c->stage = SHAKING;
  c->got = 0;
  struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = c};
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &event)) die("epoll_ctl");
}

/* True when the answer is whole; anything but the expected one ends the program. */
static int whole(struct connection *c) {
  c->answer[c->got] = 0;
  char *end = strstr(c->answer, "\r\n\r\n");
  if (!end) return 0;
  size_t head = (size_t)(end - c->answer) + 4, length = strlen(body);
  char *field = strcasestr(c->answer, "\r\ncontent-length:");
  if (strncmp(c->answer, "HTTP/1.1 200", 12) || !field || field > end || strtoul(field + 17, NULL, 10) != length ||
      c->got > head + length || memcmp(c->answer + head, body, c->got - head)) {
    fprintf(stderr, "handshake: answer %.300s\n", c->answer);
    exit(1);
  }
  return c->got == head + length;
}

/* Goes on as far as it can without waiting; true when the connection has ended. */
static int advance(struct connection *c) {
  for (;;) {
    int n;
    ERR_clear_error();
    errno = 0;
    switch (c->stage) {
    case SHAKING:
      if ((n = SSL_do_handshake(c->ssl)) == 1) {
        *(SSL_session_reused(c->ssl) ? &resumed : &full) += 1;
        c->stage = ASKING;
        continue;
      }
      break;
    case ASKING:
      if ((n = SSL_write(c->ssl, request, (int)request_bytes)) > 0) {
        c->stage = READING;
        continue;
      }
      break;
    case READING:
      if ((n = SSL_read(c->ssl, c->answer + c->got, (int)(ANSWER - 1 - c->got))) > 0) {
        c->got += (size_t)n;
        if (whole(c)) {
          /* The proxy then ends its side; reading until there makes sure that nothing was left over or reset. */
          answered++;
          SSL_shutdown(c->ssl);
          shutdown(c->fd, SHUT_WR);
          c->stage = ENDING;
        }
        continue;
      }
      break;
    default: {
      char rest[512];
      ssize_t left = recv(c->fd, rest, sizeof rest, 0);
      if (left > 0) continue;
      if (left < 0 && errno == EAGAIN) return 0;
      SSL_free(c->ssl);
      close(c->fd);
      c->stage = CLOSED;
      return 1;
    }
    }
    int error = SSL_get_error(c->ssl, n);
    if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE)
      die(c->stage == SHAKING ? "handshake" : "a connection ended before its answer");
    return 0;
  }
}

/* Waits for events until `stop` or, when it is 0, until a connection has ended; no more than `limit` are kept going. */
static void turn(struct connection *all, long limit, long stop) {
  struct epoll_event events[256];
  long going = 0;
  for (long i = 0; i < limit; i++) {
    if (all[i].stage == CLOSED) start(&all[i]);
    going++;
  }
  while (going) {
    int count = epoll_wait(epoll, events, 256, 10000);
    if (count <= 0) die("no progress for 10 s");
    for (int i = 0; i < count; i++) {
      struct connection *c = events[i].data.ptr;
      if (c->stage == CLOSED || !advance(c)) continue;
      if (now() < stop) start(c);
      else going--;
    }
  }
}

int main(int argc, char **argv) {
  if (argc != 8) {
    fprintf(stderr, "usage: handshake PORT SECONDS IN_FLIGHT full|resumed PATH BODY CERTIFICATE\n");
    return 2;
  }
  port = atoi(argv[1]);
  long microseconds = (long)(atof(argv[2]) * 1e6), in_flight = atol(argv[3]);
  resuming = !strcmp(argv[4], "resumed");
  body = argv[6];
  if (in_flight < 1 || microseconds < 1) return 2;
  request_bytes = (size_t)snprintf(request, sizeof request,
      "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Tenant: acme-000001\r\n\r\n", argv[5]);
  context = SSL_CTX_new(TLS_client_method());
  static const unsigned char protocols[] = "\x08http/1.1";
  if (!context || !SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) ||
      !SSL_CTX_set_ciphersuites(context, "TLS_AES_128_GCM_SHA256") || !SSL_CTX_set1_groups_list(context, "X25519") ||
      SSL_CTX_set_alpn_protos(context, protocols, sizeof protocols - 1) ||
      !SSL_CTX_load_verify_locations(context, argv[7], NULL))
    die("settings of TLS");
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
  if (resuming) {
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(context, take_ticket);
  }
  struct connection *all = calloc((size_t)in_flight, sizeof *all);
  if (!all) die("calloc");
  for (long i = 0; i < in_flight; i++) all[i].stage = CLOSED;
  epoll = epoll_create1(EPOLL_CLOEXEC);
  long began = now();
  if (resuming) {
    turn(all, 1, 0);
    if (!ticket) die("the first connection brought no ticket");
  }
  turn(all, in_flight, began + microseconds);
  printf("result full=%ld resumed=%ld answered=%ld microseconds=%ld\n", full, resumed, answered, now() - began);
  return 0;
}
