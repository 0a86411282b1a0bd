//! A table against the `regex` crate.

use proptest::{collection::vec, prelude::*, sample::select};

use super::{DEAD, MATCHED, PatternError, Table, compile};
use crate::limits::PATTERN_TABLE_BYTES_MAX;

/// What `codegen::text` emits, on the cells that it places.
fn matches(table: &Table, text: &[u8]) -> bool {
    let cells = table.cells();
    let mut state = table.start();
    for byte in text {
        if state <= table.matched() {
            break;
        }
        let cell = (state * table.stride()) as usize + table.classes()[*byte as usize] as usize;
        state = u32::from(u16::from_le_bytes([cells[2 * cell], cells[2 * cell + 1]]));
    }
    state.wrapping_sub(1) < table.accepting_end() - 1
}

/// Not by `is_match`, which stops at the earliest end: where that is of an empty match within a letter, which counts for
/// nothing, it does not go on with the matches that were under way.
fn is_found(regex: &regex::Regex, text: &str) -> bool {
    regex.find(text).is_some()
}

fn check(pattern: &str, texts: &[&str]) {
    let (table, _) = compile(pattern).unwrap();
    let regex = regex::Regex::new(pattern).unwrap();
    for text in texts {
        let expected = is_found(&regex, text);
        assert_eq!(
            matches(&table, text.as_bytes()),
            expected,
            "{pattern} {text}"
        );
    }
}

const TEXTS: [&str; 25] = [
    "",
    "a",
    "aab",
    "b",
    "GET /admin/x",
    "get /admin",
    "user@example.com",
    "42",
    "\u{0663}\u{0664}",
    "stra\u{df}e",
    "STRASSE",
    "\u{fc}ber",
    "\u{dc}BER",
    "k\u{212a}K",
    "line\nother",
    "line\r\nother",
    "\n",
    " a ",
    "a_b-c.d",
    "\u{1f600}",
    "a\u{1f600}b",
    "\u{e9}",
    "a\u{e9}_",
    "--",
    "2026-03-01T00:00:00Z",
];

#[test]
fn patterns_mean_what_they_mean_in_the_regex_crate() {
    for pattern in [
        "",
        "a",
        "^a",
        "a$",
        "^a*$",
        "^$",
        r"\A\z",
        "aab|b",
        "^GET /admin/",
        "(?i)^get /ADMIN",
        r"^[\w.+-]+@[\w-]+\.[\w.]+$",
        r"\d+",
        r"^\d{2}$",
        r"\p{Greek}|\p{Lu}",
        "(?i)stra\u{df}e",
        "(?i)\u{fc}BER",
        "(?i)k{3}",
        "(?m)^other$",
        "(?mR)^line$",
        "(?s)line.other",
        "line.other",
        "(?x) a  a # twice",
        r"[^\s\S]",
        r"[\s\S]",
        r"^.{3}$",
        r"^(?:a|b){2,3}$",
        "\u{1f600}$",
        r"(?-u)^\w+$",
        r"\pL{4}",
        r"^[[:alpha:]&&[^b]]+$",
        r"\d{4}-\d{2}-\d{2}T",
    ] {
        check(pattern, &TEXTS);
    }
}

#[test]
fn words_end_where_those_of_ascii_do() {
    for (pattern, ascii) in [
        (r"\bber", r"(?-u:\b)ber"),
        (r"\B", r"(?-u:\B)"),
        (r"^\B$", r"^(?-u:\B)$"),
        (r"\b\d+\b", r"(?-u:\b)\d+(?-u:\b)"),
        (r"\b{start}\w", r"(?-u:\b{start})\w"),
        (r"\w\b{end}", r"\w(?-u:\b{end})"),
        (
            r"\b{end-half}\b{start-half}",
            r"(?-u:\b{end-half}\b{start-half})",
        ),
        (r"a\B", r"a(?-u:\B)"),
        // Between the bytes of the letter no word begins or ends, and no match.
        ("\u{e9}|\\B", "\u{e9}|(?-u:\\B)"),
    ] {
        let (table, _) = compile(pattern).unwrap();
        let regex = regex::Regex::new(ascii).unwrap();
        for text in TEXTS {
            let expected = is_found(&regex, text);
            assert_eq!(
                matches(&table, text.as_bytes()),
                expected,
                "{pattern} {text}"
            );
        }
    }
}

