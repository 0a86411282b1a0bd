#!/bin/sh
# Builds c-rule.wasm into build/, or into $OUT. Needs clang with its target wasm32, wasm-ld (Debian: clang lld), betrace,
# and wit-bindgen (`cargo install wit-bindgen-cli`) unless the bindings are in $OUT already.
set -eu
cd "$(dirname "$0")"
OUT=${OUT:-build}
mkdir -p "$OUT"
test -f "$OUT/rule_pack.h" || wit-bindgen c ../../wit --world rule-pack --out-dir "$OUT"
# No library and no system: what is not defined here would be an import, which the linker refuses.
${CLANG:-clang} --target=wasm32 -std=c11 -O2 -Wall -Wextra -Werror -ffreestanding -nostdlib -nostdlibinc -mbulk-memory \
  -I include -I "$OUT" -I . rule.c memory.c "$OUT/rule_pack.c" "$OUT/rule_pack_component_type.o" \
  -Wl,--no-entry -Wl,--gc-sections -Wl,--strip-debug -Wl,-z,stack-size=65536 -Wl,--stack-first -o "$OUT/c-rule.core.wasm"
${BETRACE:-betrace} compile "$OUT/c-rule.core.wasm" -o "$OUT/c-rule.wasm"
