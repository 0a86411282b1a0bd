//! Whole compilations: the founding examples, determinism, and what the component looks like from outside.
#![expect(
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test stops at the first surprise"
)]

use betrace_dsl::{Code, Severity, Source, check, compile};

fn founding() -> Vec<(String, Vec<u8>)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/founding");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "btr"))
        .collect();
    files.sort();
    files
        .into_iter()
        .map(|path| {
            (
                path.file_name().unwrap().to_string_lossy().into_owned(),
                std::fs::read(&path).unwrap(),
            )
        })
        .collect()
}

#[test]
fn founding_examples_compile_verbatim_and_without_a_word() {
    let files = founding();
    assert_eq!(files.len(), 6);
    for (name, text) in files {
        let (compiled, diagnostics) = compile(&Source {
            name: &name,
            text: &text,
        });
        assert_eq!(diagnostics, [], "{name}");
        let compiled = compiled.unwrap();
        assert_eq!(compiled.rules.len(), 1, "{name}");
        assert!(
            compiled.component.len() < 16_384,
            "{name}: {} bytes",
            compiled.component.len()
        );
    }
}

#[test]
fn the_header_names_signal_severity_and_id() {
    let (compiled, _) = compile(&Source {
        name: "x.btr",
        text: b"// Signal: HIPAA_164_312_b_VIOLATION (critical)\nphi.access and not audit.log",
    });
    let rule = compiled.unwrap().rules.remove(0);
    assert_eq!(
        (rule.id.as_str(), rule.signal.as_str(), rule.severity),
        (
            "hipaa-164-312-b-violation",
            "HIPAA_164_312_b_VIOLATION",
            Severity::Critical
        )
    );
    assert_eq!(rule.names, ["phi.access", "audit.log"]);
}

#[test]
fn the_same_source_gives_the_same_bytes() {
    for (name, text) in founding() {
        let source = Source {
            name: &name,
            text: &text,
        };
        assert_eq!(compile(&source).0, compile(&source).0, "{name}");
    }
}

#[test]
fn a_component_is_one_module_that_exports_the_pack_and_imports_no_function() {
    let (compiled, _) = compile(&Source {
        name: "x.btr",
        text: b"a and not b",
    });
    let component = compiled.unwrap().component;
    let (mut modules, mut exports) = (0, Vec::new());
    let mut nesting = Vec::new();
    for payload in wasmparser::Parser::new(0).parse_all(&component) {
        match payload.unwrap() {
            wasmparser::Payload::ModuleSection { .. } => {
                modules += 1;
                nesting.push("module");
            }
            wasmparser::Payload::ComponentSection { .. } => nesting.push("component"),
            wasmparser::Payload::End(_) => drop(nesting.pop()),
            wasmparser::Payload::ImportSection(section) => assert_eq!(section.count(), 0),
            wasmparser::Payload::StartSection { .. } => panic!("the module has a start function"),
            wasmparser::Payload::ComponentImportSection(section) if nesting.is_empty() => {
                assert_eq!(section.count(), 0, "a pack imports nothing");
            }
            wasmparser::Payload::ComponentExportSection(section) if nesting.is_empty() => {
                exports.extend(
                    section
                        .into_iter()
                        .map(|export| export.unwrap().name.name.to_owned()),
                );
            }
            _ => {}
        }
    }
    assert_eq!(
        (modules, exports),
        (1, vec!["betrace:rules/pack@1.0.0".to_owned()])
    );
}

#[test]
fn a_source_over_the_limit_is_refused_and_one_at_the_limit_is_read() {
    let mut text = b"a".to_vec();
    text.resize(256 * 1024, b' ');
    assert_eq!(
        check(&Source {
            name: "x.btr",
            text: &text
        }),
        []
    );
    text.push(b' ');
    assert_eq!(
        check(&Source {
            name: "x.btr",
            text: &text
        })
        .first()
        .unwrap()
        .code,
        Code::SourceTooLarge
    );
}

#[test]
fn a_let_means_what_stands_in_it() {
    for (with, without) in [
        ("let limit = 3 count(a) > limit", "count(a) > 3"),
        (
            "let many = count(b) many <= count(a)",
            "count(b) <= count(a)",
        ),
        (
            "let reading = database.access.where(user.role == admin) reading and not audit.log",
            "database.access.where(user.role == admin) and not audit.log",
        ),
        (
            "let read = db.read.where(table == phi) read.where(rows > 5).where(x == 1)",
            "db.read.where(table == phi).where(rows > 5).where(x == 1)",
        ),
        (
            "let read = db.read read.rows > 5",
            "db.read.where(rows > 5)",
        ),
        (
            "let regions = [us-east-1, eu-west-1] a.where(region in regions)",
            "a.where(region in [us-east-1, eu-west-1])",
        ),
        (
            "let role = contractor a.where(x == role)",
            "a.where(x == contractor)",
        ),
        (
            "let slow = 5s a.where(span:duration > slow)",
            "a.where(span:duration > 5s)",
        ),
        ("let both = a and not b both and c", "a and not b and c"),
        (
            "let small = 1 let few = count(a) > small few or b",
            "count(a) > 1 or b",
        ),
        (
            "let x = y rule r { match { trace.has(x) and count(x or z) == 2 } }",
            "rule r { match { trace.has(y) and count(y or z) == 2 } }",
        ),
        (
            "let role = x a.where(role == \"role\" and y == role)",
            "a.where(role == \"role\" and y == x)",
        ),
    ] {
        let build = |text: &str| {
            compile(&Source {
                name: "x.btr",
                text: text.as_bytes(),
            })
        };
        let ((with_let, diagnostics), (expanded, _)) = (build(with), build(without));
        assert_eq!(diagnostics, [], "{with}");
        assert!(expanded.is_some(), "{without}");
        assert!(with_let == expanded, "{with}");
    }
}

#[test]
fn lets_that_double_each_other_end_at_the_limit() {
    let text = (1..60).fold("let l0 = a or b\n".to_owned(), |text, n| {
        text + &format!("let l{n} = l{} or l{}\n", n - 1, n - 1)
    });
    let diagnostics = check(&Source {
        name: "x.btr",
        text: (text + "l59").as_bytes(),
    });
    assert_eq!(diagnostics.first().unwrap().code, Code::RuleTooLarge);
}

#[test]
fn rules_behind_a_hundred_warnings_are_compiled_and_their_errors_reported() {
    let warned = (0..150).fold(String::new(), |text, n| {
        text + &format!("rule r{n} {{ match {{ a.b.c.d > {n} and b and not b }} }}\n")
    });
    let source = |text: &str| {
        compile(&Source {
            name: "x.btr",
            text: text.as_bytes(),
        })
    };
    let (compiled, diagnostics) = source(&warned);
    assert!(
        compiled.is_some(),
        "{:?}",
        diagnostics.iter().find(|found| found.is_error())
    );
    assert_eq!(
        (compiled.unwrap().rules.len(), diagnostics.len()),
        (150, 100)
    );
    let (compiled, diagnostics) = source(&(warned + "rule bad { match { a.where(x == 1s) } }"));
    assert!(compiled.is_none());
    assert!(
        diagnostics
            .iter()
            .any(|found| found.code == Code::DurationAgainstAttribute)
    );
}
