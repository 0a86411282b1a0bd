//! What refused uploads leave behind in the host: nothing.

use std::process::Command;

use crate::{Refused, files, guest::Guest, loading, refusal, sandbox, shapes, stateful};

/// Tells this program that nothing but the uploads runs in it.
const ALONE: &str = "BETRACE_TESTS_UPLOADS_ALONE";

/// The pages of this process that are in memory, in KiB.
fn resident_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// Every refused component of the suite.
fn uploads() -> Vec<Refused> {
    let mut uploads = files::cases();
    uploads.extend(shapes::of_components());
    uploads.extend(shapes::of_modules());
    uploads.extend(loading::cases());
    uploads.extend(stateful::refused_cases());
    uploads
}

fn upload(uploads: &[Refused]) {
    for upload in uploads {
        refusal(&upload.bytes).unwrap();
    }
}

/// In a process of its own: whatever else this program tests would count too.
#[test]
fn the_host_does_not_grow_by_uploads_that_it_refuses() {
    let program = std::env::current_exe().unwrap();
    let uploads = Command::new(program)
        .args(["--exact", "growth::uploads_alone", "--nocapture"])
        .env(ALONE, "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&uploads.stdout);
    println!("{said}");
    assert!(
        uploads.status.success(),
        "{said}{}",
        String::from_utf8_lossy(&uploads.stderr)
    );
    assert!(
        said.contains("uploads") || said.contains("skipped"),
        "{said}"
    );
}

/// Run by the test above.
#[test]
fn uploads_alone() {
    if std::env::var_os(ALONE).is_none() {
        return;
    }
    if resident_kib().is_none() {
        println!("skipped: the system does not say how much memory a process has");
        return;
    }
    // Built once: what building takes is not the host's.
    let uploads = uploads();
    // The allocator keeps arenas, and gives back what it likes: the most of three rounds is what it needs.
    let mut before = 0;
    for _ in 0..3 {
        upload(&uploads);
        before = before.max(resident_kib().unwrap());
    }
    for _ in 0..3 {
        upload(&uploads);
    }
    let after = resident_kib().unwrap();
    let n = 3 * uploads.len();
    println!("{n} uploads: {before} KiB; {n} more: {after} KiB");
    assert!(n >= 300, "{n}");
    assert_eq!(sandbox().n_loaded(), 0);
    // It was seen to grow by a fraction of this and then not at all; a tenth of what these uploads weigh is more.
    assert!(
        after < before + before / 8 + (8 << 10),
        "{before} KiB, {after} KiB"
    );
    // It is not that nothing works any more.
    sandbox().load(&Guest::default().build()).unwrap();
}
