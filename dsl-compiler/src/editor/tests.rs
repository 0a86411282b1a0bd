//! Cursors, marked by `|`, and what is found and proposed there.

use proptest::{collection::vec, prelude::*, sample::select};

use super::{Found, Proposed, complete, find, outline};

/// Splits off the cursor.
fn cursor(marked: &str) -> (String, u32) {
    let at = marked.find('|').unwrap();
    (marked.replacen('|', "", 1), at as u32)
}

#[test]
fn a_source_names_rules_definitions_spans_and_attributes() {
    let text = "let limit = 3\nlet read = db.read.where(rows > 5) let big = read.rows > 9\n\
        rule one { signal S (low) labels { a: b } when { phi.access and \"GET /x\".code == US } always { not audit.log or read } }\n\
        rule two { match { count(http.retry) > limit and any.where(exists user.id and \"a b\" == c and span:kind == server and role in [x, y]) } }\n\
        rule three { match { payment.amount > 5 ";
    let outline = outline(text);
    let spans = |named: &[super::Named]| -> Vec<(String, String)> {
        let cut = |span: crate::Span| text[span.start as usize..span.end as usize].to_owned();
        named
            .iter()
            .map(|named| (named.name.clone(), cut(named.span)))
            .collect()
    };
    assert_eq!(
        spans(&outline.lets),
        [
            ("limit", "let limit = 3"),
            ("read", "let read = db.read.where(rows > 5)"),
            ("big", "let big = read.rows > 9")
        ]
        .map(|(name, span)| (name.to_owned(), span.to_owned()))
    );
    let rules = spans(&outline.rules);
    assert_eq!(
        rules
            .iter()
            .map(|(name, _)| name.as_str())
            .collect::<Vec<_>>(),
        ["one", "two", "three"]
    );
    assert!(
        rules[0].1.starts_with("rule one {") && rules[0].1.ends_with("or read } }"),
        "{}",
        rules[0].1
    );
    assert!(rules[2].1.ends_with("> 5"), "{}", rules[2].1);
    assert_eq!(
        outline.span_names,
        [
            "\"GET /x\"",
            "audit.log",
            "db.read",
            "http.retry",
            "payment",
            "phi.access"
        ]
    );
    assert_eq!(outline.keys, ["\"a b\"", "role", "rows", "user.id"]);
}

#[test]
fn words_are_found_where_they_mean_something() {
    for (marked, expect) in [
        ("a an|d b", Some("and")),
        ("a and no|t b", Some("not")),
        ("any.where(x n|ot in [1])", Some("not in")),
        ("any.where(x not i|n [1])", Some("not in")),
        ("any.where(sp|an:kind == server)", Some("span:kind")),
        ("any.where(span|:kind == server)", Some("span:kind")),
        ("any.where(span:ki|nd == server)", Some("span:kind")),
        ("any.where(span:kind |== server)", Some("==")),
        ("any.where(span:kind == ser|ver)", Some("server")),
        (
            "any.where(span:kind not in [client, ser|ver])",
            Some("server"),
        ),
        ("any.where(x == ser|ver)", None),
        ("any.where(timestamp.ho|ur > 5)", Some("timestamp.hour")),
        ("any.where(timestamp.weekday == m|on)", Some("mon")),
        ("any.where(re|source.a == b)", Some("resource.")),
        ("a.wh|ere(x)", Some("where")),
        ("coun|t(a) > 3", Some("count")),
        ("a and coun|t", None),
        ("trace:dur|ation > 5s", Some("trace:duration")),
        ("ever|y a after b", Some("every")),
        ("every a af|ter b", Some("after")),
        ("a after b with|in 5m", Some("within")),
        ("ru|le x { match { a } }", Some("rule")),
        ("rule x { sig|nal S (low) match { a } }", Some("signal")),
        ("rule x { signal S (lo|w) match { a } }", Some("low")),
        ("rule x { signal lo|w (low) match { a } }", None),
        ("rule x { mat|ch { a } }", Some("match")),
        ("rule x { labels { sig|nal: x } match { a } }", None),
        ("whe|n { a } never { b }", Some("when")),
        ("erro|r and b", None),
        ("signa|l and b", None),
        ("// a an|d b\na", None),
        ("a == \"an|d\"", None),
        ("le|t x = 5 count(a) > x", Some("let")),
        ("|", None),
    ] {
        let (text, at) = cursor(marked);
        let found = find(&text, at).map(|(_, found)| match found {
            Found::Word(word) => word.word.to_owned(),
            Found::Let(named) => format!("let {}", named.name),
        });
        assert_eq!(found.as_deref(), expect, "{marked}");
    }
}

