//! The layout, construct by construct, and what is true of it whatever the source.

use std::{fs, path::Path};

use proptest::{collection::vec, prelude::*, sample::select};

use super::format;
use crate::{Source, compile, lexer, sheet::Sheet, source::Span};

fn formatted(text: &str) -> String {
    let source = Source {
        name: "x.btr",
        text: text.as_bytes(),
    };
    match format(&source) {
        Ok(out) => out,
        Err(diagnostics) => panic!("{text}\n{diagnostics:#?}"),
    }
}

/// Sources, and how they are laid out.
const LAYOUTS: [(&str, &str); 17] = [
    ("a", "a\n"),
    ("a and not b", "a\n  and not b\n"),
    (
        "// Signal: X (high)\r\n\r\n\r\na   and ( b or c )and d.where( x==1 )//why\n\n//end",
        "// Signal: X (high)\n\na\n  and (b or c)\n  and d.where(x == 1) //why\n\n//end\n",
    ),
    (
        "when{a}always{b.where(k in[1,2 ,3])}",
        "when   { a }\nalways { b.where(k in [1, 2, 3]) }\n",
    ),
    (
        "let x=5 let r = [us-east-1,eu-west-1]\n\n\nlet s = a.where(n>x) s and not count (b)>=-5",
        "let x = 5\nlet r = [us-east-1, eu-west-1]\n\nlet s = a.where(n > x)\n\ns\n  and not count(b) >= -5\n",
    ),
    (
        "let small = 1 let few = count(a) > small not few or b",
        "let small = 1\nlet few = count(a) > small\n\nnot few\n  or b\n",
    ),
    (
        "rule a{signal S(low)summary \"s\" controls[\"C\",\"D\"] labels{t:x u : \"y\"}when{any}never{c}}rule b{match{d}}",
        "rule a {\n  signal   S (low)\n  summary  \"s\"\n  controls [\"C\", \"D\"]\n  labels   { t: x u: \"y\" }\n  when     { any }\n  never    { c }\n}\n\nrule b {\n  match    { d }\n}\n",
    ),
    (
        "rule a { // one\n\n\n  signal: S // two\n\n  // three\n\n  match { a // four\n } // five\n\n // six\n} // seven\n// eight\n\nrule b { match { a } }",
        "rule a { // one\n\n  signal:  S // two\n\n  // three\n\n  match    {\n    a // four\n  } // five\n\n  // six\n} // seven\n// eight\n\nrule b {\n  match    { a }\n}\n",
    ),
    (
        "rule a { match { a } }\n// of b\nrule b { match { b } }",
        "rule a {\n  match    { a }\n}\n\n// of b\nrule b {\n  match    { b }\n}\n",
    ),
    (
        "a\n  // one\n\n  and b // two\n  // three\n  and // four\n  c.where(x // five\n == 1)",
        "a\n  // one\n  and b // two\n  // three\n  and // four\n    c.where(\n      x // five\n        == 1\n    )\n",
    ),
    (
        "rule r { match { agent.tool.where(agent.name == research_agent and tool.name in [hr_database, payroll, secrets, wages, pensions, health]) or b } }",
        "rule r {\n  match    {\n    agent.tool.where(\n      agent.name == research_agent\n        and tool.name in [hr_database, payroll, secrets, wages, pensions, health]\n    )\n      or b\n  }\n}\n",
    ),
    (
        "rule r { when { a.first.quite.long.name and b.second.quite.long.name or c.third.quite.long.name and d.fourth.name } never { x } }",
        "rule r {\n  when     {\n    a.first.quite.long.name and b.second.quite.long.name\n      or c.third.quite.long.name and d.fourth.name\n  }\n  never    { x }\n}\n",
    ),
    (
        "rule r { when { a.first.quite.long.name and b.second.quite.long.name and bb.another.long.name.that.fills.the.line or c } never { x } }",
        "rule r {\n  when     {\n    a.first.quite.long.name\n        and b.second.quite.long.name\n        and bb.another.long.name.that.fills.the.line\n      or c\n  }\n  never    { x }\n}\n",
    ),
    (
        "a.where(region in [\"aaaaaaaaaaaaaaaaaaaa\", \"bbbbbbbbbbbbbbbbbbbbbbbbb\", \"ccccccccccccccccccccccccccccccc\", \"d\", 5, 6])",
        "a.where(\n  region in [\n    \"aaaaaaaaaaaaaaaaaaaa\", \"bbbbbbbbbbbbbbbbbbbbbbbbb\", \"ccccccccccccccccccccccccccccccc\", \"d\", 5,\n    6\n  ]\n)\n",
    ),
    (
        "rule r { match { a } labels { team: platform, runbook: \"https://example.com/a/long/path/to/a/page\", other: \"the rest\" } }",
        "rule r {\n  match    { a }\n  labels   {\n    team: platform,\n    runbook: \"https://example.com/a/long/path/to/a/page\",\n    other: \"the rest\"\n  }\n}\n",
    ),
    (
        "let admin_read = database.access.where(user.role == admin) and another.access.where(user.role == administrator) admin_read",
        "let admin_read =\n  database.access.where(user.role == admin) and another.access.where(user.role == administrator)\n\nadmin_read\n",
    ),
    (
        "any.where(span:kind==server and not(span.\"a b\"<resource.c)and exists d and e not in[\"x\"])",
        "any.where(span:kind == server and not (span.\"a b\" < resource.c) and exists d and e not in [\"x\"])\n",
    ),
];

