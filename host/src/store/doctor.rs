//! What is wrong with the files of a store, found without changing any of them.
//!
//! ```text
//! each file:  the database's own checksums of its pages (every page that is in use), format, kind
//! catalog:    each value of each table; what names what: verdicts, signals, versions, packs, files
//! blocks:     each chunk by the hash that its block has of it, postings by what the entry says of them
//! inbox:      each pack, each frame
//! ```
//!
//! Every file is looked at through an [`Overlay`]: the database's repairs happen in memory. What a flipped bit meets:
//! a page in use has a checksum of the database, and each value one of ours. Not covered, because nobody reads it, are
//! pages that are free, what lies behind the end of a value in its page, and the commit that came before the last.

mod finding;

use std::{path::Path, sync::Arc};

pub use self::finding::{Area, Finding, Findings};
use super::{
    CATALOG_FILE, INBOX_FILE, blocks, blocks_file,
    disk::{Disk, FileSystem},
    error::StoreError,
    file::{DbFile, FileKind},
    inbox, judged,
    lock::DirLock,
    names, quarantines, rules, signals, tenants,
};
use super::{costs, coverage, holds};
use crate::rule_id::Digest;

/// What was looked at, and what is wrong with it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Examination {
    /// The files, in the order in which they were looked at.
    pub files: Vec<ExaminedFile>,
    /// How much there is.
    pub counts: Counts,
    /// What is wrong.
    pub findings: Findings,
}

/// A file of the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExaminedFile {
    /// Its name within the directory.
    pub name: String,
    /// Its size.
    pub size_bytes: u64,
    /// Whether it could be read at all.
    pub opens: bool,
}

/// How much was looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Tenants.
    pub tenants: u64,
    /// Packs of rules.
    pub packs: u64,
    /// Versions of rules.
    pub rule_versions: u64,
    /// Listed blocks.
    pub blocks: u64,
    /// Traces of those that could be read.
    pub traces: u64,
    /// Their spans.
    pub spans: u64,
    /// Blocks with verdicts.
    pub judged_blocks: u64,
    /// Signals.
    pub signals: u64,
    /// Requests in the inbox.
    pub requests: u64,
}

/// What an examination tells and asks while it runs.
pub trait Attending {
    /// So many bytes of so many are looked at.
    fn progress(&mut self, done: u64, total: u64);

    /// Says what is wrong with a pack whose bytes are as they were stored.
    fn pack(&mut self, digest: Digest, pack: &[u8]) -> Option<String>;
}

/// Looks at every file of a store that nobody has open.
///
/// # Errors
///
/// [`StoreError::InUse`], and where the directory itself cannot be read. What is wrong with files is a finding.
pub fn examine(dir: &Path, attending: &mut dyn Attending) -> Result<Examination, StoreError> {
    let disk: Arc<dyn Disk> = Arc::new(FileSystem);
    examine_on(&disk, dir, attending)
}

/// As [`examine`], of files on a disk.
pub(crate) fn examine_on(
    disk: &Arc<dyn Disk>,
    dir: &Path,
    attending: &mut dyn Attending,
) -> Result<Examination, StoreError> {
    let names = names(disk, dir)?;
    let _lock = DirLock::take(dir)?;
    let mut examining = Examining {
        dir,
        disk: Arc::clone(disk),
        examination: Examination::default(),
        attending,
        done_bytes: 0,
        total_bytes: 0,
    };
    let of_store = |name: &&String| {
        [CATALOG_FILE, INBOX_FILE].contains(&name.as_str()) || blocks_file(name).is_some()
    };
    for name in names.iter().filter(of_store) {
        // Each byte is looked at twice: as a page, and as what it means.
        examining.total_bytes += 2 * examining.size_of(name);
    }
    let numbers: Vec<u32> = names.iter().filter_map(|name| blocks_file(name)).collect();
    examining.run(&numbers);
    Ok(examining.examination)
}

struct Examining<'a> {
    dir: &'a Path,
    disk: Arc<dyn Disk>,
    examination: Examination,
    attending: &'a mut dyn Attending,
    done_bytes: u64,
    total_bytes: u64,
}

