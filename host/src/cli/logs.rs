//! Logs of long-running commands, on stderr.

use std::io::{self, IsTerminal};

use tracing_subscriber::{EnvFilter, fmt};

/// Starts logging: lines for people on a terminal and in files, `BETRACE_LOG` says what (`info` where it says nothing).
pub(super) fn start() {
    let filter = EnvFilter::builder()
        .with_env_var("BETRACE_LOG")
        .with_default_directive(tracing::Level::INFO.into())
        .from_env_lossy();
    let colour = io::stderr().is_terminal();
    // A second start in one process, as in tests, changes nothing.
    let _first = fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(colour)
        .try_init();
}