#[test]
fn every_construct_has_its_layout() {
    for (text, expect) in LAYOUTS {
        assert_eq!(formatted(text), expect, "{text}");
        assert_eq!(formatted(expect), expect, "{text}");
    }
}

/// Constructs whose place in the parser is another's: they are laid out by their tokens.
#[test]
fn relations_and_aggregates_have_their_layout() {
    for (text, expect) in [
        (
            "every a as p after(b or c)within 15m",
            "every a as p after (b or c) within 15m\n",
        ),
        (
            "no a under b and count(x by k)>sum(b,span:duration)/2 -1",
            "no a under b\n  and count(x by k) > sum(b, span:duration) / 2 - 1\n",
        ),
        (
            "~\"^GET\" before trace.has(~\"x\")",
            "~\"^GET\" before trace.has(~\"x\")\n",
        ),
        ("a then(b or c)then (d)", "a then (b or c) then (d)\n"),
        (
            "let a = b after c within 5m every d with count(e)<= 2*count(f)",
            "let a = b after c within 5m\n\nevery d with count(e) <= 2 * count(f)\n",
        ),
        (
            "every phi.access.where(user.role == contractor) as p after auth.check.where(user.id == p.user.id) within 15m",
            "every phi.access.where(user.role == contractor) as p\n  after auth.check.where(user.id == p.user.id) within 15m\n",
        ),
        (
            "a.where(event.where(event:name==exception and x.a - -5 < -y))",
            "a.where(event.where(event:name == exception and x.a - -5 < -y))\n",
        ),
    ] {
        let out = super::lay_out(text, &lexer::lex(text).tokens);
        assert_eq!(out, expect, "{text}");
        assert!(
            super::says_the_same(text, &lexer::lex(text).tokens, &out),
            "{text}"
        );
    }
}

#[test]
fn lines_break_before_the_relations_of_the_language() {
    for word in &crate::reference::WORDS {
        let is_relation = word.topic == crate::reference::Topic::Relation;
        let is_broken_at = super::tree::link(word.word) == Some(super::tree::Link::Relation);
        assert_eq!(is_relation, is_broken_at, "{}", word.word);
    }
}