#[test]
fn a_definition_is_found_from_its_uses() {
    for (marked, expect) in [
        ("let li|mit = 3 count(a) > limit", Some("limit")),
        ("let limit = 3 count(a) > li|mit", Some("limit")),
        ("let limit = 3 count(a) > limit|", Some("limit")),
        ("let read = b re|ad.rows > 5", Some("read")),
        ("let read = b read.ro|ws > 5", Some("read")),
        ("let read = b re|ad.where(x) and c", Some("read")),
        ("let role = b a.where(role == ro|le)", Some("role")),
        ("let role = b a.where(ro|le == role)", None),
        ("let x = b a.where(role in [c, x|])", Some("x")),
        ("let x = b rule r { signal x| (low) match { x } }", None),
        ("let x = b rule r { match { x| } }", Some("x")),
    ] {
        let (text, at) = cursor(marked);
        let found = find(&text, at).and_then(|(_, found)| match found {
            Found::Word(_) => None,
            Found::Let(named) => Some(named.name),
        });
        assert_eq!(found.as_deref(), expect, "{marked}");
    }
}

/// What is proposed, without what the language and the source have besides.
#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn what_fits_is_proposed_and_what_cannot_be_meant_is_not() {
    for (marked, wanted, unwanted) in [
        (
            "|",
            &["rule", "let", "when", "trace.has", "not"][..],
            &["signal", "span:kind", "low"][..],
        ),
        (
            "rule x { | }",
            &["signal", "labels", "when", "match"],
            &["rule", "and", "count"],
        ),
        (
            "rule x { signal S (low) s|\n match { a } }",
            &["summary", "always"],
            &["and", "a"],
        ),
        ("rule x { summary \"s\" |", &["message", "when"], &["and"]),
        (
            "rule x { signal S (|",
            &["critical", "info"],
            &["signal", "and"],
        ),
        ("rule x { match { a } |", &["signal", "when"], &["and", "a"]),
        (
            "let lim = 5 rule x { match { a.b and | } } rule y { match { c } }",
            &["a.b", "c", "lim", "count", "every", "trace:root"],
            &["span:kind", "signal", "low"],
        ),
        (
            "let lim = 5 a.where(user.role == x and |)",
            &[
                "user.role",
                "lim",
                "span:kind",
                "timestamp.hour",
                "exists",
                "resource.",
            ],
            &["a", "count", "every", "server"],
        ),
        (
            "a.where(span:|",
            &["span:kind", "span:duration"],
            &["scope:name", "trace:root", "and"],
        ),
        ("a.where(span:ki|", &["span:kind"], &["scope:name"]),
        ("a.where(event:|", &["event:name"], &["span:kind"]),
        (
            "a.where(timestamp.|",
            &["timestamp.hour", "timestamp.weekday"],
            &["signal"],
        ),
        (
            "a.where(span:kind == |",
            &["server", "client"],
            &["error", "and", "mon"],
        ),
        ("a.where(span:status in [ok, |", &["error"], &["server"]),
        (
            "a.where(timestamp.weekday == |",
            &["mon", "sun"],
            &["server"],
        ),
        ("a and trace:|", &["trace:duration"], &["span:kind", "and"]),
        ("count(|", &["any", "trace.has"], &["span:kind"]),
        ("max(a.b, |", &["span:duration"], &["count"]),
        ("a\n  and |", &["not", "count"], &["signal"]),
    ] {
        let (text, at) = cursor(marked);
        let (_, proposals) = complete(&text, at);
        let texts: Vec<&str> = proposals
            .iter()
            .map(|proposal| proposal.text.as_str())
            .collect();
        for word in wanted {
            assert!(texts.contains(word), "{marked}: no `{word}` in {texts:?}");
        }
        for word in unwanted {
            assert!(!texts.contains(word), "{marked}: `{word}`");
        }
    }
}

#[test]
fn nothing_is_proposed_for_names_strings_and_comments() {
    for marked in [
        "// a|",
        "a // b |",
        "rule |",
        "rule x|",
        "let |",
        "let x |",
        "rule x { signal | }",
        "a.where(x == \"an|",
        "rule x { labels { | } }",
        "rule x { controls [| ] }",
    ] {
        let (text, at) = cursor(marked);
        assert_eq!(complete(&text, at).1, [], "{marked}");
    }
    let (text, at) = cursor("// a\n|");
    assert!(!complete(&text, at).1.is_empty());
}

#[test]
fn what_is_typed_is_replaced_and_not_proposed() {
    let (text, at) = cursor("phi.access and phi.ac|");
    let (span, proposals) = complete(&text, at);
    assert_eq!((span.start, span.end), (15, at));
    let names: Vec<_> = proposals
        .iter()
        .filter(|proposal| proposal.what == Proposed::SpanName)
        .collect();
    assert_eq!(names.len(), 1);
    assert_eq!(names[0].text, "phi.access");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_and_any_place_are_answered(words in vec(select(&["a", "b.c", "(", ")", "{", "}", "[", "]", ",", ".", ":", "-", "~", "and", "not", "in", "let", "=", "rule", "when", "labels", "signal", "==", "5", "\"x\"", "//c\n", "where", "sum", "span", "kind", "\u{e9}", "\"", "\n"][..]), 0..40), joined in any::<bool>(), at in any::<u32>()) {
        let text = if joined { words.concat() } else { words.join(" ") };
        outline(&text);
        for at in [at % (text.len() as u32 + 2), at] {
            let (span, _) = complete(&text, at);
            prop_assert!(span.start <= span.end);
            if let Some((span, _)) = find(&text, at) {
                prop_assert!(text.get(span.start as usize..span.end as usize).is_some());
            }
        }
    }
}
