#include "CAresShims.h"

#include <ares.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/time.h>

struct query {
  int is_done;
  struct weir_resolution resolution;
  struct weir_resolved *addresses;
  int max;
};

static void note_ttl(struct query *query, int ttl) {
  if (ttl < query->resolution.ttl) query->resolution.ttl = ttl;
}

static void finish(void *argument, int status, int timeouts, struct ares_addrinfo *result) {
  struct query *query = argument;
  (void)timeouts;
  query->is_done = 1;
  query->resolution.code = status;
  if (result == NULL) return;
  query->resolution.ttl = INT32_MAX;
  for (struct ares_addrinfo_cname *name = result->cnames; name; name = name->next)
    note_ttl(query, name->ttl);
  for (struct ares_addrinfo_node *node = result->nodes; node; node = node->ai_next) {
    if (query->resolution.count == query->max) break;
    struct weir_resolved *address = &query->addresses[query->resolution.count];
    if (node->ai_family == AF_INET) {
      address->count = 4;
      memcpy(address->bytes, &((struct sockaddr_in *)node->ai_addr)->sin_addr, 4);
    } else if (node->ai_family == AF_INET6) {
      address->count = 16;
      memcpy(address->bytes, &((struct sockaddr_in6 *)node->ai_addr)->sin6_addr, 16);
    } else {
      continue;
    }
    query->resolution.count++;
    note_ttl(query, node->ai_ttl);
  }
  ares_freeaddrinfo(result);
}

// One wait for the sockets of a channel. 0 when `stop` can be read.
static int turn(ares_channel channel, int stop) {
  ares_socket_t sockets[ARES_GETSOCK_MAXNUM];
  struct pollfd entries[ARES_GETSOCK_MAXNUM + 1];
  int bits = ares_getsock(channel, sockets, ARES_GETSOCK_MAXNUM);
  int count = 0;
  for (int index = 0; index < ARES_GETSOCK_MAXNUM; index++) {
    short events = 0;
    if (ARES_GETSOCK_READABLE(bits, index)) events |= POLLIN;
    if (ARES_GETSOCK_WRITABLE(bits, index)) events |= POLLOUT;
    if (events) entries[count++] = (struct pollfd){.fd = sockets[index], .events = events};
  }
  entries[count] = (struct pollfd){.fd = stop, .events = POLLIN};
  struct timeval most = {.tv_sec = 1}, next;
  struct timeval *wait = ares_timeout(channel, &most, &next);
  int milliseconds = (int)(wait->tv_sec * 1000 + (wait->tv_usec + 999) / 1000);
  int ready = poll(entries, count + 1, milliseconds);
  if (ready > 0 && entries[count].revents) return 0;
  if (ready <= 0) ares_process_fd(channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
  for (int index = 0; ready > 0 && index < count; index++) {
    short events = entries[index].revents;
    if (events == 0) continue;
    ares_process_fd(channel, events & (POLLIN | POLLERR | POLLHUP) ? entries[index].fd : ARES_SOCKET_BAD,
                    events & POLLOUT ? entries[index].fd : ARES_SOCKET_BAD);
  }
  return 1;
}

void weir_resolver_prepare(void) { ares_library_init(ARES_LIB_INIT_ALL); }

struct weir_resolution weir_resolve(const char *servers, const char *name, int timeout_milliseconds,
                                    int tries, int stop, struct weir_resolved *addresses, int max) {
  struct query query = {.addresses = addresses, .max = max};
  struct ares_options options = {.timeout = timeout_milliseconds, .tries = tries};
  ares_channel channel;
  query.resolution.code = ares_init_options(&channel, &options, ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES);
  if (query.resolution.code != ARES_SUCCESS) return query.resolution;
  if (servers[0] != 0) query.resolution.code = ares_set_servers_ports_csv(channel, servers);
  if (query.resolution.code == ARES_SUCCESS) {
    // NOSORT: sorting would open a socket for each address.
    struct ares_addrinfo_hints hints = {.ai_family = AF_UNSPEC, .ai_flags = ARES_AI_NOSORT};
    ares_getaddrinfo(channel, name, NULL, &hints, finish, &query);
    while (!query.is_done) {
      // Cancelling calls `finish`.
      if (!turn(channel, stop)) ares_cancel(channel);
    }
  }
  ares_destroy(channel);
  return query.resolution;
}

const char *weir_resolve_text(int code) { return ares_strerror(code); }
