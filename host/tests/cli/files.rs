//! Rule files on disk: check, compile, inspect.

use std::{fs, path::Path};

use super::run::{Run, betrace_in};

const RULE: &str = "// Signal: HIPAA_164_312_b_VIOLATION (critical)
trace.has(phi.access)
  and not trace.has(audit.log)
";

fn with(file: &str, text: &str, args: &[&str]) -> Run {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(file), text).unwrap();
    betrace_in(folder.path(), args, b"")
}

#[test]
fn a_rule_that_compiles_is_named() {
    let run = with("phi.btr", RULE, &["check", "phi.btr"]).exits(0);
    assert_eq!(run.stdout, "phi.btr: hipaa-164-312-b-violation\n");
    assert_eq!(run.stderr, "");
}

#[test]
fn a_rule_that_does_not_compile_exits_with_2_and_shows_the_place() {
    let broken = "when { phi.access } always { audit.log ";
    for command in [
        &["check", "phi.btr"][..],
        &["compile", "phi.btr", "-o", "phi.wasm"],
        &["inspect", "phi.btr"],
        &["replay", "phi.btr"],
        &["rules", "apply", "phi.btr"],
    ] {
        let run = with("phi.btr", broken, command)
            .exits(2)
            .says(&["error", "--> phi.btr:1:"]);
        assert_eq!(run.stdout, "", "{command:?}");
    }
}

#[test]
fn diagnostics_as_json_are_data_on_stdout() {
    let run = with("phi.btr", "when { a }", &["check", "phi.btr", "-o", "json"]).exits(2);
    let files: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(files[0]["file"], "phi.btr");
    let first = &files[0]["diagnostics"][0];
    assert_eq!(first["severity"], "error");
    assert_eq!(first["line"], 1);
    assert!(first["code"].is_string() && first["column"].is_u64());
    assert_eq!(run.stderr, "");

    let run = with(
        "e.btr",
        "\"\u{e9}\" && b",
        &["check", "e.btr", "-o", "json"],
    )
    .exits(2);
    let files: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    let said = &files[0]["diagnostics"][0];
    // Bytes from 0, characters from 1.
    assert_eq!(said["file"], "e.btr");
    assert_eq!((&said["start"], &said["end"]), (&5.into(), &7.into()));
    assert_eq!(
        (&said["column"], &said["end_column"]),
        (&5.into(), &7.into())
    );
    assert_eq!(said["fix"]["start"], 5);
    assert_eq!(said["fix"]["replacement"], "and");
}

#[test]
fn a_file_that_is_not_there_exits_with_2_and_is_named() {
    for args in [
        &["check", "absent.btr"][..],
        &["compile", "absent.btr", "-o", "x.wasm"],
        &["inspect", "absent.wasm"],
        &["test", "absent.test.toml"],
        &["replay", "absent.btr"],
        &["rules", "apply", "absent.btr"],
    ] {
        betrace_in(Path::new("/"), args, b"")
            .exits(2)
            .says(&["failed to read `absent."]);
    }
}

#[test]
fn a_folder_without_rules_exits_with_2() {
    with("notes.md", "", &["check", "."])
        .exits(2)
        .says(&["there are no .btr files in `.`"]);
}

#[test]
fn the_same_source_gives_the_same_bytes_and_inspect_says_what_they_hold() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("phi.btr"), RULE).unwrap();
    let run = |args: &[&str]| betrace_in(folder.path(), args, b"").exits(0);
    run(&["compile", "phi.btr", "-o", "a.wasm"]);
    run(&["compile", "phi.btr", "-o", "b.wasm"]);
    let bytes = fs::read(folder.path().join("a.wasm")).unwrap();
    assert_eq!(bytes, fs::read(folder.path().join("b.wasm")).unwrap());
    let pack = run(&["inspect", "a.wasm", "-o", "json"]);
    let pack: serde_json::Value = serde_json::from_str(&pack.stdout).unwrap();
    assert!(pack["digest"].as_str().unwrap().starts_with("sha256:"));
    assert_eq!(pack["size_bytes"], bytes.len());
    assert_eq!(pack["rules"][0]["id"], "hipaa-164-312-b-violation");
    assert_eq!(pack["rules"][0]["severity"], "critical");
    let human = run(&["inspect", "phi.btr"]).stdout;
    assert!(
        human.contains("HIPAA_164_312_b_VIOLATION (critical)"),
        "{human}"
    );
}

