//! How loading and calling fail.

use crate::verdict::Reason;

use super::limits::PACK_BYTES_MAX;

/// The sandbox could not be set up.
#[derive(Debug, thiserror::Error)]
#[error("the sandbox does not start: {what}")]
pub struct SandboxError {
    pub(super) what: String,
}

/// Why bytes were not loaded as a pack. What was live stays so.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// Larger than a pack may be.
    #[error("the file has {bytes} bytes, a pack at most {PACK_BYTES_MAX}")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// Not WebAssembly at all.
    #[error("not a WebAssembly component: {what}")]
    NotWasm {
        /// What it looks like.
        what: &'static str,
    },
    /// A core module.
    #[error(
        "a core module, not a component: build it for `wasm32-unknown-unknown` and wrap it with `betrace compile`"
    )]
    CoreModule,
    /// Ends too early.
    #[error("the component is truncated: it ends at byte {offset} within a section")]
    Truncated {
        /// Where.
        offset: u64,
    },
    /// Not valid.
    #[error("not a valid component: {what}")]
    Invalid {
        /// In the words of the validator, and where.
        what: String,
    },
    /// Asks for something of the outside.
    #[error("imports {name}: rules have no imports")]
    Import {
        /// The name of the import.
        name: String,
    },
    /// A shape that packs do not have.
    #[error("a pack is one guest module and its interface; this component {what}")]
    Shape {
        /// What it does instead.
        what: String,
    },
    /// More of something than a pack may have.
    #[error("it has {found} {what}, a pack at most {most}")]
    Over {
        /// Of what, with its unit.
        what: &'static str,
        /// How much, as far as it was counted.
        found: u64,
        /// The limit.
        most: u64,
    },
    /// A component for something else.
    #[error("not a rule pack: it exports {found}, not `{expected}`")]
    OtherWorld {
        /// What it exports.
        found: String,
        /// What a pack exports.
        expected: &'static str,
    },
    /// A pack for another version of the contract.
    #[error("built for `{found}`; this host speaks `{expected}`: rebuild it against that")]
    OtherVersion {
        /// What it exports.
        found: String,
        /// What this host knows.
        expected: &'static str,
    },
    /// The compiler refused it.
    #[error("it does not compile: {what}")]
    Compile {
        /// In the words of the compiler.
        what: String,
    },
    /// Compiling took too much.
    #[error("compiling it takes more than {what}")]
    CompileLimit {
        /// Of what.
        what: String,
    },
    /// The export has another type than the contract says.
    #[error("its interface is not that of the contract: {what}")]
    Interface {
        /// The difference.
        what: String,
    },
    /// It failed when asked what it holds.
    #[error("`describe` failed: {0}")]
    Describe(RuleFault),
    /// What it says of itself breaks the contract.
    #[error("rule `{rule}`: {what}")]
    Description {
        /// The id of the rule, or its position where the id is the fault.
        rule: String,
        /// What is wrong.
        what: String,
    },
    /// The rules of the pack together break the contract.
    #[error("the pack {what}")]
    Pack {
        /// What is wrong.
        what: String,
    },
    /// It failed on a trial batch.
    #[error("rule `{rule}` failed on a trial batch of {traces} traces: {fault}")]
    Trial {
        /// The id of the rule.
        rule: String,
        /// How many traces.
        traces: usize,
        /// How it failed.
        fault: RuleFault,
    },
    /// It says of a trace one thing in some company and another in other.
    #[error("rule `{rule}` is stateful: {what}; a verdict may depend on nothing but its trace")]
    Stateful {
        /// The id of the rule.
        rule: String,
        /// What changed its answer.
        what: String,
    },
    /// `describe` and the trial took too long.
    #[error(
        "`describe` and the trial batches take more than {most_ms} ms; try again if the host is very busy"
    )]
    TrialLimit {
        /// The limit.
        most_ms: u128,
    },
    /// Others are being loaded.
    #[error("the host is busy: {what}; try again in some seconds")]
    Busy {
        /// With what.
        what: String,
    },
    /// No room for another pack.
    #[error("{max} packs are loaded, the most that this host keeps")]
    TooManyPacks {
        /// The limit.
        max: usize,
    },
    /// The host failed, not the pack.
    #[error("the host failed: {what}")]
    Host {
        /// How.
        what: String,
    },
}

impl LoadError {
    /// Whether it says nothing of the pack: the host failed, or had no room or time for it beside others. The same bytes may
    /// load later.
    pub fn is_of_host(&self) -> bool {
        match self {
            // Which packs found a place is a matter of who came first.
            Self::TooManyPacks { .. }
            | Self::TrialLimit { .. }
            | Self::Busy { .. }
            | Self::Host { .. } => true,
            Self::TooLarge { .. }
            | Self::NotWasm { .. }
            | Self::CoreModule
            | Self::Truncated { .. }
            | Self::Invalid { .. }
            | Self::Import { .. }
            | Self::Shape { .. }
            | Self::Over { .. }
            | Self::OtherWorld { .. }
            | Self::OtherVersion { .. }
            | Self::Compile { .. }
            // What was published has four times the time in which it was compiled before.
            | Self::CompileLimit { .. }
            | Self::Interface { .. }
            | Self::Describe(_)
            | Self::Description { .. }
            | Self::Pack { .. }
            | Self::Trial { .. }
            | Self::Stateful { .. } => false,
        }
    }
}

/// How a rule misbehaved. It is data: stored and counted, never an error of the host.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {detail}", kind.name())]
pub struct RuleFault {
    /// The reason that an inconclusive verdict carries.
    pub kind: Reason,
    /// For the rule's author.
    pub detail: String,
    /// What the call spent before it failed.
    pub fuel_spent: u64,
}

/// Why a call has no answer.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The rule misbehaved.
    #[error(transparent)]
    Fault(#[from] RuleFault),
    /// The host failed; the rule is not to blame.
    #[error("the sandbox has no instance: {what}")]
    Host {
        /// How.
        what: String,
    },
}

/// Characters of an author's text that a sentence quotes.
const EXCERPT_CHARS_MAX: usize = 200;

/// Shortens what an author's file says for a sentence, and makes harmless what would drive a terminal.
pub(super) fn excerpt(text: &str) -> String {
    let mut chars = text.chars();
    let mut excerpt = String::new();
    for char in chars.by_ref().take(EXCERPT_CHARS_MAX) {
        if char.is_control() {
            excerpt.extend(char.escape_default());
        } else {
            excerpt.push(char);
        }
    }
    if chars.next().is_some() {
        excerpt.push_str("...");
    }
    excerpt
}
