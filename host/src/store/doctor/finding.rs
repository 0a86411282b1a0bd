//! What is wrong, what that means, and what to do.

use std::error::Error;

use crate::store::limits::FINDINGS_MAX;

/// What a finding is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Area {
    /// A file as a whole.
    File,
    /// The format of a file.
    Version,
    /// Pages of a file.
    Pages,
    /// The tenants, their limits and tokens.
    Tenants,
    /// A pack.
    Packs,
    /// The rules, their versions and rule sets.
    Rules,
    /// The list of blocks.
    List,
    /// A block.
    Block,
    /// Which traces of a block have a span of a name.
    Postings,
    /// The verdicts on a block.
    Verdicts,
    /// A signal.
    Signals,
    /// Coverage, costs and quarantines.
    Sums,
    /// A hold.
    Holds,
    /// What was acknowledged and is not in a block yet.
    Inbox,
}

impl Area {
    /// Returns the name, as JSON has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Version => "version",
            Self::Pages => "pages",
            Self::Tenants => "tenants",
            Self::Packs => "packs",
            Self::Rules => "rules",
            Self::List => "list",
            Self::Block => "block",
            Self::Postings => "postings",
            Self::Verdicts => "verdicts",
            Self::Signals => "signals",
            Self::Sums => "sums",
            Self::Holds => "holds",
            Self::Inbox => "inbox",
        }
    }

    /// Returns what follows from it for whoever uses the store.
    pub fn means(self) -> &'static str {
        match self {
            Self::File => "the store does not open, or what this file holds is not there",
            Self::Version => "this betrace does not open the store; nothing need be wrong with it",
            Self::Pages => {
                "what lies in those pages may be missing from answers; the other findings say what was found to be"
            }
            Self::Tenants => "the store does not open",
            Self::Packs => {
                "the rules of the pack are not called, and the traces that they would judge are inconclusive"
            }
            Self::Rules => {
                "rules of the tenant cannot be loaded, and a server does not start; where only a pack is gone, its rules are not called"
            }
            Self::List => "the block is passed over: its traces are not found and not replayed",
            Self::Block => {
                "traces of the block cannot be read, and replays leave it out and say so"
            }
            Self::Postings => "the block is read where its postings would have spared it",
            Self::Verdicts => {
                "the live verdicts on the block cannot be read; a replay judges it anew"
            }
            Self::Signals => "the signal cannot be read, and lists that it is in cannot either",
            Self::Sums => "coverage, costs or quarantines of the tenant cannot be read",
            Self::Holds => "nothing of the tenant is taken by retention, whatever its age",
            Self::Inbox => {
                "the spans of the request are in no block, and a server passes them over"
            }
        }
    }

    /// Returns what to do.
    pub fn remedy(self) -> &'static str {
        match self {
            Self::File | Self::Pages | Self::Tenants | Self::Rules | Self::Signals | Self::Sums => {
                "put the data directory back from a backup; look for errors of the disk"
            }
            Self::Packs => "publish the pack again; look for errors of the disk",
            Self::List | Self::Block => {
                "import the traces again, or put the data directory back from a backup"
            }
            Self::Version => "run the betrace that wrote it",
            Self::Postings => "nothing has to be done; look for errors of the disk",
            Self::Verdicts => "replay the rules over the time of the block",
            Self::Holds => "remove the hold and add it again",
            Self::Inbox => "have the client send them again; look for errors of the disk",
        }
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What it is about.
    pub area: Area,
    /// Where and what, in a sentence.
    pub what: String,
}

/// All that is wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// The first thousand.
    pub listed: Vec<Finding>,
    /// How many more there are.
    pub n_more: u64,
}

impl Findings {
    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.listed.is_empty()
    }

    /// Adds what an error says, with its causes.
    pub(in crate::store) fn add(&mut self, area: Area, error: &dyn Error) {
        let mut what = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            what = format!("{what}: {cause}");
            source = cause.source();
        }
        if self.listed.len() < FINDINGS_MAX {
            self.listed.push(Finding { area, what });
        } else {
            self.n_more += 1;
        }
    }

    /// Returns what went well, and adds what did not.
    pub(in crate::store) fn check<T, E: Error>(
        &mut self,
        area: Area,
        result: Result<T, E>,
    ) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(error) => {
                self.add(area, &error);
                None
            }
        }
    }
}
