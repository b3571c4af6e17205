// The one header of this module. No feature macros here: they would make libc types differ
// between clang modules (docs/decisions/0002-c-shims.md).
#pragma once
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
