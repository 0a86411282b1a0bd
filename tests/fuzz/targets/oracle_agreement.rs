//! The component and the oracle agree.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| betrace_tests::fuzz::oracle_agreement(bytes));