#[test]
fn tables_are_as_small_as_can_be() {
    for (pattern, states, classes) in [
        // Beside the two that every table has: one, in which nothing of it was seen.
        ("a", 3, 2),
        ("", 2, 1),
        (r"[^\s\S]", 2, 1),
        ("^a", 3, 2),
        // Both ways to the same end are one.
        ("abx|acx", 5, 4),
        ("a$", 4, 2),
    ] {
        let (table, _) = compile(pattern).unwrap();
        let found = (table.next.len() / table.classes_len, table.classes_len);
        assert_eq!(found, (states, classes), "{pattern}");
        let (dead, matched) = (table.classes_len, 2 * table.classes_len);
        assert!(table.next[..dead].iter().all(|state| *state == DEAD));
        assert!(
            table.next[dead..matched]
                .iter()
                .all(|state| *state == MATCHED)
        );
    }
}

#[test]
fn a_bad_pattern_is_told_with_its_place() {
    let Err(PatternError::Syntax { start, end, .. }) = compile("ab[c") else {
        panic!("a class that does not end")
    };
    assert_eq!((start, end), (2, 3));
    assert!(matches!(
        compile(r"a(?-u:\xff)"),
        Err(PatternError::Syntax { .. })
    ));
}

#[test]
fn a_pattern_that_needs_too_much_is_refused() {
    for pattern in [
        r"(?:a|b)*a(?:a|b){24}",
        r"\w{200}",
        r"((((a{99}){99}){99}){99})",
        r"\pL{40}\d\pL{40}",
    ] {
        assert_eq!(
            compile(pattern).unwrap_err(),
            PatternError::TooLarge,
            "{pattern}"
        );
    }
    let (table, _) = compile(r"^\w{5}$").unwrap();
    assert!(table.size_bytes() <= PATTERN_TABLE_BYTES_MAX);
    assert_ne!(
        table.stride(),
        1,
        "states of so large a table are numbered one by one"
    );
    assert!(matches(&table, "a\u{e9}\u{dc}1_".as_bytes()));
    assert!(!matches(&table, "a\u{e9}\u{dc}1".as_bytes()));
}

/// Patterns of few pieces, so that they meet the texts, and texts of the same pieces.
fn pattern() -> impl Strategy<Value = String> {
    let leaf = select(vec![
        "a",
        "b",
        "ab",
        ".",
        "^",
        "$",
        r"\w",
        r"\d",
        r"\s",
        "[ab]",
        "[^a]",
        "\u{e9}",
        "a\u{e9}_",
        "\u{df}",
        r"\pL",
        "(?i:A)",
        "(?i:\u{c9})",
        r"(?-u:\b)",
        r"(?-u:\B)",
        r"(?m:^)",
        r"(?m:$)",
        r"\A",
        r"\z",
        "",
    ])
    .prop_map(str::to_owned);
    leaf.prop_recursive(4, 12, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 1..4).prop_map(|parts| parts.concat()),
            vec(inner.clone(), 2..4).prop_map(|parts| format!("(?:{})", parts.join("|"))),
            (inner, select(vec!["*", "+", "?", "{2}", "{1,3}", "*?"]))
                .prop_map(|(part, times)| format!("(?:{part}){times}")),
        ]
    })
}

fn text() -> impl Strategy<Value = String> {
    let pieces = select(vec![
        "a",
        "b",
        "A",
        "\u{e9}",
        "a\u{e9}_",
        "\u{c9}",
        "\u{df}",
        "1",
        " ",
        "\n",
        "\u{1f600}",
        "_",
    ]);
    vec(pieces, 0..8).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn any_pattern_means_what_it_means_in_the_regex_crate(pattern in pattern(), texts in vec(text(), 1..12)) {
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        check(&pattern, &texts);
    }
}
