/* The relay of relay.c on io_uring: the floor when crossings into the kernel are batched.
 *
 * One thread, one ring. Receives are multishot and take buffers from a ring of them that the kernel knows; what a turn
 * of the loop has to send, receive or close goes to the kernel in the one call that also waits for what comes next.
 * Sockets are in the ring's own table of files. As in relay.c there is one upstream connection for each client
 * connection, nothing is parsed or counted, and when a side has ended and its bytes are through, both are closed.
 *
 * usage: relay-uring LISTEN_PORT UPSTREAM_PORT
 *        relay-uring check                       exit 0 if this kernel permits what it needs
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/io_uring.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
  ENTRIES = 1024, COMPLETIONS = 8192,
  BUFFER = 65536,
  /* Buffers that begin at the same offset of a page compete for the same sets of the cache. */
  STRIDE = BUFFER + 192,
  STEP = 64, BUFFERS = 32768, GROUP = 0,
  /* Buffers a side may have waiting for the other before its receive is stopped. More come while the kernel has not
   * yet heard of it: no more than one turn brings. */
  WAITING = 4,
  CONNECTIONS = 16384,
};

/* What a completion is of: the low bits of its user data, beside the address of the side. */
enum { NOTHING, ACCEPT, RECEIVE, SEND, KINDS = 7 };

/* A buffer with bytes that wait; its index is the kernel's name for the buffer. */
struct piece {
  struct piece *next;
  char *bytes;
  unsigned start, end;
};

struct side {
  struct side *other;
  int slot;                    /* in the ring's table of files */
  struct piece *first, *last;  /* received from this side, not yet sent to the other */
  int waiting;                 /* how many pieces */
  int receiving, stopping;     /* a receive is with the kernel; it has been told to stop */
  int sending;                 /* the first piece is with the kernel */
  int ended, closed;           /* end of file seen here; both sides are to go */
};

static int ring, listener, upstream_port, connections;
static unsigned *submit_head, *submit_tail, submit_mask, *done_head, *done_tail, done_mask, submitted;
static struct io_uring_sqe *requests;
static struct io_uring_cqe *completions;
static struct io_uring_buf_ring *buffers;
static struct piece pieces[BUFFERS];
static unsigned made, free_buffers;

static void die(const char *what) { perror(what); exit(1); }

static void enter(unsigned wait) {
  unsigned count = *submit_tail - submitted;
  long n = syscall(SYS_io_uring_enter, ring, count, wait, wait ? IORING_ENTER_GETEVENTS : 0, NULL, 0);
  if (n >= 0) submitted += (unsigned)n;
  /* EAGAIN and EBUSY: the kernel wants completions fetched first. */
  else if (errno != EINTR && errno != EAGAIN && errno != EBUSY) die("io_uring_enter");
}

static struct io_uring_sqe *request(int kind, struct side *side, int operation, int fd) {
  while (*submit_tail - __atomic_load_n(submit_head, __ATOMIC_ACQUIRE) == ENTRIES) enter(0);
  struct io_uring_sqe *sqe = &requests[*submit_tail & submit_mask];
  memset(sqe, 0, sizeof *sqe);
  sqe->opcode = (uint8_t)operation;
  sqe->fd = fd;
  sqe->user_data = (uintptr_t)side | (unsigned)kind;
  /* The kernel looks at the tail in `enter` only, on this thread, so it may move before the rest is filled in. */
  *submit_tail += 1;
  return sqe;
}

/* Hands a buffer to the kernel. */
static void give(struct piece *piece) {
  struct io_uring_buf *at = &buffers->bufs[buffers->tail & (BUFFERS - 1)];
  at->addr = (uintptr_t)piece->bytes;
  at->len = BUFFER;
  at->bid = (uint16_t)(piece - pieces);
  __atomic_store_n(&buffers->tail, buffers->tail + 1, __ATOMIC_RELEASE);
  free_buffers++;
}

/* More buffers, so that sides whose bytes nobody takes do not starve the rest. */
static int grow(void) {
  char *memory = made < BUFFERS ? malloc((size_t)STRIDE * STEP) : NULL;
  for (int i = 0; memory && i < STEP; i++, made++) {
    pieces[made].bytes = memory + (size_t)STRIDE * (size_t)i;
    give(&pieces[made]);
  }
  return memory != NULL;
}

static void accept_clients(void) {
  struct io_uring_sqe *sqe = request(ACCEPT, NULL, IORING_OP_ACCEPT, listener);
  sqe->ioprio = IORING_ACCEPT_MULTISHOT;
  sqe->file_index = IORING_FILE_INDEX_ALLOC;
}

static void close_slot(int slot) {
  struct io_uring_sqe *sqe = request(NOTHING, NULL, IORING_OP_CLOSE, 0);
  sqe->file_index = (unsigned)slot + 1;
  sqe->flags = IOSQE_CQE_SKIP_SUCCESS;
}

