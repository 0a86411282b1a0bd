//! How a command ends: the exit statuses that scripts rely on, and the errors that carry them.

use std::{fmt, io, process::ExitCode};

/// The exit statuses of `betrace`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// All is well.
    Fine = 0,
    /// There is something to look at: failing tests, violations under `--fail-on violated`.
    Findings = 1,
    /// A rule or an input is wrong.
    Wrong = 2,
    /// The command line, the configuration or this machine is wrong.
    Usage = 3,
    /// It cannot be told, under `--fail-on inconclusive`.
    Inconclusive = 4,
    /// The server cannot be reached.
    Unreachable = 5,
    /// Ctrl-C ended it early: what shells say of a command that the signal ended.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// How a command ended; `Err` is printed on stderr.
pub type Outcome = Result<Exit, Failure>;

/// Why a command stopped.
#[derive(Debug)]
pub enum Failure {
    /// Something failed; the printer walks the chain of causes.
    Error {
        /// The status to exit with.
        exit: Exit,
        /// What failed.
        error: anyhow::Error,
        /// What to do about it, where that is known.
        help: Option<String>,
    },
    /// Who read our stdout has gone (`| head`): end quietly.
    ReaderGone,
}

impl Failure {
    /// Returns what failed, with its causes, in one line.
    pub fn why(&self) -> String {
        match self {
            Self::Error { error, .. } => format!("{error:#}"),
            Self::ReaderGone => "nobody reads".to_owned(),
        }
    }

    /// A rule or an input is wrong.
    pub fn wrong(error: impl Into<anyhow::Error>) -> Self {
        Self::with(Exit::Wrong, error)
    }

    /// The command line, the configuration or this machine is wrong.
    pub fn usage(error: impl Into<anyhow::Error>) -> Self {
        Self::with(Exit::Usage, error)
    }

    /// The server cannot be reached.
    pub fn unreachable(error: impl Into<anyhow::Error>) -> Self {
        Self::with(Exit::Unreachable, error)
    }

    /// Says what to do about it.
    #[must_use]
    pub fn help(self, text: impl Into<String>) -> Self {
        match self {
            Self::Error {
                exit,
                error,
                help: _,
            } => Self::Error {
                exit,
                error,
                help: Some(text.into()),
            },
            Self::ReaderGone => self,
        }
    }

    fn with(exit: Exit, error: impl Into<anyhow::Error>) -> Self {
        Self::Error {
            exit,
            error: error.into(),
            help: None,
        }
    }
}

/// Only writing to stdout returns a bare `io::Error`; files and sockets add what they are about.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self::ReaderGone;
        }
        Self::usage(anyhow::Error::new(error).context("failed to write to stdout"))
    }
}

/// Prints the causes of an error, outermost first, each once.
pub(crate) struct Chain<'a>(pub(crate) &'a anyhow::Error);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut said = String::new();
        for cause in self.0.chain() {
            let text = cause.to_string();
            // Some libraries repeat their source in their own message.
            if !said.is_empty() && said.contains(&text) {
                continue;
            }
            if !said.is_empty() {
                f.write_str("\n  because: ")?;
            }
            f.write_str(&text)?;
            said.push_str(&text);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use anyhow::Context;

    use super::*;

    #[test]
    fn each_cause_is_printed_once_outermost_first() {
        let inner = io::Error::new(io::ErrorKind::NotFound, "no such file");
        let error = Err::<(), _>(inner)
            .context("failed to read `a.btr`: no such file")
            .context("failed to check")
            .unwrap_err();
        assert_eq!(
            Chain(&error).to_string(),
            "failed to check\n  because: failed to read `a.btr`: no such file"
        );
    }

    #[test]
    fn a_reader_that_went_away_is_not_an_error() {
        let gone = Failure::from(io::Error::from(io::ErrorKind::BrokenPipe));
        assert!(matches!(gone, Failure::ReaderGone));
    }
}
