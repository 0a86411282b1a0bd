//! `cargo xtask nightly`: what is too long for every change: the seeds of the simulation, kills of the
//! server, and floods of spans at their full size.

use std::process::ExitCode;

use crate::steps::{Steps, cargo};

/// How many seeds are played where nothing else is asked for.
const SEEDS: &str = "10000";
/// How often the server is killed where nothing else is asked for.
const KILLS: &str = "200";
/// How many spans a flood has.
const FLOOD_SPANS: &str = "1000000";

/// `args`: how many seeds, how many kills.
pub(crate) fn run(args: &[String]) -> ExitCode {
    let seeds = args.first().map_or(SEEDS, String::as_str);
    let kills = args.get(1).map_or(KILLS, String::as_str);
    let mut steps = Steps::new();
    // By cargo's own runner: the other ends a test that takes longer than ten minutes.
    let mut simulation = cargo(&["test", "--workspace", "--locked", "--lib", "--"]);
    simulation.args(["simulation", "--nocapture"]);
    simulation.env("BETRACE_SEEDS", seeds);
    steps.run(&format!("{seeds} seeds of the simulation"), &mut simulation);
    let binary = ["build", "--workspace", "--locked", "--bins"];
    if steps.run("the server", &mut cargo(&binary)) {
        let mut crash = cargo(&["test", "--workspace", "--locked", "--test", "crash"]);
        crash.env("BETRACE_KILLS", kills);
        steps.run(&format!("{kills} kills of the server"), &mut crash);
        let test = ["--test", "hostile_traces", "floods"];
        let mut floods = cargo(&[&["test", "--workspace", "--locked"], &test[..]].concat());
        floods.env("BETRACE_FLOOD_SPANS", FLOOD_SPANS);
        steps.run(&format!("floods of {FLOOD_SPANS} spans"), &mut floods);
    }
    steps.finish("nightly")
}