#[test]
fn inspect_shows_the_timezone_database_of_rules_that_have_a_timezone() {
    let rule = |zone: &str| {
        format!("rule late {{ timezone \"{zone}\" match {{ a.where(timestamp.hour >= 18) }} }}")
    };
    let zoned = with("x.btr", &rule("Asia/Kolkata"), &["inspect", "x.btr"])
        .exits(0)
        .stdout;
    assert!(zoned.contains("timezones of IANA 20"), "{zoned}");
    let utc = with("x.btr", &rule("UTC"), &["inspect", "x.btr", "-o", "json"])
        .exits(0)
        .stdout;
    assert!(!utc.contains("timezones"), "{utc}");
}

#[test]
fn standard_input_is_a_file_too() {
    let run = betrace_in(Path::new("/"), &["check", "-"], RULE.as_bytes()).exits(0);
    assert_eq!(run.stdout, "stdin.btr: hipaa-164-312-b-violation\n");
}

#[test]
fn what_is_no_component_would_not_be_loaded() {
    for (bytes, says) in [
        ("\0asm garbage", "would not be loaded"),
        ("\0asm", "would not be loaded"),
    ] {
        with("x.wasm", bytes, &["inspect", "x.wasm"])
            .exits(2)
            .says(&["`x.wasm`", says]);
    }
    with("x.wasm", "\0asm", &["compile", "x.wasm", "-o", "y.wasm"])
        .exits(2)
        .says(&["is compiled already", "betrace inspect"]);
}

#[test]
fn a_core_module_that_holds_no_rules_is_told_what_it_lacks_or_has_too_much() {
    for (text, says) in [
        ("(module)", "failed to find export"),
        (r#"(module (import "env" "clock" (func)))"#, "env"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("x.wasm"), wat::parse_str(text).unwrap()).unwrap();
        betrace_in(folder.path(), &["compile", "x.wasm", "-o", "y.wasm"], b"")
            .exits(2)
            .says(&["`x.wasm` is no module of rules", says, "imports nothing"]);
        assert!(!folder.path().join("y.wasm").exists());
    }
}

#[test]
fn warnings_are_refused_where_they_are_denied() {
    let doubtful = "trace.has(a).where(role != admin)";
    with("a.btr", doubtful, &["check", "a.btr"]).exits(0);
    for args in [
        &["check", "a.btr", "--deny", "warnings"][..],
        &["compile", "a.btr", "-o", "a.wasm", "--deny", "warnings"],
        &["rules", "apply", "a.btr", "--deny", "warnings"],
    ] {
        with("a.btr", doubtful, args).exits(2).says(&[
            "warning[unequal-skips-missing]",
            "`a.btr` has 1 warning, and --deny warnings refuses them",
        ]);
    }
    with("a.btr", RULE, &["check", "a.btr", "--deny", "warnings"]).exits(0);
}

#[test]
fn a_code_is_explained_with_an_example_and_what_the_compiler_says_of_it() {
    let run = betrace_in(
        Path::new("/"),
        &["check", "--explain", "foreign-operator"],
        b"",
    )
    .exits(0);
    for says in ["Wrong", "&&", "error[foreign-operator]", "Right", " and "] {
        assert!(run.stdout.contains(says), "`{says}` in\n{}", run.stdout);
    }
    for list in [&["check", "--explain"][..], &["check", "--explain", "list"]] {
        let run = betrace_in(Path::new("/"), list, b"").exits(0);
        assert!(run.stdout.contains("\nunused-let "), "{}", run.stdout);
    }
    betrace_in(Path::new("/"), &["check", "--explain", "sintax"], b"")
        .exits(3)
        .says(&[
            "no diagnostic `sintax`",
            "did you mean `syntax`?",
            "\n  unused-let",
        ]);
}

#[test]
fn what_is_sure_to_be_meant_is_mended_in_place() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.btr");
    fs::write(&file, "trace.has(a) && a.where(span:durration > 5s)\n").unwrap();
    let run = betrace_in(folder.path(), &["check", "--fix", "a.btr"], b"").exits(0);
    assert_eq!(run.stdout, "a.btr: a\n");
    let text = fs::read_to_string(&file).unwrap();
    assert_eq!(text, "trace.has(a) and a.where(span:duration > 5s)\n");
    betrace_in(folder.path(), &["check", "--fix", "-"], b"a && b").exits(3);
}

#[test]
fn twenty_mistakes_of_a_file_are_shown_and_the_rest_counted() {
    let mistakes = "a.where(span:kind == x) or ".repeat(29) + "a.where(span:kind == x)";
    let run = with("a.btr", &mistakes, &["check", "a.btr"]).exits(2);
    assert_eq!(run.stderr.matches("error[unknown-kind]").count(), 20);
    run.says(&["... and 10 more"]);
}
