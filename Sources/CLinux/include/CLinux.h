// What Linux offers and the Glibc module does not show: functions behind feature macros, and macros.
// No feature macro stands in this header, because Swift would then see libc types that differ between
// clang modules; the .c file defines _GNU_SOURCE for itself (docs/decisions/0002-c-shims.md).
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

// accept4 with SOCK_NONBLOCK | SOCK_CLOEXEC; the peer's address goes to `address`. -1 and errno on failure.
int weir_accept(int listener, struct sockaddr_storage *address, socklen_t *length);
// socket(2) with SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC.
int weir_stream_socket(int family);
// socket(2) with SOCK_DGRAM | SOCK_CLOEXEC.
int weir_datagram_socket(int family);
// fallocate(2) with mode 0: allocates, so that a later mapped write cannot meet a hole on a full disk.
int weir_allocate(int fd, int64_t offset, int64_t length);
// Pins the calling thread to one processor.
int weir_pin_thread(int processor);
// flock(2) with LOCK_EX | LOCK_NB.
int weir_lock(int fd);
// The kernel's id of the calling thread.
int weir_thread_id(void);
// Names the calling thread, at most 15 bytes.
void weir_name_thread(const char *name);
// open(2) with an explicit mode, as the variadic one is not imported.
int weir_open(const char *path, int flags, unsigned int mode);
// epoll_ctl with a 64-bit word of the caller's.
int weir_epoll_control(int epoll, int operation, int fd, uint32_t events, uint64_t word);
// recv(2) and send(2) by the system call itself: the library's functions are cancellation points, and in a process
// with threads each call then pays for switching cancellation on and off. Weir cancels no thread.
ssize_t weir_receive(int fd, void *bytes, size_t count);
ssize_t weir_send(int fd, const void *bytes, size_t count);
// epoll_wait(2), likewise.
int weir_epoll_wait(int epoll, struct epoll_event *events, int count, int timeout_milliseconds);
// sendmsg of two pieces with MSG_NOSIGNAL; a piece may be empty.
ssize_t weir_send_two(int fd, const void *first, size_t first_count, const void *second,
                      size_t second_count);
// pipe2(2) with O_NONBLOCK | O_CLOEXEC; ends[0] is read from.
int weir_pipe(int ends[2]);
// splice(2) without offsets, SPLICE_F_MOVE | SPLICE_F_NONBLOCK.
ssize_t weir_splice(int from, int to, size_t count);
// setsockopt with an int value.
int weir_set_option(int fd, int level, int option, int value);
// Raises the soft limit of descriptors to the hard one; what then holds, 0 when it is unknown.
int64_t weir_raise_descriptor_limit(void);
// malloc_trim(3): free memory goes back to the system.
void weir_return_free_memory(void);
// getsockopt SO_ERROR: 0, or the errno of a failed connect.
int weir_socket_error(int fd);

// A Unix-domain socket of kind SOCK_SEQPACKET, blocking. In paths a leading '@' stands for the abstract namespace.
int weir_unix_socket(void);
int weir_unix_bind(int fd, const char *path);
int weir_unix_connect(int fd, const char *path);
int weir_unix_accept(int fd);
// SO_RCVTIMEO and SO_SNDTIMEO.
void weir_set_timeouts(int fd, int milliseconds);
// SO_PEERCRED: the user of the process at the other end, -1 when it cannot be told.
int64_t weir_peer_user(int fd);
// sendmsg and recvmsg of one message with at most one descriptor (SCM_RIGHTS); -1 is none.
ssize_t weir_send_message(int fd, const void *bytes, size_t count, int passed);
ssize_t weir_receive_message(int fd, void *bytes, size_t count, int *passed);
// One datagram to a Unix-domain socket.
ssize_t weir_send_datagram(const char *path, const void *bytes, size_t count);

extern const int weir_option_reuse_port;
extern const int weir_option_defer_accept;
