// c-ares as one blocking call for a thread of its own.
#pragma once
#include <stdint.h>

// An address that a name has: 4 or 16 bytes in network order.
struct weir_resolved {
  uint8_t count;
  uint8_t bytes[16];
};

// What a lookup came to. 0 is success; other codes are those of c-ares (weir_resolve_text).
struct weir_resolution {
  int code;
  // Seconds for which the answer may be kept: the least of all its records.
  int ttl;
  // Addresses written.
  int count;
};

// To be called once before any lookup.
void weir_resolver_prepare(void);

// Looks the addresses of a name up, IPv4 and IPv6, in /etc/hosts and with the servers (a list like
// "127.0.0.1:53,[::1]:53"; empty for those of /etc/resolv.conf). Waits for at most `tries` rounds, the
// first `timeout_milliseconds` long, or until `stop` (a descriptor) can be read. At most `max` addresses.
struct weir_resolution weir_resolve(const char *servers, const char *name, int timeout_milliseconds,
                                    int tries, int stop, struct weir_resolved *addresses, int max);

// A code in words.
const char *weir_resolve_text(int code);