#[test]
fn a_source_that_cannot_be_read_is_an_error() {
    for text in [
        "",
        "// nothing",
        "a and",
        "a.where(b",
        "rule x { match { a }",
        "a && b",
        "\"a",
        "when { a } }",
    ] {
        let source = Source {
            name: "x.btr",
            text: text.as_bytes(),
        };
        let diagnostics = format(&source).unwrap_err();
        assert!(
            diagnostics.iter().all(crate::Diagnostic::is_error) && !diagnostics.is_empty(),
            "{text}"
        );
    }
    let source = Source {
        name: "x.btr",
        text: b"a\xff",
    };
    assert_eq!(format(&source).unwrap_err().len(), 1);
}

/// The sources that the project has: the founding examples, the packs, the rules of its tests.
fn project_sources() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut folders = vec![
        root.join("examples"),
        root.join("tests/data"),
        root.join("dsl-compiler/tests/golden/founding"),
    ];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "btr") {
                found.push((
                    path.display().to_string(),
                    fs::read_to_string(&path).unwrap(),
                ));
            }
        }
    }
    assert!(found.len() > 20);
    found
}

#[test]
fn founding_examples_and_packs_are_laid_out_as_they_stand() {
    for (name, text) in project_sources() {
        if !name.contains("/tests/data/") {
            assert_eq!(formatted(&text), text, "{name}");
        }
    }
}

/// What must be true of a layout.
fn check(text: &str) -> Result<(), TestCaseError> {
    let source = |text| Source {
        name: "x.btr",
        text,
    };
    let Ok(out) = format(&source(text.as_bytes())) else {
        return Ok(());
    };
    let (before, after) = (lexer::lex(text), lexer::lex(&out));
    prop_assert!(
        super::says_the_same(text, &before.tokens, &out),
        "{text}\n{out}"
    );
    prop_assert_eq!(
        format(&source(out.as_bytes())).unwrap(),
        out.clone(),
        "{}",
        text
    );
    prop_assert!(out.lines().all(|line| line == line.trim_end()));
    prop_assert!(!out.contains("\n\n\n") && !out.starts_with('\n'));
    let trailing = |text: &str, lexed: &lexer::Lexed<'_>| {
        let sheet = Sheet::new(text, &lexed.tokens);
        (0..=sheet.end())
            .flat_map(|at| {
                sheet
                    .get(at)
                    .unwrap()
                    .comments
                    .iter()
                    .map(move |comment| (at, comment.is_trailing))
            })
            .collect::<Vec<_>>()
    };
    prop_assert_eq!(trailing(text, &before), trailing(&out, &after), "{}", text);
    prop_assert!(
        compile(&source(text.as_bytes())).0 == compile(&source(out.as_bytes())).0,
        "{text}\n{out}"
    );
    Ok(())
}

/// Parts of sources, which together make most of the language.
const CONDITIONS: [&str; 16] = [
    "every a.where(x) as p after (b or c) within 15m",
    "no limit before trace.has(b.c)",
    "(a or limit) then b then (c)",
    "sum(a or b, span:duration) + 2s * 3 > max(c, span:self_duration) - 5ms",
    "every a as o with count(b.where(order.id == o.order.id)) <= 3",
    "count(a by order.id) > 2 and trace:root in [\"x\", y]",
    "a",
    "trace.has(b.c)",
    "not trace.has(\"x y\").where(k == \"v\\u{e9}\" and not x in [1, 2.5, true])",
    "count(c or d.where(m < -5)) >= 3",
    "(a or b and not (c or d.e))",
    "any.where(span:kind == server and span.a < resource.b)",
    "db.query.\"http.status_code\" >= 500",
    "f.where((role == admin or exists \"x.y\") and timestamp.hour not in [1, 2, 3, 4, 5]).where(z)",
    "payment.amount > 1e6",
    "limit.where(region in regions and amount > least)",
];

fn condition() -> impl Strategy<Value = String> {
    vec(
        (select(&CONDITIONS[..]), select(vec![" and ", " or "])),
        1..6,
    )
    .prop_map(|parts| {
        let joined: String = parts
            .iter()
            .map(|(part, word)| (*part).to_owned() + word)
            .collect();
        joined
            .trim_end_matches(" and ")
            .trim_end_matches(" or ")
            .to_owned()
    })
}

