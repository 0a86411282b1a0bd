// Memory of one call.

#pragma once

#include <stddef.h>

// Returns so many bytes, all zero, at a multiple of 16. Traps where there are no more.
void *allocate(size_t size);
