// libcurl's option calls take variable arguments, which Swift cannot make: one function for each kind.
// No feature macros here: they would make libc types differ between clang modules.
#pragma once
#include <stddef.h>
#include <stdint.h>

/// The shape of libcurl's write and header callbacks.
typedef size_t (*weir_curl_sink)(char *bytes, size_t size, size_t count, void *context);

/// Each sets one option of an easy handle and returns its CURLcode.
int weir_curl_set_long(void *handle, int option, long value);
int weir_curl_set_offset(void *handle, int option, int64_t value);
int weir_curl_set_text(void *handle, int option, const char *value);
int weir_curl_set_pointer(void *handle, int option, void *value);
int weir_curl_set_sink(void *handle, int option, weir_curl_sink value);

/// Reads one number about the last transfer.
int weir_curl_get_long(void *handle, int info, long *value);
