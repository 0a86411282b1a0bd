//! Scenario: one bit of one file of a store is not what was written, at each of some hundred places.
//!
//! Guarantees: either nothing that anybody reads is different, or it is detected by name, by the doctor and by whoever
//! opens the store; nothing panics, and no answer is another without a word about it.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    ops::ControlFlow,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::*;
use crate::{
    clock::{Clock, ManualClock, UnixNanos},
    live::{
        Live, LiveOptions, Parts,
        tests::format::{UNREADABLE, said, unpack},
    },
    replay::{ReplayOptions, Replaying, replay},
    rules::Registry,
    sandbox::{PackCompiler, Sandbox, SandboxLimits},
    store::{
        Store,
        limits::FINDINGS_MAX,
        tests::{TempStore, file_system},
    },
    tenant::TenantId,
};

/// How many places of each file.
const FLIPS: usize = 120;

/// The least that the database writes.
const PAGE_BYTES: usize = 4_096;

/// How finely it is found out what is in use.
const WINDOW_BYTES: usize = 256;

/// Which bit of which byte: of the header the one that says which of the two last commits is the last. Without it the file
/// is whole, as it was one commit ago, and nothing in it says otherwise.
const PRIMARY: (usize, u8) = (9, 1);

struct Nothing;

impl Attending for Nothing {
    fn progress(&mut self, done: u64, total: u64) {
        assert!(done <= total);
    }

    fn pack(&mut self, _: Digest, _: &[u8]) -> Option<String> {
        None
    }
}

fn examined(folder: &Path) -> Examination {
    examine(folder, &mut Nothing).unwrap()
}

/// Numbers that are the same each time (splitmix64).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % n as u64) as usize
    }
}

/// The files of a store, to be damaged.
struct Bench {
    files: BTreeMap<String, Vec<u8>>,
    sandbox: Arc<Sandbox>,
    /// Keeps the packs loaded.
    _registry: Registry,
    _folder: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        unpack(folder.path());
        let files = fs::read_dir(folder.path()).unwrap().map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            (name, fs::read(path).unwrap())
        });
        let files = files.collect();
        let sandbox = Sandbox::new(PackCompiler::InProcess, SandboxLimits::default()).unwrap();
        let sandbox = Arc::new(sandbox);
        let store = Store::open(folder.path(), clock()).unwrap();
        Self {
            files,
            _registry: Registry::open(store, Arc::clone(&sandbox)).unwrap(),
            sandbox,
            _folder: folder,
        }
    }

    /// Writes the store with one bit of one file changed.
    fn write(&self, folder: &Path, flip: Option<(&str, usize, u8)>) {
        for (name, bytes) in &self.files {
            let mut bytes = bytes.clone();
            if let Some((of, at, bit)) = flip
                && of == name
            {
                bytes[at] ^= bit;
            }
            fs::write(folder.join(name), bytes).unwrap();
        }
    }

    /// Everything that can be asked of a store, or why it does not open. Says beside it whether it is told to be damaged.
    fn answers(&self, folder: &Path) -> (String, bool) {
        let store = match Store::open(folder, clock()) {
            Ok(store) => store,
            Err(error) => return (format!("{UNREADABLE}{error}"), true),
        };
        let mut text = said(&store);
        let registry = match Registry::open(store.clone(), Arc::clone(&self.sandbox)) {
            Ok(registry) => Arc::new(registry),
            Err(error) => return (format!("{text}{UNREADABLE}{error}"), true),
        };
        text += &self.replayed(&store, &registry);
        let warned = !store.damaged().is_empty();
        let told = warned || text.contains(UNREADABLE);
        let parts = Parts {
            store,
            registry,
            sandbox: Arc::clone(&self.sandbox),
            clock: clock(),
            telemetry: Arc::default(),
        };
        if let Ok(live) = Live::start(parts, LiveOptions::default()) {
            live.stop();
            let failed = live.failed().unwrap_or_default();
            assert!(!failed.contains("panicked"), "{failed}");
        }
        (text, told)
    }

    fn replayed(&self, store: &Store, registry: &Registry) -> String {
        let acme = TenantId::try_new("acme").unwrap();
        let clock = clock();
        let with = Replaying {
            store,
            sandbox: &self.sandbox,
            clock: &*clock,
        };
        let options = ReplayOptions {
            from: None,
            to: None,
            threads: 1,
        };
        let rules = match registry.live(&acme) {
            Ok(rules) => rules,
            Err(error) => return format!("{UNREADABLE}{error}\n"),
        };
        let mut go_on = |_| ControlFlow::Continue(());
        match replay(with, &acme, rules.rules(), options, &mut go_on) {
            Err(error) => format!("{UNREADABLE}{error}\n"),
            Ok(replayed) => {
                let mut text = String::new();
                for rule in &replayed.rules {
                    let (n, counts) = (rule.violations.len(), rule.counts);
                    writeln!(text, "replayed {}: {counts:?}, {n} violations", rule.id).unwrap();
                }
                for block in &replayed.unreadable {
                    writeln!(text, "{UNREADABLE}{block}").unwrap();
                }
                text
            }
        }
    }

    /// Returns where in a file there is something that the database reads: where it notices a change. Most of a small file
    /// is room, and behind the values of a page lies what was there before.
    fn in_use(&self, file: &str) -> Vec<usize> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        let disk = file_system();
        let pages = self.files[file].chunks(WINDOW_BYTES).enumerate();
        let mut in_use = Vec::new();
        for (number, page) in pages.skip(PAGE_BYTES / WINDOW_BYTES) {
            let there = |at: &usize| page[*at] != 0;
            let Some(first) = (0..page.len()).find(there) else {
                continue;
            };
            let mut bytes = self.files[file].clone();
            bytes[number * WINDOW_BYTES + first] ^= 1;
            fs::write(&path, bytes).unwrap();
            if DbFile::check_pages(&disk, &path).is_err() {
                let there = (0..page.len()).filter(there);
                in_use.extend(there.map(|at| number * WINDOW_BYTES + at));
            }
        }
        in_use
    }

    /// Flips bits of a file, most of them where something is, and returns how many were detected.
    fn flip(&self, file: &str, seed: u64) -> usize {
        let folder = tempfile::tempdir().unwrap();
        self.write(folder.path(), None);
        let whole = self.answers(folder.path());
        assert!(!whole.1, "{}", whole.0);
        let mut numbers = Numbers(seed);
        let bytes = &self.files[file];
        let used = self.in_use(file);
        assert!(used.len() > 1_000, "{} places are in use", used.len());
        let mut n_detected = 0;
        for i in 0..FLIPS {
            let at = match i % 8 {
                0 => numbers.below(bytes.len()),
                1 => numbers.below(320),
                _ => used[numbers.below(used.len())],
            };
            let bit = 1 << numbers.below(8);
            if (at, bit) == PRIMARY {
                continue;
            }
            let folder = tempfile::tempdir().unwrap();
            self.write(folder.path(), Some((file, at, bit)));
            let before = fs::read(folder.path().join(file)).unwrap();
            let examination = examined(folder.path());
            let after = fs::read(folder.path().join(file)).unwrap();
            assert!(before == after, "the doctor changed {file}");
            let (answers, told) = self.answers(folder.path());
            let place = format!(
                "{file}, byte {at}, bit {bit:#x}: {:?}",
                examination.findings
            );
            if examination.findings.is_empty() {
                assert!(!told && answers == whole.0, "{place}\n{answers}");
                continue;
            }
            n_detected += 1;
            let of_file = |finding: &Finding| finding.what.contains(file);
            assert!(examination.findings.listed.iter().any(of_file), "{place}");
            assert!(told || answers == whole.0, "{place}\n{answers}");
        }
        n_detected
    }
}

