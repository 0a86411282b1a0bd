// As much of the C library as the bindings ask for: memory.c has it.

#pragma once

#include <stddef.h>

void *memcpy(void *to, const void *from, size_t size);
size_t strlen(const char *text);
