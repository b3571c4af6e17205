// What OpenSSL offers only as macros, and the callbacks that it wants in C: the socket below a session, the
// choice of a protocol, the keys of session tickets, the stapled OCSP response.
// No feature macros here: they would make libc types differ between clang modules.
#pragma once
#include <openssl/ssl.h>
#include <stddef.h>
#include <stdint.h>

/// The socket below a session, and what the last calls on it showed.
typedef struct weir_tls_socket {
  int fd;
  /// The kernel has nothing more to read until the next event; reading is not tried again before.
  int drained;
  /// The next bytes follow at once: the kernel may wait for them (MSG_MORE).
  int more;
  /// The peer's end of stream was read.
  int ended;
  /// errno of a call that failed for good, else 0.
  int error;
  /// Bytes that were received before the session began: read before the socket is.
  const uint8_t *early;
  size_t early_count;
  /// Bytes of the socket, both ways, so far.
  uint64_t received;
  uint64_t sent;
  /// Whether a short read says that the socket is drained; not once the peer's end may be behind it.
  int trusts_short_reads;
  /// Bytes that one call of OpenSSL may still read: it goes on by itself through messages that bring no data.
  size_t allowance;
} weir_tls_socket;

/// Puts a session on a socket; `socket` must outlive it. 0 when there is no memory.
int weir_tls_attach(SSL *session, weir_tls_socket *socket);

/// The options and modes that every context of ours has; `versions` are TLS1_2_VERSION or TLS1_3_VERSION.
/// 0 when OpenSSL refuses.
int weir_tls_harden(SSL_CTX *context, int version_min, int version_max);
int weir_tls_set_groups(SSL_CTX *context, const char *list);
int weir_tls_set_server_name(SSL *session, const char *name);

/// Has a server choose the first of `protocols` (length-prefixed) that the client offers too; a client that offers
/// none of them is refused, one that offers nothing is not. `protocols` must outlive the context.
void weir_tls_offer_protocols(SSL_CTX *context, const uint8_t *protocols, unsigned count);

/// Has a server choose the context of a connection by the name that the client asks for.
typedef SSL_CTX *(*weir_tls_chooser)(const char *name, void *table);
void weir_tls_choose_by_name(SSL_CTX *context, weir_tls_chooser choose, void *table);

/// Staples a copy of an OCSP response to handshakes of clients that ask for one; NULL takes it away. Call before the
/// context is used. 0 when there is no memory.
int weir_tls_staple(SSL_CTX *context, const uint8_t *response, size_t count);

/// Keys of session tickets, shared by contexts and threads: one that issues and those before it that still open.
typedef struct weir_ticket_keys weir_ticket_keys;

/// Fresh keys that change every `seconds`; NULL when there is no memory or randomness.
weir_ticket_keys *weir_ticket_keys_new(uint64_t seconds);
void weir_ticket_keys_free(weir_ticket_keys *keys);
/// Makes a new key the one that issues; the two before it still open tickets. 0 when there is no randomness.
int weir_ticket_keys_rotate(weir_ticket_keys *keys);
/// Has a context issue and open tickets with these keys, which must outlive it. 0 when there is no memory.
int weir_ticket_keys_use(weir_ticket_keys *keys, SSL_CTX *context);

/// Names of a certificate: position `index` of its DNS names (kind 0), its URIs (kind 1), or its subject's common name
/// (kind 2). Writes at most `count` bytes and returns the length, -1 when there is none, -2 when it does not fit or
/// holds a zero byte.
int weir_certificate_name(X509 *certificate, int kind, int index, char *text, size_t count);

/// Takes the oldest error off the thread's queue as text and empties the queue; an empty text when there was none.
void weir_tls_take_error(char *text, size_t count);