impl Examining<'_> {
    fn run(&mut self, numbers: &[u32]) {
        let catalog = self.file(CATALOG_FILE, FileKind::Catalog);
        let list = match &catalog {
            Some(catalog) => self.catalog(catalog),
            None => Vec::new(),
        };
        self.done(CATALOG_FILE);
        if let Some(inbox) = self.file(INBOX_FILE, FileKind::Inbox) {
            let Examination {
                counts, findings, ..
            } = &mut self.examination;
            let n = inbox::examine(&inbox, findings);
            counts.requests = n;
        }
        self.done(INBOX_FILE);
        for number in numbers {
            let name = format!("blocks-{number}.redb");
            if let Some(file) = self.file(&name, FileKind::Blocks) {
                self.blocks(file, *number, &list);
            }
            self.done(&name);
        }
        let mut gone: Vec<u32> = list.iter().map(|entry| entry.file).collect();
        gone.retain(|number| !numbers.contains(number));
        gone.dedup();
        for number in gone {
            let file = self.dir.join(format!("blocks-{number}.redb"));
            let error = StoreError::Missing {
                file: file.display().to_string(),
            };
            self.examination.findings.add(Area::File, &error);
        }
    }

    fn catalog(&mut self, catalog: &DbFile) -> Vec<Arc<blocks::Entry>> {
        let Examination {
            counts, findings, ..
        } = &mut self.examination;
        let known = tenants::examine(catalog, findings);
        counts.tenants = known.len() as u64;
        let attending = &mut *self.attending;
        (counts.packs, counts.rule_versions) =
            rules::examine(catalog, findings, &mut |digest, pack| {
                attending.pack(digest, pack)
            });
        let list = blocks::examine_list(catalog, &known, findings);
        counts.blocks = list.len() as u64;
        counts.judged_blocks = judged::examine(catalog, &list, findings);
        counts.signals = signals::examine(catalog, findings);
        coverage::examine(catalog, findings);
        costs::examine(catalog, findings);
        quarantines::examine(catalog, findings);
        holds::examine(catalog, findings);
        list
    }

    fn blocks(&mut self, file: DbFile, number: u32, list: &[Arc<blocks::Entry>]) {
        let Examination {
            counts, findings, ..
        } = &mut self.examination;
        let of_file = list.iter().filter(|entry| entry.file == number);
        let (attending, total) = (&mut *self.attending, self.total_bytes);
        let mut done = self.done_bytes;
        blocks::examine_file(file, of_file, findings, &mut |entry| {
            counts.traces += u64::from(entry.meta.n_traces);
            counts.spans += u64::from(entry.meta.n_spans);
            done += entry.meta.size_bytes;
            attending.progress(done.min(total), total);
        });
    }

    /// Opens a file after looking at its pages. What is wrong with them does not keep it from being read.
    fn file(&mut self, name: &str, kind: FileKind) -> Option<DbFile> {
        let path = self.dir.join(name);
        let findings = &mut self.examination.findings;
        findings.check(Area::Pages, DbFile::check_pages(&self.disk, &path));
        let opened = DbFile::open_unchanged(&self.disk, &path, kind);
        let area = match &opened {
            Err(StoreError::OtherVersion { .. }) => Area::Version,
            Ok(_) | Err(_) => Area::File,
        };
        let opened = findings.check(area, opened);
        self.examination.files.push(ExaminedFile {
            name: name.to_owned(),
            size_bytes: self.size_of(name),
            opens: opened.is_some(),
        });
        let half = self.done_bytes + self.size_of(name);
        self.attending.progress(half, self.total_bytes);
        opened
    }

    fn size_of(&self, name: &str) -> u64 {
        self.disk.size_bytes(&self.dir.join(name)).unwrap_or(0)
    }

    fn done(&mut self, name: &str) {
        self.done_bytes += 2 * self.size_of(name);
        self.attending.progress(self.done_bytes, self.total_bytes);
    }
}

#[cfg(test)]
mod tests;
