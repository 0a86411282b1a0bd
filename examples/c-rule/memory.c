// Memory of one call, and what the bindings ask of a C library.
//
// Each call has a fresh instance, so memory is handed out upwards from the end of the data and never given back.

#include "memory.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { PAGE = 65536, ALIGN = 16 };

// Set by the linker: where data and stack end.
extern uint8_t __heap_base;

static uintptr_t next = 0;

void *allocate(size_t size) {
  if (next == 0) next = (uintptr_t)&__heap_base;
  const uintptr_t at = (next + ALIGN - 1) & ~(uintptr_t)(ALIGN - 1);
  const size_t has = __builtin_wasm_memory_size(0) * PAGE;
  if (size > SIZE_MAX - at) abort();
  if (at + size > has) {
    const size_t pages = (at + size - has + PAGE - 1) / PAGE;
    if (__builtin_wasm_memory_grow(0, pages) == SIZE_MAX) abort();
  }
  next = at + size;
  return (void *)at;
}

// What the host calls to put lists into this memory. The bindings have one too, which this takes the place of: theirs needs
// an allocator that knows how large each piece is.
__attribute__((export_name("cabi_realloc")))
void *cabi_realloc(void *old, size_t old_size, size_t align, size_t size) {
  (void)align;  // no type of the contract asks for more than ALIGN
  void *moved = allocate(size);
  if (old_size > 0) memcpy(moved, old, old_size < size ? old_size : size);
  return moved;
}

// The bindings' own `cabi_realloc` is the only caller, and is not linked.
void *realloc(void *old, size_t size) {
  (void)old;
  (void)size;
  abort();
}

void free(void *old) { (void)old; }

_Noreturn void abort(void) { __builtin_trap(); }

// One instruction of WebAssembly.
void *memcpy(void *to, const void *from, size_t size) { return __builtin_memcpy(to, from, size); }

size_t strlen(const char *text) {
  size_t length = 0;
  while (text[length] != 0) length += 1;
  return length;
}
