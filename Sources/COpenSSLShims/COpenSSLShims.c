#define _GNU_SOURCE
#include "COpenSSLShims.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

// MARK: - The socket below a session

static int socket_read(BIO *bio, char *bytes, int count) {
  weir_tls_socket *socket = BIO_get_data(bio);
  BIO_clear_retry_flags(bio);
  if (socket->early_count > 0) {
    size_t taken = socket->early_count < (size_t)count ? socket->early_count : (size_t)count;
    memcpy(bytes, socket->early, taken);
    socket->early += taken;
    socket->early_count -= taken;
    socket->received += taken;
    return (int)taken;
  }
  if (socket->drained) {
    BIO_set_retry_read(bio);
    return -1;
  }
  if (socket->allowance == 0) {
    // Nobody needs so many messages without data; who sends them keeps the thread busy.
    socket->error = EPROTO;
    return -1;
  }
  ssize_t received;
  do {
    received = recv(socket->fd, bytes, (size_t)count, 0);
  } while (received < 0 && errno == EINTR);
  if (received > 0) {
    socket->received += (uint64_t)received;
    socket->allowance -= (size_t)received < socket->allowance ? (size_t)received : socket->allowance;
    if (received < count && socket->trusts_short_reads) socket->drained = 1;
    return (int)received;
  }
  if (received == 0) {
    socket->ended = 1;
    return 0;
  }
  if (errno == EAGAIN || errno == EWOULDBLOCK) {
    socket->drained = 1;
    BIO_set_retry_read(bio);
  } else {
    socket->error = errno;
  }
  return -1;
}

static int socket_write(BIO *bio, const char *bytes, int count) {
  weir_tls_socket *socket = BIO_get_data(bio);
  BIO_clear_retry_flags(bio);
  ssize_t sent;
  do {
    sent = send(socket->fd, bytes, (size_t)count, MSG_NOSIGNAL | (socket->more ? MSG_MORE : 0));
  } while (sent < 0 && errno == EINTR);
  if (sent >= 0) {
    socket->sent += (uint64_t)sent;
    return (int)sent;
  }
  if (errno == EAGAIN || errno == EWOULDBLOCK) {
    BIO_set_retry_write(bio);
  } else {
    socket->error = errno;
  }
  return -1;
}

static long socket_control(BIO *bio, int command, long number, void *pointer) {
  (void)number;
  (void)pointer;
  weir_tls_socket *socket = BIO_get_data(bio);
  switch (command) {
  case BIO_CTRL_FLUSH: return 1;
  case BIO_CTRL_EOF: return socket->ended;
  default: return 0;
  }
}

static BIO_METHOD *method;
static pthread_once_t method_once = PTHREAD_ONCE_INIT;

static void make_method(void) {
  method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "weir socket");
  if (method == NULL) return;
  BIO_meth_set_read(method, socket_read);
  BIO_meth_set_write(method, socket_write);
  BIO_meth_set_ctrl(method, socket_control);
}

int weir_tls_attach(SSL *session, weir_tls_socket *socket) {
  pthread_once(&method_once, make_method);
  if (method == NULL) return 0;
  BIO *bio = BIO_new(method);
  if (bio == NULL) return 0;
  BIO_set_data(bio, socket);
  BIO_set_init(bio, 1);
  SSL_set_bio(session, bio, bio);
  return 1;
}

// MARK: - Macros

int weir_tls_harden(SSL_CTX *context, int version_min, int version_max) {
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                   SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_read_ahead(context, 1);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  return SSL_CTX_set_min_proto_version(context, version_min) == 1 &&
         SSL_CTX_set_max_proto_version(context, version_max) == 1;
}

int weir_tls_set_groups(SSL_CTX *context, const char *list) {
  return SSL_CTX_set1_groups_list(context, list) == 1;
}

int weir_tls_set_server_name(SSL *session, const char *name) {
  return SSL_set_tlsext_host_name(session, name) == 1;
}

// MARK: - What a context keeps

typedef struct {
  const uint8_t *protocols;
  unsigned protocol_count;
  weir_tls_chooser choose;
  void *table;
  weir_ticket_keys *keys;
  uint8_t *staple;
  size_t staple_count;
} extra;

static int extra_index = -1;
static pthread_once_t extra_once = PTHREAD_ONCE_INIT;

static void free_extra(void *parent, void *pointer, CRYPTO_EX_DATA *data, int index, long number,
                       void *argument) {
  (void)parent, (void)data, (void)index, (void)number, (void)argument;
  extra *kept = pointer;
  if (kept == NULL) return;
  free(kept->staple);
  free(kept);
}

static void make_extra_index(void) {
  extra_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, free_extra);
}