fn source() -> impl Strategy<Value = String> {
    let lets = "let limit = x.where(a == 1) let regions = [us-east-1, \"eu\"] let least = 5\n";
    let rule = |n: usize, clauses: String| {
        format!(
            "rule r{n} {{ signal S (low) summary \"s // no comment\" labels {{ t: x, u: \"y\" }} controls [\"C\"] {clauses} }}"
        )
    };
    (condition(), condition(), condition(), 0_u8..3).prop_map(move |(a, b, c, shape)| match shape {
        0 => format!("{lets}{a} or limit.where(region in regions and amount > least)"),
        1 => format!("{lets}when {{ {a} }} always {{ {b} }} never {{ {c} }}"),
        _ => format!(
            "{lets}{} {}",
            rule(1, format!("match {{ {a} }}")),
            rule(2, format!("when {{ {b} }} never {{ {c} }}"))
        ),
    })
}

/// The same tokens with other gaps: nothing is put where nothing stood beside a dot or colon.
fn respaced(text: &str, gaps: &[&str]) -> String {
    let mut out = String::new();
    let mut from = 0;
    let tokens = lexer::lex(text).tokens;
    for (n, token) in tokens.iter().enumerate() {
        let Span { start, end } = token.span;
        let gap = &text[from..start as usize];
        let gap_here = gaps[n % gaps.len()];
        let is_dotted = n > 0
            && [&tokens[n - 1], token]
                .iter()
                .any(|token| matches!(token.kind, crate::token::Kind::Mark('.' | ':')));
        if is_dotted || (gap_here.is_empty() && !gap.is_empty()) {
            out.push_str(gap);
        } else {
            out.push_str(gap_here);
        }
        out.push_str(&text[start as usize..end as usize]);
        from = end as usize;
    }
    out
}

const BLANKS: [&str; 6] = ["", " ", "   ", "\n", "\t\r\n  ", "\n "];
const GAPS: [&str; 10] = [
    "",
    " ",
    "\n",
    "\n\n\n",
    " // trailing\n",
    "\n// own\n",
    " // a {\n\n // \"b\n\n",
    "\n\n//c\n",
    "//",
    "\n  // d\r\n",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_layout_says_the_same_and_stays(text in source(), gaps in vec(select(&GAPS[..]), 1..40)) {
        check(&text)?;
        check(&respaced(&text, &gaps))?;
    }

    #[test]
    fn blanks_and_line_ends_change_no_layout(text in source(), gaps in vec(select(&BLANKS[..]), 1..40)) {
        prop_assert_eq!(formatted(&respaced(&text, &gaps)), formatted(&text));
    }

    #[test]
    fn the_sources_of_the_project_with_holes_are_laid_out_or_refused(index in any::<prop::sample::Index>(), gaps in vec(select(&GAPS[..]), 1..40), cuts in vec((any::<prop::sample::Index>(), any::<u8>()), 0..3)) {
        let sources = project_sources();
        let text = &sources[index.index(sources.len())].1;
        check(&respaced(text, &gaps))?;
        let mut bytes = text.clone().into_bytes();
        for (index, byte) in cuts {
            let at = index.index(bytes.len());
            bytes[at] = b" (){}[].\"\\/-!<\n:,"[byte as usize % 17];
        }
        check(&String::from_utf8_lossy(&bytes))?;
    }

    #[test]
    fn bytes_of_any_kind_are_laid_out_or_refused(bytes in vec(any::<u8>(), 0..200), words in vec(select(&["a", "b.c", "(", ")", "{", "}", "[", "]", ",", ".", ":", "-", "~", "and", "or", "not", "in", "let", "=", "rule", "when", "labels", "5", "\"x\"", "//c\n", "where", "trace.has"][..]), 0..40)) {
        check(&String::from_utf8_lossy(&bytes))?;
        let text = words.join(" ");
        check(&text)?;
        // What no parser would hand over.
        super::lay_out(&text, &lexer::lex(&text).tokens);
    }
}
