#include "CCurlShims.h"

#include <curl/curl.h>

int weir_curl_set_long(void *handle, int option, long value) {
  return (int)curl_easy_setopt(handle, (CURLoption)option, value);
}

int weir_curl_set_offset(void *handle, int option, int64_t value) {
  return (int)curl_easy_setopt(handle, (CURLoption)option, (curl_off_t)value);
}

int weir_curl_set_text(void *handle, int option, const char *value) {
  return (int)curl_easy_setopt(handle, (CURLoption)option, value);
}

int weir_curl_set_pointer(void *handle, int option, void *value) {
  return (int)curl_easy_setopt(handle, (CURLoption)option, value);
}

int weir_curl_set_sink(void *handle, int option, weir_curl_sink value) {
  return (int)curl_easy_setopt(handle, (CURLoption)option, value);
}

int weir_curl_get_long(void *handle, int info, long *value) {
  return (int)curl_easy_getinfo(handle, (CURLINFO)info, value);
}
