//! The rule of `examples/c-rule`, in C and in the language.
//!
//! Guarantees: it builds by its script, from bindings that are made here, and passes its own cases; of every small trace of
//! its words the two components have the same verdicts, clauses, reasons and witnesses through the host's judge; and a trace
//! that fills a call is within its fuel.
//!
//! Skipped, and said so, where there is no clang that builds for wasm32.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use betrace::{
    block::BlockBuilder,
    judge::{JudgeOptions, judge},
    rules::PublishedRule,
    sandbox::{PackCompiler, Sandbox, SandboxLimits, limits::SPANS_PER_CALL_MAX},
    tenant::TenantId,
    verdict::Verdict,
};
use betrace_dsl::{
    Source,
    oracle::{Attribute, Scope, Span, Trace},
};
use betrace_tests::{guests::root, server};
use tempfile::TempDir;
use wit_bindgen_core::{Files, wit_parser::Resolve};

use crate::host::sealed;

/// What a span of a small trace may be: its name, and the user that it or its resource names.
fn words() -> Vec<Span> {
    let text = |text: &str| Attribute::String(text.to_owned());
    let said = [
        ("phi.access", Some(text("u1"))),
        ("phi.access", Some(text("u2"))),
        ("phi.access", Some(Attribute::Int(7))),
        ("phi.access", None),
        ("audit.log", Some(text("u1"))),
        ("audit.log", Some(text("7"))),
        ("audit.log", Some(Attribute::Bool(true))),
        ("audit.log", None),
        ("other", Some(text("u2"))),
    ];
    let mut words: Vec<Span> = said.map(|(name, user)| span(name, user)).into();
    let mut of_resource = span("audit.log", None);
    of_resource.resource = vec![("user.id".to_owned(), text("u2"))];
    words.push(of_resource);
    words
}

/// How many spans the small traces have at most.
const SMALL: usize = 4;

fn span(name: &str, user: Option<Attribute>) -> Span {
    Span {
        name: name.to_owned(),
        id: String::new(),
        parent_id: None,
        kind: 1,
        status: 0,
        status_message: String::new(),
        start: 0,
        end: 0,
        attributes: user
            .map(|user| ("user.id".to_owned(), user))
            .into_iter()
            .collect(),
        resource: Vec::new(),
        scope: Scope::default(),
        events: Vec::new(),
        links: Vec::new(),
    }
}

/// A trace of these spans, one after another.
fn in_order(spans: impl IntoIterator<Item = Span>, facts: u8) -> Trace {
    let placed = spans.into_iter().enumerate().map(|(at, span)| Span {
        id: format!("{:016x}", at + 1),
        start: at as u64 * 10,
        end: at as u64 * 10 + 5,
        ..span
    });
    Trace {
        spans: placed.collect(),
        facts,
    }
}

/// Every trace of so many of the words, with each of the facts.
fn traces(n_spans: usize, facts: &[u8]) -> Vec<Trace> {
    let words = words();
    let n = words.len().pow(n_spans as u32);
    let picked =
        |number: usize| (0..n_spans).map(move |at| (number / 10_usize.pow(at as u32)) % 10);
    assert_eq!(words.len(), 10, "a digit for each");
    let of_fact = |fact: &u8| {
        let words = &words;
        let fact = *fact;
        (0..n).map(move |number| in_order(picked(number).map(|word| words[word].clone()), fact))
    };
    facts.iter().flat_map(of_fact).collect()
}

