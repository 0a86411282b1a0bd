//! The page of each code, held to the compiler.

use betrace_dsl::{Code, Source, check};

/// Codes whose page shows no example, and why it cannot.
const WITHOUT_EXAMPLE: [(&str, &str); 6] = [
    (
        "invisible-character",
        "what the example shows is that nobody sees it",
    ),
    ("nesting-too-deep", "128 parentheses"),
    ("not-text", "a page is text"),
    ("pack-too-large", "4,097 rules, or 65,536 names"),
    ("rule-too-large", "1,025 span sets"),
    ("source-too-large", "more than 256 KiB"),
];

fn codes(text: &str) -> Vec<Code> {
    let source = Source {
        name: "page.btr",
        text: text.as_bytes(),
    };
    check(&source).iter().map(|said| said.code).collect()
}

#[test]
fn every_code_has_a_page_whose_examples_are_as_it_says() {
    let mut wrong = Vec::new();
    for code in Code::ALL {
        let name = code.as_str();
        let Some(page) = code.page() else {
            wrong.push(format!("{name}: write its page in src/diagnostic/pages.md"));
            continue;
        };
        if page.why.len() < 40 {
            wrong.push(format!("{name}: say why it is a mistake"));
        }
        let excused = WITHOUT_EXAMPLE.iter().any(|(code, _)| *code == name);
        match (page.wrong, page.right) {
            (Some(example), Some(mended)) => {
                if codes(example) != [*code] {
                    wrong.push(format!(
                        "{name}: the wrong example gives {:?}",
                        codes(example)
                    ));
                }
                if !codes(mended).is_empty() {
                    wrong.push(format!(
                        "{name}: the right example gives {:?}",
                        codes(mended)
                    ));
                }
            }
            (None, None) if excused => {}
            (_, _) => wrong.push(format!("{name}: show a wrong and a right example")),
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn pages_are_of_codes_that_there_are_and_in_order() {
    let pages = include_str!("../src/diagnostic/pages.md");
    let names: Vec<&str> = pages
        .lines()
        .filter_map(|line| line.strip_prefix("## "))
        .collect();
    assert!(names.is_sorted(), "pages.md is not in alphabetical order");
    for name in names {
        assert!(Code::from_name(name).is_some(), "`{name}` is no code");
    }
}

#[test]
fn a_code_that_is_misspelled_is_found() {
    assert_eq!(Code::nearest("sintax"), Some(Code::Syntax));
    assert_eq!(Code::nearest("unused_let"), Some(Code::UnusedLet));
    assert_eq!(Code::nearest("no idea at all"), None);
    assert_eq!(Code::from_name("syntax").unwrap().as_str(), "syntax");
}