/// What we keep with a context, made when there is nothing yet; NULL when there is no memory.
static extra *extra_of(SSL_CTX *context) {
  pthread_once(&extra_once, make_extra_index);
  if (extra_index < 0) return NULL;
  extra *kept = SSL_CTX_get_ex_data(context, extra_index);
  if (kept != NULL) return kept;
  kept = calloc(1, sizeof *kept);
  if (kept == NULL) return NULL;
  if (SSL_CTX_set_ex_data(context, extra_index, kept) != 1) {
    free(kept);
    return NULL;
  }
  return kept;
}

static int select_protocol(SSL *session, const unsigned char **chosen, unsigned char *count,
                           const unsigned char *offered, unsigned offered_count, void *argument) {
  (void)session;
  const extra *kept = argument;
  int result = SSL_select_next_proto((unsigned char **)chosen, count, kept->protocols,
                                     kept->protocol_count, offered, offered_count);
  return result == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

void weir_tls_offer_protocols(SSL_CTX *context, const uint8_t *protocols, unsigned count) {
  extra *kept = extra_of(context);
  if (kept == NULL) return;
  kept->protocols = protocols;
  kept->protocol_count = count;
  SSL_CTX_set_alpn_select_cb(context, select_protocol, kept);
}

static int choose_context(SSL *session, int *alert, void *argument) {
  (void)alert;
  const extra *kept = argument;
  const char *name = SSL_get_servername(session, TLSEXT_NAMETYPE_host_name);
  if (name == NULL) return SSL_TLSEXT_ERR_NOACK;
  SSL_CTX *context = kept->choose(name, kept->table);
  if (context != NULL) SSL_set_SSL_CTX(session, context);
  return SSL_TLSEXT_ERR_OK;
}

void weir_tls_choose_by_name(SSL_CTX *context, weir_tls_chooser choose, void *table) {
  extra *kept = extra_of(context);
  if (kept == NULL) return;
  kept->choose = choose;
  kept->table = table;
  SSL_CTX_set_tlsext_servername_callback(context, choose_context);
  SSL_CTX_set_tlsext_servername_arg(context, kept);
}

static int staple(SSL *session, void *argument) {
  (void)argument;
  // The certificate is that of the context which the name chose.
  const extra *kept = extra_of(SSL_get_SSL_CTX(session));
  if (kept == NULL || kept->staple == NULL) return SSL_TLSEXT_ERR_NOACK;
  uint8_t *copy = OPENSSL_memdup(kept->staple, kept->staple_count);
  if (copy == NULL) return SSL_TLSEXT_ERR_NOACK;
  // The session frees the copy.
  SSL_set_tlsext_status_ocsp_resp(session, copy, (long)kept->staple_count);
  return SSL_TLSEXT_ERR_OK;
}

int weir_tls_staple(SSL_CTX *context, const uint8_t *response, size_t count) {
  extra *kept = extra_of(context);
  if (kept == NULL) return 0;
  free(kept->staple);
  kept->staple = NULL;
  kept->staple_count = 0;
  if (response != NULL) {
    kept->staple = malloc(count);
    if (kept->staple == NULL) return 0;
    memcpy(kept->staple, response, count);
    kept->staple_count = count;
  }
  // On every context: OpenSSL asks the one that the handshake began with.
  SSL_CTX_set_tlsext_status_cb(context, staple);
  return 1;
}

// MARK: - Session tickets (RFC 5077 §4, RFC 8446 §4.6.1)

enum { key_count = 3 };

typedef struct {
  unsigned char name[16];
  unsigned char cipher[32];
  unsigned char mac[32];
} ticket_key;

struct weir_ticket_keys {
  pthread_mutex_t lock;
  /// The newest first.
  ticket_key keys[key_count];
  int count;
  uint64_t seconds;
  uint64_t rotated;
};

static uint64_t monotonic_seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec;
}

static int rotate(weir_ticket_keys *keys) {
  ticket_key fresh;
  if (RAND_bytes(fresh.name, sizeof fresh.name) != 1 ||
      RAND_bytes(fresh.cipher, sizeof fresh.cipher) != 1 ||
      RAND_bytes(fresh.mac, sizeof fresh.mac) != 1)
    return 0;
  memmove(&keys->keys[1], &keys->keys[0], (key_count - 1) * sizeof fresh);
  keys->keys[0] = fresh;
  if (keys->count < key_count) keys->count += 1;
  keys->rotated = monotonic_seconds();
  OPENSSL_cleanse(&fresh, sizeof fresh);
  return 1;
}

weir_ticket_keys *weir_ticket_keys_new(uint64_t seconds) {
  weir_ticket_keys *keys = calloc(1, sizeof *keys);
  if (keys == NULL) return NULL;
  pthread_mutex_init(&keys->lock, NULL);
  keys->seconds = seconds;
  if (!rotate(keys)) {
    weir_ticket_keys_free(keys);
    return NULL;
  }
  return keys;
}

