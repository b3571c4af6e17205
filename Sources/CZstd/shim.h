// The one header of this module. No feature macros here: they would make libc types differ
// between clang modules (docs/decisions/0002-c-shims.md).
#pragma once
#include <zstd.h>
