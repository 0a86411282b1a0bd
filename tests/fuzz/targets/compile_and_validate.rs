//! What compiles is a valid component.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| betrace_tests::fuzz::compile_and_validate(bytes));