void weir_ticket_keys_free(weir_ticket_keys *keys) {
  if (keys == NULL) return;
  pthread_mutex_destroy(&keys->lock);
  OPENSSL_cleanse(keys, sizeof *keys);
  free(keys);
}

int weir_ticket_keys_rotate(weir_ticket_keys *keys) {
  pthread_mutex_lock(&keys->lock);
  int result = rotate(keys);
  pthread_mutex_unlock(&keys->lock);
  return result;
}

/// The key that issues (when `name` is NULL), or the one of this name; its position, -1 when there is none.
static int find_key(weir_ticket_keys *keys, const unsigned char *name, ticket_key *found) {
  int position = -1;
  pthread_mutex_lock(&keys->lock);
  if (name == NULL) {
    if (monotonic_seconds() - keys->rotated < keys->seconds || rotate(keys)) position = 0;
  } else {
    for (int index = 0; index < keys->count && position < 0; index++)
      if (CRYPTO_memcmp(keys->keys[index].name, name, sizeof keys->keys[index].name) == 0)
        position = index;
  }
  if (position >= 0) *found = keys->keys[position];
  pthread_mutex_unlock(&keys->lock);
  return position;
}

static int ticket_key_callback(SSL *session, unsigned char *name, unsigned char *vector,
                               EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int issues) {
  const extra *kept = extra_of(SSL_get_SSL_CTX(session));
  if (kept == NULL || kept->keys == NULL) return 0;
  ticket_key key;
  int position = find_key(kept->keys, issues ? NULL : name, &key);
  // Without a key no ticket is issued, and an unknown one means a full handshake.
  if (position < 0) return 0;
  OSSL_PARAM parameters[3] = {
      OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key.mac, sizeof key.mac),
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, "SHA256", 0),
      OSSL_PARAM_construct_end(),
  };
  int result = -1;
  if (issues) {
    memcpy(name, key.name, sizeof key.name);
    if (RAND_bytes(vector, EVP_CIPHER_get_iv_length(EVP_aes_256_cbc())) == 1 &&
        EVP_EncryptInit_ex(cipher, EVP_aes_256_cbc(), NULL, key.cipher, vector) == 1 &&
        EVP_MAC_CTX_set_params(mac, parameters) == 1)
      result = 1;
  } else if (EVP_MAC_CTX_set_params(mac, parameters) == 1 &&
             EVP_DecryptInit_ex(cipher, EVP_aes_256_cbc(), NULL, key.cipher, vector) == 1) {
    // 2: good, and to be replaced by a ticket of the newest key.
    result = position == 0 ? 1 : 2;
  }
  OPENSSL_cleanse(&key, sizeof key);
  return result;
}

int weir_ticket_keys_use(weir_ticket_keys *keys, SSL_CTX *context) {
  extra *kept = extra_of(context);
  if (kept == NULL) return 0;
  kept->keys = keys;
  return SSL_CTX_set_tlsext_ticket_key_evp_cb(context, ticket_key_callback) == 1;
}

// MARK: - Certificates and errors

static int copy_name(const ASN1_STRING *name, char *text, size_t count) {
  int length = ASN1_STRING_length(name);
  if (length < 0 || (size_t)length > count) return -2;
  const unsigned char *bytes = ASN1_STRING_get0_data(name);
  // A zero byte has been used to make `a.example` of `a.example\0.evil.example`.
  if (memchr(bytes, 0, (size_t)length) != NULL) return -2;
  memcpy(text, bytes, (size_t)length);
  return length;
}

int weir_certificate_name(X509 *certificate, int kind, int index, char *text, size_t count) {
  if (kind == 2) {
    X509_NAME *subject = X509_get_subject_name(certificate);
    int position = -1;
    for (int seen = 0; seen <= index; seen++) {
      position = X509_NAME_get_index_by_NID(subject, NID_commonName, position);
      if (position < 0) return -1;
    }
    return copy_name(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, position)), text, count);
  }
  GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
  if (names == NULL) return -1;
  int result = -1;
  int seen = 0;
  for (int position = 0; position < sk_GENERAL_NAME_num(names); position++) {
    const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, position);
    if (name->type != (kind == 0 ? GEN_DNS : GEN_URI)) continue;
    if (seen++ < index) continue;
    result = copy_name(name->d.ia5, text, count);
    break;
  }
  GENERAL_NAMES_free(names);
  return result;
}

void weir_tls_take_error(char *text, size_t count) {
  if (count == 0) return;
  text[0] = 0;
  unsigned long code = ERR_get_error();
  if (code != 0) {
    const char *reason = ERR_reason_error_string(code);
    if (reason != NULL) {
      strncpy(text, reason, count - 1);
      text[count - 1] = 0;
    } else {
      ERR_error_string_n(code, text, count);
    }
  }
  ERR_clear_error();
}