fn clock() -> Arc<dyn Clock> {
    Arc::new(ManualClock::new(UnixNanos(1_772_366_400_000_000_000)))
}

/// Three of four flips are in a page in use.
fn detects(n_detected: usize) {
    println!("{n_detected} of {FLIPS} were detected");
    assert!(n_detected > FLIPS / 2, "{n_detected} of {FLIPS}");
}

#[test]
fn a_flipped_bit_of_the_catalog_is_detected_or_in_nothing_that_is_read() {
    detects(Bench::new().flip("catalog.redb", 1));
}

#[test]
fn a_flipped_bit_of_the_inbox_is_detected_or_in_nothing_that_is_read() {
    detects(Bench::new().flip("inbox.redb", 2));
}

#[test]
fn a_flipped_bit_of_a_file_of_blocks_is_detected_or_in_nothing_that_is_read() {
    detects(Bench::new().flip("blocks-1.redb", 3));
}

#[test]
fn a_whole_store_has_no_findings_and_is_counted_open_or_killed() {
    let temp = TempStore::new();
    unpack(&temp.path());
    let check = |folder: &Path| {
        let examination = examined(folder);
        assert!(
            examination.findings.is_empty(),
            "{:?}",
            examination.findings
        );
        let counts = Counts {
            tenants: 2,
            packs: 3,
            rule_versions: 4,
            blocks: 4,
            traces: 67,
            spans: examination.counts.spans,
            judged_blocks: 4,
            signals: examination.counts.signals,
            requests: 1,
        };
        assert_eq!(examination.counts, counts);
        assert!(counts.spans > 4_480 && counts.signals > 44);
        assert_eq!(examination.files.len(), 3);
    };
    check(&temp.path());
    let store = temp.open();
    let error = examine(&temp.path(), &mut Nothing).unwrap_err();
    assert!(matches!(error, StoreError::InUse { .. }), "{error}");
    // As a process that is killed leaves it.
    check(&temp.killed().path());
    drop(store);
    check(&temp.path());
}

#[test]
fn files_that_are_gone_or_something_else_are_findings() {
    let remove = |path: PathBuf| fs::remove_file(path).unwrap();
    let overwrite = |path: PathBuf| fs::write(path, b"a letter to a friend").unwrap();
    let cut = |path: PathBuf| {
        let bytes = fs::read(&path).unwrap();
        fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
    };
    let harms: [&dyn Fn(PathBuf); 3] = [&remove, &overwrite, &cut];
    for file in ["catalog.redb", "inbox.redb", "blocks-1.redb"] {
        for harm in harms {
            let folder = tempfile::tempdir().unwrap();
            unpack(folder.path());
            harm(folder.path().join(file));
            let examination = examined(folder.path());
            let named = |finding: &Finding| finding.what.contains(file);
            let findings = &examination.findings.listed;
            assert!(findings.iter().any(named), "{file}: {findings:?}");
        }
    }
}

#[test]
fn more_findings_than_are_kept_are_counted() {
    let mut findings = Findings::default();
    for _ in 0..FINDINGS_MAX + 3 {
        let error = StoreError::Missing {
            file: "f".to_owned(),
        };
        findings.add(Area::File, &error);
    }
    assert_eq!((findings.listed.len(), findings.n_more), (FINDINGS_MAX, 3));
}
