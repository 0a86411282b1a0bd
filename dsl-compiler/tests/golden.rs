//! Golden pairs: each file of `golden/` and what the compiler says of it, source and rendering together.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::{collections::BTreeSet, fmt::Write as _, fs, path::Path};

use betrace_dsl::{Code, Color, Source, check, compile, render};

/// A source as the snapshot shows it: long lines would bury what matters.
fn shown(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let lines = text.lines().map(|line| {
        if line.chars().count() > 240 {
            line.chars().take(200).collect::<String>() + " [...]"
        } else {
            line.to_owned()
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn golden(path: &Path) {
    let text = fs::read(path).unwrap();
    let name = path.file_name().unwrap().to_string_lossy();
    let source = Source {
        name: &name,
        text: &text,
    };
    let (compiled, diagnostics) = compile(&source);
    assert_eq!(
        compiled.is_none(),
        diagnostics.iter().any(betrace_dsl::Diagnostic::is_error),
        "{name}"
    );
    assert_eq!(check(&source), diagnostics, "{name}");
    let mut out = format!(
        "{}\n\n{}",
        shown(&text),
        render(&diagnostics, &source, Color::Plain)
    );
    for rule in compiled.iter().flat_map(|compiled| &compiled.rules) {
        let _ = writeln!(
            out,
            "compiled: {} -> {} ({})",
            rule.id,
            rule.signal,
            rule.severity.as_str()
        );
    }
    insta::assert_snapshot!(out);
}

#[test]
fn sources_and_what_is_said_of_them() {
    insta::glob!("golden/*/*.btr", golden);
}

#[test]
fn every_code_has_a_golden_a_name_and_an_explanation() {
    let mut seen = BTreeSet::new();
    for folder in ["errors", "founding"] {
        for entry in fs::read_dir(
            Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("tests/golden")
                .join(folder),
        )
        .unwrap()
        {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "btr") {
                let text = fs::read(&path).unwrap();
                seen.extend(
                    check(&Source {
                        name: "x.btr",
                        text: &text,
                    })
                    .iter()
                    .map(|diagnostic| diagnostic.code),
                );
            }
        }
    }
    // These two need a source of hundreds of kilobytes; `compile.rs` and `robust.rs` cross them.
    seen.extend([Code::SourceTooLarge, Code::PackTooLarge]);
    // What is not compiled yet is refused by `compile` alone, and goes with the last of it.
    let missing: Vec<_> = Code::ALL
        .iter()
        .filter(|code| !seen.contains(code))
        .map(|code| code.as_str())
        .collect();
    assert_eq!(missing, Vec::<&str>::new(), "codes without a golden");
    for code in Code::ALL {
        assert!(code.explain().len() > 40, "{}", code.as_str());
        assert!(
            code.as_str()
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b == b'-'),
            "{}",
            code.as_str()
        );
    }
    let names: BTreeSet<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
    assert_eq!(names.len(), Code::ALL.len());
}

#[test]
fn colour_changes_nothing_but_colour() {
    let source = Source {
        name: "x.btr",
        text: b"a && b",
    };
    let diagnostics = check(&source);
    let coloured = render(&diagnostics, &source, Color::Ansi);
    let mut plain = String::new();
    let mut rest = coloured.as_str();
    while let Some((before, after)) = rest.split_once('\u{1b}') {
        plain.push_str(before);
        rest = after.split_once('m').unwrap().1;
    }
    plain.push_str(rest);
    assert_eq!(plain, render(&diagnostics, &source, Color::Plain));
    assert_ne!(coloured, plain);
}