static void receive(struct side *side) {
  struct io_uring_sqe *sqe = request(RECEIVE, side, IORING_OP_RECV, side->slot);
  sqe->flags = IOSQE_FIXED_FILE | IOSQE_BUFFER_SELECT;
  sqe->ioprio = IORING_RECV_MULTISHOT;
  sqe->buf_group = GROUP;
  side->receiving = 1;
  side->stopping = 0;
}

static void stop_receiving(struct side *side) {
  struct io_uring_sqe *sqe = request(NOTHING, NULL, IORING_OP_ASYNC_CANCEL, -1);
  sqe->addr = (uintptr_t)side | RECEIVE;
  sqe->flags = IOSQE_CQE_SKIP_SUCCESS;
  side->stopping = 1;
}

/* One piece at a time, so that the order holds; the kernel itself goes on with a send that the socket took in part. */
static void send_first(struct side *side) {
  struct piece *piece = side->first;
  struct io_uring_sqe *sqe = request(SEND, side, IORING_OP_SEND, side->other->slot);
  sqe->flags = IOSQE_FIXED_FILE;
  sqe->addr = (uintptr_t)(piece->bytes + piece->start);
  sqe->len = piece->end - piece->start;
  sqe->msg_flags = MSG_NOSIGNAL | MSG_WAITALL;
  side->sending = 1;
}

/* Drops the first piece. */
static void pop(struct side *side) {
  struct piece *piece = side->first;
  side->first = piece->next;
  side->waiting--;
  give(piece);
}

/* Takes back what the kernel still does for the two; they go when it has told the end of each. */
static void end(struct side *side) {
  side->closed = side->other->closed = 1;
  for (int i = 0; i < 2; i++, side = side->other) {
    struct io_uring_sqe *sqe = request(NOTHING, NULL, IORING_OP_ASYNC_CANCEL, side->slot);
    sqe->cancel_flags = IORING_ASYNC_CANCEL_FD | IORING_ASYNC_CANCEL_FD_FIXED | IORING_ASYNC_CANCEL_ALL;
    sqe->flags = IOSQE_CQE_SKIP_SUCCESS;
  }
}

static int busy(struct side *side) { return side->receiving || side->sending; }

static void release(struct side *side) {
  struct side *client = side->slot < connections ? side : side->other, *server = client->other;
  while (client->first) pop(client);
  while (server->first) pop(server);
  /* The client's slot last: the kernel gives it to the next client, and the server's slot follows from it. */
  close_slot(server->slot);
  close_slot(client->slot);
  free(client);
  free(server);
}

/* After something has happened to a side: what is to be done for it now. */
static void settle(struct side *side) {
  if (!side->closed) {
    if (side->first && !side->sending) send_first(side);
    if (side->ended && !side->first) end(side);
    else if (!side->ended && !side->receiving && side->waiting < WAITING) receive(side);
    else if (side->receiving && !side->stopping && side->waiting >= WAITING) stop_receiving(side);
  }
  if (side->closed && !busy(side) && !busy(side->other)) release(side);
}

static void received(struct side *side, int n, unsigned flags) {
  if (!(flags & IORING_CQE_F_MORE)) side->receiving = 0;
  if (flags & IORING_CQE_F_BUFFER) {
    struct piece *piece = &pieces[flags >> IORING_CQE_BUFFER_SHIFT];
    free_buffers--;
    if (n > 0 && !side->closed) {
      *piece = (struct piece){.bytes = piece->bytes, .end = (unsigned)n};
      if (side->first) side->last->next = piece;
      else side->first = piece;
      side->last = piece;
      side->waiting++;
    } else {
      give(piece);
    }
  }
  if (n == 0) side->ended = 1;
  int failed = n < 0 && n != -ECANCELED && n != -ENOBUFS;
  if (n == -ENOBUFS && free_buffers == 0) failed = !grow();
  if (failed && !side->closed) end(side);
  settle(side);
}

static void sent(struct side *side, int n) {
  side->sending = 0;
  if (n < 0 && !side->closed) end(side);
  if (n > 0) {
    side->first->start += (unsigned)n;
    if (side->first->start == side->first->end) pop(side);
  }
  settle(side);
}

static struct side *make_side(int slot) {
  struct side *side = calloc(1, sizeof *side);
  if (!side) die("calloc");
  side->slot = slot;
  return side;
}

static void accepted(int slot) {
  int one = 1, up = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)upstream_port),
                           .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  struct io_uring_files_update update = {.offset = (unsigned)(connections + slot), .fds = (uintptr_t)&up};
  int there = up >= 0 && !connect(up, (struct sockaddr *)&to, sizeof to);
  if (there) {
    setsockopt(up, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    there = syscall(SYS_io_uring_register, ring, IORING_REGISTER_FILES_UPDATE, &update, 1) == 1;
  }
  /* The table has its own reference. */
  if (up >= 0) close(up);
  if (!there) { close_slot(slot); return; }
  struct side *client = make_side(slot), *server = make_side(connections + slot);
  client->other = server;
  server->other = client;
  settle(client);
  settle(server);
}

