#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

const int weir_option_reuse_port = SO_REUSEPORT;
const int weir_option_defer_accept = TCP_DEFER_ACCEPT;

int weir_accept(int listener, struct sockaddr_storage *address, socklen_t *length) {
  return accept4(listener, (struct sockaddr *)address, length, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

int weir_stream_socket(int family) {
  return socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

int weir_allocate(int fd, int64_t offset, int64_t length) {
  return fallocate(fd, 0, offset, length);
}

int weir_pin_thread(int processor) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(processor, &set);
  return sched_setaffinity(0, sizeof set, &set);
}

int weir_lock(int fd) { return flock(fd, LOCK_EX | LOCK_NB); }

int weir_thread_id(void) { return (int)syscall(SYS_gettid); }

void weir_name_thread(const char *name) { pthread_setname_np(pthread_self(), name); }

int weir_open(const char *path, int flags, unsigned int mode) { return open(path, flags, mode); }

int weir_epoll_control(int epoll, int operation, int fd, uint32_t events, uint64_t word) {
  struct epoll_event event = {.events = events, .data = {.u64 = word}};
  return epoll_ctl(epoll, operation, fd, &event);
}

ssize_t weir_receive(int fd, void *bytes, size_t count) {
  return syscall(SYS_recvfrom, fd, bytes, count, 0, NULL, NULL);
}

ssize_t weir_send(int fd, const void *bytes, size_t count) {
  return syscall(SYS_sendto, fd, bytes, count, MSG_NOSIGNAL, NULL, 0);
}

int weir_epoll_wait(int epoll, struct epoll_event *events, int count, int timeout_milliseconds) {
  return (int)syscall(SYS_epoll_pwait, epoll, events, count, timeout_milliseconds, NULL, 0);
}

ssize_t weir_send_two(int fd, const void *first, size_t first_count, const void *second,
                      size_t second_count) {
  struct iovec pieces[2] = {{(void *)first, first_count}, {(void *)second, second_count}};
  struct msghdr message = {.msg_iov = pieces, .msg_iovlen = 2};
  return syscall(SYS_sendmsg, fd, &message, MSG_NOSIGNAL);
}

int weir_set_option(int fd, int level, int option, int value) {
  return setsockopt(fd, level, option, &value, sizeof value);
}

int weir_socket_error(int fd) {
  int error = 0;
  socklen_t length = sizeof error;
  if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) != 0) return errno;
  return error;
}
