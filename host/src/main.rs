//! The `betrace` binary.

fn main() {}
