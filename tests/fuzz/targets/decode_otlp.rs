//! A request gives the spans that `opentelemetry-proto` reads of it, or both refuse it.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| drop(betrace_tests::fuzz::decode_otlp(bytes)));
