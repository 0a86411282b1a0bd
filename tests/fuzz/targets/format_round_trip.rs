//! What is laid out says the same.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| betrace_tests::fuzz::format_round_trip(bytes));
