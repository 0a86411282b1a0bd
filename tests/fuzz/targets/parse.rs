//! Any bytes are answered.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| betrace_tests::fuzz::parse(bytes));