static void make_ring(void) {
  /* The cheapest way of completion that this kernel has: on this thread, when it asks. */
  static const unsigned modes[] = {IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_COOP_TASKRUN,
                                   IORING_SETUP_COOP_TASKRUN, 0};
  struct io_uring_params params;
  ring = -1;
  for (int i = 0; ring < 0 && i < 3; i++) {
    params = (struct io_uring_params){.flags = modes[i] | IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP |
                                               IORING_SETUP_SUBMIT_ALL, .cq_entries = COMPLETIONS};
    ring = (int)syscall(SYS_io_uring_setup, ENTRIES, &params);
    if (ring < 0 && errno != EINVAL) break;
  }
  if (ring < 0) die("io_uring_setup");
  size_t heads = params.cq_off.cqes + params.cq_entries * sizeof *completions;
  size_t names = params.sq_off.array + params.sq_entries * sizeof(unsigned);
  char *at = mmap(NULL, heads > names ? heads : names, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring,
                  IORING_OFF_SQ_RING);
  requests = mmap(NULL, params.sq_entries * sizeof *requests, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring,
                  IORING_OFF_SQES);
  if (at == MAP_FAILED || requests == MAP_FAILED) die("mmap");
  submit_head = (unsigned *)(at + params.sq_off.head);
  submit_tail = (unsigned *)(at + params.sq_off.tail);
  submit_mask = params.sq_entries - 1;
  done_head = (unsigned *)(at + params.cq_off.head);
  done_tail = (unsigned *)(at + params.cq_off.tail);
  done_mask = params.cq_entries - 1;
  completions = (struct io_uring_cqe *)(at + params.cq_off.cqes);
  for (unsigned i = 0; i < params.sq_entries; i++) ((unsigned *)(at + params.sq_off.array))[i] = i;
}

static void register_resources(void) {
  buffers = mmap(NULL, BUFFERS * sizeof(struct io_uring_buf), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
                 -1, 0);
  if (buffers == MAP_FAILED) die("mmap");
  struct io_uring_buf_reg pool = {.ring_addr = (uintptr_t)buffers, .ring_entries = BUFFERS, .bgid = GROUP};
  if (syscall(SYS_io_uring_register, ring, IORING_REGISTER_PBUF_RING, &pool, 1)) die("IORING_REGISTER_PBUF_RING");
  if (!grow()) die("malloc");
  /* The table may not be larger than the limit of open files. Clients' slots are given by the kernel, from the first
   * half; the slot of the upstream connection is as far behind as the half is long. */
  struct rlimit files;
  getrlimit(RLIMIT_NOFILE, &files);
  connections = files.rlim_cur / 2 < CONNECTIONS ? (int)files.rlim_cur / 2 : CONNECTIONS;
  struct io_uring_rsrc_register table = {.nr = (unsigned)connections * 2, .flags = IORING_RSRC_REGISTER_SPARSE};
  if (syscall(SYS_io_uring_register, ring, IORING_REGISTER_FILES2, &table, sizeof table)) die("IORING_REGISTER_FILES2");
  struct io_uring_file_index_range clients = {.off = 0, .len = (unsigned)connections};
  if (syscall(SYS_io_uring_register, ring, IORING_REGISTER_FILE_ALLOC_RANGE, &clients, 0)) {
    die("IORING_REGISTER_FILE_ALLOC_RANGE");
  }
}

int main(int argc, char **argv) {
  int check = argc == 2 && !strcmp(argv[1], "check");
  if (argc != 3 && !check) { fprintf(stderr, "usage: relay-uring LISTEN_PORT UPSTREAM_PORT\n"); return 2; }
  make_ring();
  register_resources();
  if (check) return 0;
  upstream_port = atoi(argv[2]);
  int one = 1;
  listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  /* What it accepts inherits this. */
  setsockopt(listener, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[1])),
                           .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  if (bind(listener, (struct sockaddr *)&at, sizeof at) || listen(listener, 1024)) die("listen");
  accept_clients();
  for (;;) {
    enter(1);
    unsigned head = *done_head, tail = __atomic_load_n(done_tail, __ATOMIC_ACQUIRE);
    for (; head != tail; head++) {
      struct io_uring_cqe cqe = completions[head & done_mask];
      struct side *side = (struct side *)(uintptr_t)(cqe.user_data & ~(uint64_t)KINDS);
      switch (cqe.user_data & KINDS) {
        case ACCEPT:
          if (cqe.res >= 0) accepted(cqe.res);
          if (!(cqe.flags & IORING_CQE_F_MORE)) accept_clients();
          break;
        case RECEIVE: received(side, cqe.res, cqe.flags); break;
        case SEND: sent(side, cqe.res); break;
      }
    }
    __atomic_store_n(done_head, head, __ATOMIC_RELEASE);
  }
}
