//! The project's tooling, so that a fresh machine needs nothing but cargo:
//! `cargo xtask check`, `cargo xtask test`, `cargo xtask guests`, `cargo xtask bench`, `cargo xtask fuzz`,
//! `cargo xtask nightly`.

use std::{
    io::{self, Write},
    process::ExitCode,
};

mod bench;
mod check;
mod fuzz;
mod guests;
mod nightly;
mod registry;
mod steps;
mod test;

const USAGE: &str = "\
usage: cargo xtask COMMAND

  check   formatting, lints and documentation, warnings denied; licences and advisories where cargo-deny is installed
  test    finds or makes what the tests need, the toolchain for guests too, then runs all of them (arguments after -- go to the test runner)
  guests  finds or makes the toolchain for rules in Rust, and builds those that the tests need; `test` begins with it
  bench   runs the benches (arguments after -- go to them); `bench duckdb` compares replays with DuckDB, where python3
          and its package are there
  fuzz    runs each fuzz target for 60 s, or as many as are given, where cargo-fuzz is installed
  nightly plays 10000 seeds of the simulation and kills the server 200 times, or as often as is given";

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let command = args.next().unwrap_or_default();
    let rest: Vec<String> = args.skip_while(|arg| arg == "--").collect();
    match command.as_str() {
        "check" => check::run(),
        "test" => test::run(&rest),
        "guests" => guests::run(),
        "bench" => bench::run(&rest),
        "fuzz" => fuzz::run(&rest),
        "nightly" => nightly::run(&rest),
        "" | "help" | "--help" | "-h" => {
            say(USAGE);
            ExitCode::SUCCESS
        }
        _ => {
            say(&format!(
                "xtask: there is no command `{command}`\n\n{USAGE}"
            ));
            ExitCode::from(3)
        }
    }
}

/// Writes a line to stderr, beside the output of the tools that run.
fn say(line: &str) {
    let _unread = writeln!(io::stderr(), "{line}");
}