/// Runs a command; whether it could, and succeeded.
fn succeeds(command: &mut Command) -> bool {
    let command = command.stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

fn has_clang() -> bool {
    let targets = Command::new("clang").arg("--print-targets").output();
    let wasm = targets.is_ok_and(|said| String::from_utf8_lossy(&said.stdout).contains("wasm32"));
    wasm && succeeds(Command::new("wasm-ld").arg("--version"))
}

/// Copies the example into a folder of its own and builds it there, as its script does where bindings are.
fn build() -> Option<(TempDir, PathBuf)> {
    if !has_clang() {
        #[expect(clippy::print_stdout, reason = "a test that skips says so")]
        {
            println!("skipped: no clang for wasm32 with wasm-ld (Debian: clang lld)");
        }
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    copy(&root().join("examples/c-rule"), folder.path());
    let out = folder.path().join("build");
    fs::create_dir_all(&out).unwrap();
    bindings(&out);
    let mut script = Command::new("sh");
    script
        .arg(folder.path().join("build.sh"))
        .env("BETRACE", server::binary().unwrap());
    let built = script.output().unwrap();
    let said = String::from_utf8_lossy(&built.stderr);
    assert!(built.status.success(), "{said}");
    Some((folder, out.join("c-rule.wasm")))
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let copied = to.join(entry.file_name());
        if entry.file_name() == "build" {
            continue;
        }
        if entry.path().is_dir() {
            fs::create_dir_all(&copied).unwrap();
            copy(&entry.path(), &copied);
        } else {
            fs::copy(entry.path(), copied).unwrap();
        }
    }
}

/// What `wit-bindgen c` writes, by the crate that it is made of.
fn bindings(out: &Path) {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_path(root().join("wit")).unwrap();
    let world = resolve.select_world(&[package], Some("rule-pack")).unwrap();
    let mut files = Files::default();
    let mut generator = wit_bindgen_c::Opts::default().build();
    generator.generate(&mut resolve, world, &mut files).unwrap();
    for (name, bytes) in files.iter() {
        fs::write(out.join(name), bytes).unwrap();
    }
}

#[test]
fn the_rule_in_c_passes_its_own_cases() {
    let Some((folder, _)) = build() else {
        return;
    };
    let tested = server::run(&["test", folder.path().to_str().unwrap()]).unwrap();
    let said = String::from_utf8_lossy(&tested.stdout);
    assert!(tested.status.success(), "{said}");
    assert!(said.contains("4 passed, 0 failed"), "{said}");
}

#[test]
fn the_rule_in_c_says_what_the_same_rule_in_the_language_says() {
    let Some((folder, component)) = build() else {
        return;
    };
    let text = fs::read(folder.path().join("rule.btr")).unwrap();
    let source = Source {
        name: "rule.btr",
        text: &text,
    };
    let compiled = betrace_dsl::compile(&source).0.unwrap().component;
    let sandbox = Sandbox::new(PackCompiler::InProcess, SandboxLimits::default()).unwrap();
    let load = |bytes: &[u8]| PublishedRule::all_of(&sandbox.load(bytes).unwrap());
    let (compiled, in_c) = (load(&compiled), load(&fs::read(component).unwrap()));
    let (one, other) = (compiled[0].description(), in_c[0].description());
    assert_eq!(
        (
            &one.id,
            &one.signal,
            one.severity,
            &one.summary,
            &one.message,
            &one.controls
        ),
        (
            &other.id,
            &other.signal,
            other.severity,
            &other.summary,
            &other.message,
            &other.controls
        )
    );

    let complete = (1..=SMALL).flat_map(|n| traces(n, &[0]));
    let incomplete = (1..SMALL).flat_map(|n| traces(n, &[1, 2, 4, 8, 16, 32]));
    let mut n_verdicts = [0; 4];
    let mut last = Vec::new();
    let large = [large_trace(0), large_trace(1)];
    let all: Vec<Trace> = complete.chain(incomplete).chain(large).collect();
    for some in all.chunks(2_000) {
        let mut builder = BlockBuilder::new(TenantId::default_tenant());
        for (number, trace) in some.iter().enumerate() {
            builder.push(sealed(trace, number));
        }
        let block = builder.finish().to_block();
        let judged = |rules: &[PublishedRule]| {
            judge(&sandbox, rules, &block, &JudgeOptions::default()).unwrap()
        };
        let found = judged(&in_c);
        assert_eq!(judged(&compiled), found);
        for verdict in &found[0].verdicts {
            n_verdicts[*verdict as usize] += 1;
        }
        last.clone_from(&found[0].verdicts);
    }
    // Neither gave up the large ones.
    assert_eq!(last[last.len() - 2..], [Verdict::Held, Verdict::Violated]);
    // What they agree on is everything that there is to say.
    assert!(n_verdicts.iter().all(|n| *n >= 100), "{n_verdicts:?}");
    assert_eq!(n_verdicts.iter().sum::<usize>(), 11_110 + 6 * 1_110 + 2);
}

/// A trace that fills a call: reads of as many users as fit, all of which but so many have their record.
fn large_trace(unrecorded: usize) -> Trace {
    let n = SPANS_PER_CALL_MAX / 2;
    let user = |number: usize| Some(Attribute::String(format!("u{number}")));
    let reads = (0..n).map(|number| span("phi.access", user(number)));
    let records = (unrecorded..n).map(|number| span("audit.log", user(number)));
    in_order(reads.chain(records), 0)
}
