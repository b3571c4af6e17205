/* A bare TCP relay: the floor under every proxy of this kind.
 *
 * One thread, edge-triggered epoll, one upstream connection for each client connection, made once and kept.
 * It parses nothing, counts nothing, and copies bytes from one socket to the other. What it costs per request is
 * what the kernel costs for two sockets; what a proxy costs above it is the proxy's own work. With `splice` the bytes
 * stay in the kernel and go through a pipe: cheaper for large bodies, dearer for small ones.
 *
 * usage: relay LISTEN_PORT UPSTREAM_PORT [splice]
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BUFFER = 65536, PIPE = 262144, EVENTS = 256 };

struct side {
  int fd;
  struct side *other;
  size_t start, end;      /* bytes read from this side, not yet written to the other */
  int ended, writable;    /* end of file seen here; the last write here was not refused */
  int pipe[2];            /* with splice: bytes of this side wait here, `end` says how many */
  char bytes[BUFFER];
};

static int upstream_port, splicing;
static struct side *closing[EVENTS * 2];
static int closing_count;

static void die(const char *what) { perror(what); exit(1); }

static struct side *make_side(int epoll, int fd) {
  struct side *side = malloc(sizeof *side);
  if (!side) die("malloc");
  int one = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  side->fd = fd;
  side->start = side->end = 0;
  side->ended = 0;
  side->writable = 1;
  if (splicing) {
    if (pipe2(side->pipe, O_NONBLOCK | O_CLOEXEC)) die("pipe2");
    /* The kernel may refuse a larger pipe to a user who has many; the default of 64 KiB works too. */
    fcntl(side->pipe[0], F_SETPIPE_SZ, PIPE);
  }
  struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = side};
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event)) die("epoll_ctl");
  return side;
}

/* Ends both directions; the memory goes after this turn, because its events may still be in the batch. */
static void end(struct side *side) {
  if (side->fd < 0) return;
  close(side->fd);
  close(side->other->fd);
  for (int i = 0; splicing && i < 2; i++) {
    close(side->pipe[i]);
    close(side->other->pipe[i]);
  }
  side->fd = side->other->fd = -1;
  closing[closing_count++] = side;
  closing[closing_count++] = side->other;
}

/* As `pump`, through the pipe. It is emptied before it is filled again, so that a refused filling says that the
 * socket is empty, and not that the pipe is full. */
static void pump_spliced(struct side *from) {
  struct side *to = from->other;
  for (;;) {
    if (from->fd < 0) return;
    while (from->end > 0) {
      if (!to->writable) return;
      ssize_t n = splice(from->pipe[0], NULL, to->fd, NULL, from->end, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
      if (n <= 0) {
        if (n < 0 && errno == EAGAIN) to->writable = 0;
        else end(from);
        return;
      }
      from->end -= (size_t)n;
    }
    if (from->ended) { end(from); return; }
    ssize_t n = splice(from->fd, NULL, from->pipe[1], NULL, PIPE, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
    if (n < 0) {
      if (errno != EAGAIN) end(from);
      return;
    }
    if (n == 0) from->ended = 1;
    else from->end = (size_t)n;
  }
}

/* Moves what `from` has to the other side, until one of the two would block. */
static void pump(struct side *from) {
  if (splicing) { pump_spliced(from); return; }
  struct side *to = from->other;
  for (;;) {
    if (from->fd < 0) return;
    if (from->start < from->end) {
      if (!to->writable) return;
      ssize_t n = send(to->fd, from->bytes + from->start, from->end - from->start, MSG_NOSIGNAL);
      if (n < 0) {
        if (errno == EAGAIN) { to->writable = 0; return; }
        end(from);
        return;
      }
      from->start += (size_t)n;
      if (from->start < from->end) continue;
      from->start = from->end = 0;
    }
    if (from->ended) { end(from); return; }
    ssize_t n = recv(from->fd, from->bytes, BUFFER, 0);
    if (n < 0) {
      if (errno != EAGAIN) end(from);
      return;
    }
    if (n == 0) { from->ended = 1; continue; }
    from->end = (size_t)n;
    /* A short read has emptied the socket: an edge will say when more comes. */
    if (n < BUFFER) {
      ssize_t sent = to->writable ? send(to->fd, from->bytes, from->end, MSG_NOSIGNAL) : 0;
      if (sent < 0) {
        if (errno != EAGAIN) { end(from); return; }
        sent = 0;
        to->writable = 0;
      }
      from->start = (size_t)sent;
      if (from->start == from->end) { from->start = from->end = 0; return; }
      if (to->writable) continue;
      return;
    }
  }
}

static void accept_all(int epoll, int listener) {
  for (;;) {
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    int up = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)upstream_port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (up < 0 || connect(up, (struct sockaddr *)&to, sizeof to)) {
      close(fd);
      if (up >= 0) close(up);
      continue;
    }
    fcntl(up, F_SETFL, O_NONBLOCK);
    struct side *client = make_side(epoll, fd), *server = make_side(epoll, up);
    client->other = server;
    server->other = client;
    pump(client);
  }
}

int main(int argc, char **argv) {
  splicing = argc == 4 && !strcmp(argv[3], "splice");
  if (argc != 3 && !splicing) { fprintf(stderr, "usage: relay LISTEN_PORT UPSTREAM_PORT [splice]\n"); return 2; }
  upstream_port = atoi(argv[2]);
  signal(SIGPIPE, SIG_IGN); /* splice has no MSG_NOSIGNAL */
  int one = 1, epoll = epoll_create1(EPOLL_CLOEXEC);
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[1])),
                           .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  if (bind(listener, (struct sockaddr *)&at, sizeof at) || listen(listener, 1024)) die("listen");
  struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.ptr = NULL};
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event)) die("epoll_ctl");
  struct epoll_event events[EVENTS];
  for (;;) {
    int count = epoll_wait(epoll, events, EVENTS, -1);
    for (int i = 0; i < count; i++) {
      struct side *side = events[i].data.ptr;
      if (!side) { accept_all(epoll, listener); continue; }
      if (side->fd < 0) continue;
      if (events[i].events & EPOLLOUT && !side->writable) {
        side->writable = 1;
        pump(side->other);
      }
      if (side->fd >= 0 && events[i].events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) pump(side);
    }
    while (closing_count > 0) free(closing[--closing_count]);
  }
}
