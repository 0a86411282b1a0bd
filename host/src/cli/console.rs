//! Where a command writes: data to stdout, everything else to stderr, colour and progress bars only where a person looks.

use std::{
    fmt,
    io::{self, BufWriter, IsTerminal, Write},
};

use clap::ValueEnum;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

/// When to colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ColourChoice {
    /// On a terminal, unless `NO_COLOR` is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// The command's stdout and stderr.
pub struct Console {
    out: BufWriter<Box<dyn Write + Send>>,
    /// Whether stdout takes colours.
    colour_out: bool,
    /// Whether stderr takes colours.
    colour_err: bool,
    /// Whether progress bars are drawn.
    progress: bool,
}

impl fmt::Debug for Console {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Console").finish_non_exhaustive()
    }
}

impl Console {
    /// Takes the process's stdout and stderr.
    pub fn new(colour: ColourChoice) -> Self {
        let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let wants = |terminal: bool| match colour {
            ColourChoice::Auto => terminal && !plain,
            ColourChoice::Always => true,
            ColourChoice::Never => false,
        };
        Self {
            out: BufWriter::new(Box::new(io::stdout())),
            colour_out: wants(io::stdout().is_terminal()),
            colour_err: wants(io::stderr().is_terminal()),
            progress: io::stderr().is_terminal(),
        }
    }

    /// Writes one line of data.
    pub fn line(&mut self, text: impl fmt::Display) -> io::Result<()> {
        writeln!(self.out, "{text}")
    }

    /// Writes data as it is.
    pub fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.write_all(bytes)
    }

    /// Writes data as JSON over many lines, for `-o json`.
    pub fn json(&mut self, value: &impl Serialize) -> io::Result<()> {
        serde_json::to_writer_pretty(&mut self.out, value)?;
        self.out.write_all(b"\n")
    }

    /// Writes data as one line of JSON, for `-o ndjson`, and sends it on its way.
    pub fn json_line(&mut self, value: &impl Serialize) -> io::Result<()> {
        serde_json::to_writer(&mut self.out, value)?;
        self.out.write_all(b"\n")?;
        self.out.flush()
    }

    /// Sends on what was written. The end of a command does it too.
    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    /// Returns the colours of stdout.
    pub fn paint(&self) -> Paint {
        Paint(self.colour_out)
    }

    /// Returns the colours of stderr.
    pub fn paint_err(&self) -> Paint {
        Paint(self.colour_err)
    }

    /// Writes a diagnostic line to stderr; that nobody reads it stops nothing.
    pub fn note(&self, text: impl fmt::Display) {
        Self::say(text);
    }

    /// As [`Self::note`], for a thread that has no console.
    pub fn say(text: impl fmt::Display) {
        let _unread = writeln!(io::stderr(), "{text}");
    }

    /// Writes `warning: …` to stderr.
    pub fn warn(&self, text: impl fmt::Display) {
        let paint = self.paint_err();
        self.note(format_args!("{} {text}", paint.yellow("warning:")));
    }

    /// Writes `error: …` to stderr.
    pub fn error(&self, text: impl fmt::Display) {
        let paint = self.paint_err();
        self.note(format_args!("{} {text}", paint.red("error:")));
    }

    /// Starts a progress bar over `total_bytes` (none: a spinner), drawn only where stderr is a terminal.
    pub fn progress_bytes(&self, what: &str, total_bytes: Option<u64>) -> ProgressBar {
        let template = match total_bytes {
            Some(_) => "{prefix} {bar:30} {bytes}/{total_bytes} {bytes_per_sec} {msg} {eta}",
            None => "{prefix} {spinner} {bytes} {bytes_per_sec} {msg}",
        };
        self.bar(what, total_bytes, template)
    }

    /// Starts a progress bar over `total` things called `unit`.
    pub fn progress_count(&self, what: &str, unit: &str, total: Option<u64>) -> ProgressBar {
        let template = match total {
            Some(_) => {
                format!("{{prefix}} {{bar:30}} {{pos}}/{{len}} {unit} {{per_sec}} {{msg}} {{eta}}")
            }
            None => format!("{{prefix}} {{spinner}} {{pos}} {unit} {{msg}}"),
        };
        self.bar(what, total, &template)
    }

    fn bar(&self, what: &str, total: Option<u64>, template: &str) -> ProgressBar {
        if !self.progress {
            return ProgressBar::hidden();
        }
        let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::stderr());
        // A template that does not parse falls back to the library's own bar.
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_prefix(what.to_owned());
        bar
    }
}

/// The colours of one stream; without colour each returns its text as it is.
#[derive(Clone, Copy, Debug)]
pub struct Paint(bool);

impl Paint {
    /// No colours.
    pub const PLAIN: Self = Self(false);

    /// Whether there is colour.
    pub fn is_on(self) -> bool {
        self.0
    }

    /// What is wrong.
    pub fn red(self, text: impl fmt::Display) -> String {
        self.ansi("31;1", text)
    }

    /// What is right.
    pub fn green(self, text: impl fmt::Display) -> String {
        self.ansi("32", text)
    }

    /// What to be careful of.
    pub fn yellow(self, text: impl fmt::Display) -> String {
        self.ansi("33", text)
    }

    /// Headings.
    pub fn bold(self, text: impl fmt::Display) -> String {
        self.ansi("1", text)
    }

    /// What matters less.
    pub fn dim(self, text: impl fmt::Display) -> String {
        self.ansi("2", text)
    }

    fn ansi(self, code: &str, text: impl fmt::Display) -> String {
        if self.0 {
            format!("\u{1b}[{code}m{text}\u{1b}[0m")
        } else {
            text.to_string()
        }
    }
}
