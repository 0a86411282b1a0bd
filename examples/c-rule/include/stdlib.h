// As much of the C library as the bindings ask for: memory.c has it.

#pragma once

#include <stddef.h>

void *realloc(void *old, size_t size);
void free(void *old);
_Noreturn void abort(void);
