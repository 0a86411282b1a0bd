//! `betrace fmt`: what it rewrites, what it leaves, and what it says.

use std::{fs, path::Path};

use super::run::betrace_in;

const UGLY: &str = "when{a}\n\nalways{ b }// why\n";
const TIDY: &str = "when   { a }\n\nalways { b } // why\n";

#[test]
fn files_are_rewritten_and_those_that_changed_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir(at("sub")).unwrap();
    fs::write(at("sub/ugly.btr"), UGLY).unwrap();
    fs::write(at("tidy.btr"), TIDY).unwrap();
    fs::write(at("notes.md"), UGLY).unwrap();
    let run = betrace_in(folder.path(), &["fmt", "."], b"").exits(0);
    assert_eq!(
        (run.stdout.as_str(), run.stderr.as_str()),
        ("./sub/ugly.btr\n", "")
    );
    for file in ["sub/ugly.btr", "tidy.btr"] {
        assert_eq!(fs::read_to_string(at(file)).unwrap(), TIDY, "{file}");
    }
    assert_eq!(fs::read_to_string(at("notes.md")).unwrap(), UGLY);
    let again = betrace_in(folder.path(), &["fmt", "."], b"").exits(0);
    assert_eq!(again.stdout, "");
    assert_eq!(
        fs::read_dir(at("sub")).unwrap().count(),
        1,
        "nothing is left beside the file"
    );
}

#[test]
fn check_changes_nothing_shows_the_difference_and_exits_with_1() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("ugly.btr"), UGLY).unwrap();
    fs::write(folder.path().join("tidy.btr"), TIDY).unwrap();
    let run = betrace_in(
        folder.path(),
        &["fmt", "--check", "ugly.btr", "tidy.btr"],
        b"",
    )
    .exits(1)
    .says(&["1 of 2 files", "betrace fmt"]);
    assert_eq!(
        run.stdout,
        "--- ugly.btr\n+++ ugly.btr (laid out)\n@@ -1,3 +1,3 @@\n-when{a}\n+when   { a }\n \n-always{ b }// why\n+always { b } // why\n"
    );
    assert_eq!(
        fs::read_to_string(folder.path().join("ugly.btr")).unwrap(),
        UGLY
    );
    let tidy = betrace_in(folder.path(), &["fmt", "--check", "tidy.btr"], b"").exits(0);
    assert_eq!((tidy.stdout.as_str(), tidy.stderr.as_str()), ("", ""));
}

#[test]
fn a_file_that_is_no_rule_is_shown_and_left_while_the_others_are_laid_out() {
    let folder = tempfile::tempdir().unwrap();
    let broken = "when{a} always{b";
    fs::write(folder.path().join("a.btr"), broken).unwrap();
    fs::write(folder.path().join("b.btr"), b"a.where(b == \"\xff\")").unwrap();
    fs::write(folder.path().join("c.btr"), UGLY).unwrap();
    for args in [&["fmt", "--check", "."][..], &["fmt", "."]] {
        betrace_in(folder.path(), args, b"").exits(2).says(&[
            "error[syntax]",
            "--> ./a.btr:1:",
            "error[not-text]",
            "errors in 2 of 3 files",
        ]);
    }
    assert_eq!(
        fs::read_to_string(folder.path().join("a.btr")).unwrap(),
        broken
    );
    assert_eq!(
        fs::read_to_string(folder.path().join("c.btr")).unwrap(),
        TIDY
    );
    betrace_in(folder.path(), &["fmt", "absent.btr"], b"")
        .exits(2)
        .says(&["failed to read `absent.btr`"]);
}

#[test]
fn standard_input_is_printed_in_its_layout() {
    let run = betrace_in(Path::new("/"), &["fmt", "-"], UGLY.as_bytes()).exits(0);
    assert_eq!((run.stdout.as_str(), run.stderr.as_str()), (TIDY, ""));
    let check = betrace_in(Path::new("/"), &["fmt", "--check", "-"], UGLY.as_bytes()).exits(1);
    assert!(
        check.stdout.starts_with("--- stdin.btr\n"),
        "{}",
        check.stdout
    );
    betrace_in(Path::new("/"), &["fmt", "-"], b"a and").exits(2);
}

#[cfg(unix)]
#[test]
fn a_link_stays_a_link_and_permissions_stay() {
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    let folder = tempfile::tempdir().unwrap();
    let (real, link) = (
        folder.path().join("real.btr"),
        folder.path().join("link.btr"),
    );
    fs::write(&real, UGLY).unwrap();
    fs::set_permissions(&real, fs::Permissions::from_mode(0o640)).unwrap();
    symlink("real.btr", &link).unwrap();
    betrace_in(folder.path(), &["fmt", "link.btr"], b"").exits(0);
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(fs::read_to_string(&real).unwrap(), TIDY);
    assert_eq!(
        fs::metadata(&real).unwrap().permissions().mode() & 0o777,
        0o640
    );
}

#[test]
fn the_examples_are_laid_out() {
    let examples = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples");
    let run = betrace_in(Path::new(examples), &["fmt", "--check", "."], b"").exits(0);
    assert_eq!(run.stdout, "");
}
