//! The project's tooling: `cargo xtask check`, `cargo xtask test`.

fn main() {}
