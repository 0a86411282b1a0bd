//! The language reference is executed: each page of `tests/spec` says what rules mean, and is held to it.
//!
//! | on a page | what is checked |
//! |---|---|
//! | a `btr` block | it compiles with no diagnostic; the `toml` blocks after it in its section hold cases for it, one at least |
//! | `btr warning=CODE`, `btr error=CODE` | exactly these diagnostics; a `text` block that follows is what is printed of them |
//! | `btr no-run` | it compiles with no diagnostic, and needs no case |
//! | a `toml` block with no `btr` before it in its section | it is a whole test file |
//! | the page itself | the index links to it |
//!
//! Each case is judged twice: as everywhere, by the component in the sandbox, and by the compiler's oracle.
//!
//! A source without a name for its rule stands in `rule.btr`, so that the rule's id is `rule`.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot read the specification is to fail"
)]

use std::{
    fs,
    path::{Path, PathBuf},
};

use betrace::{
    cli::test::{self, TestText, test_text},
    sandbox::{PackCompiler, Sandbox, SandboxLimits},
};
use betrace_dsl::{Color, Diagnostic, DiagnosticSeverity, Source, compile, render};

use page::{Block, Kind, Page};

mod page;
mod second;

/// What the rules of a page are called where the compiler speaks of them.
const RULES_NAME: &str = "rule.btr";
const INDEX: &str = "README.md";
/// How many lines a page may have.
const LINES_MAX: usize = 200;

/// Runs pages, and gathers what is wrong with them.
struct Spec {
    sandbox: Sandbox,
    folder: PathBuf,
    failures: Vec<String>,
    n_cases: usize,
}

impl Spec {
    fn new() -> Self {
        let limits = SandboxLimits::default();
        Self {
            sandbox: Sandbox::new(PackCompiler::InProcess, limits).unwrap(),
            folder: Path::new(env!("CARGO_MANIFEST_DIR")).join("spec"),
            failures: Vec::new(),
            n_cases: 0,
        }
    }

    fn fail(&mut self, name: &str, line: usize, what: &str) {
        self.failures.push(format!("{name}:{line}: {what}"));
    }

    fn run(&mut self, name: &str, text: &str) {
        let page = Page::read(text);
        let n_lines = text.lines().count();
        if n_lines > LINES_MAX {
            self.fail(name, n_lines, "a page that is too long to be read at once");
        }
        for (line, mistake) in &page.mistakes {
            self.fail(name, *line, mistake);
        }
        let mut blocks = page.blocks.iter().peekable();
        let mut in_scope: Option<&Block> = None;
        while let Some(block) = blocks.next() {
            in_scope = in_scope.filter(|rules| rules.section == block.section);
            match &block.kind {
                Kind::Rules { expected, run } => {
                    in_scope = Some(block);
                    let next = blocks.peek().filter(|next| next.section == block.section);
                    let printed = next.filter(|next| next.kind == Kind::Text);
                    self.diagnose(name, &page, block, expected, printed.copied());
                    let failing = expected.iter().any(|(severity, _)| severity == "error");
                    let cases = cases_of(&page, block);
                    if failing && !cases.is_empty() {
                        self.fail(name, block.line, "rules with an error have no cases");
                    } else if !cases.is_empty() {
                        self.judge(name, &page, Some(block), &cases);
                    } else if *run && expected.is_empty() {
                        self.fail(
                            name,
                            block.line,
                            "nothing is expected of these rules: add a case, error=CODE, warning=CODE or no-run",
                        );
                    }
                }
                Kind::Cases if in_scope.is_none() => self.judge(name, &page, None, &[block]),
                Kind::Cases | Kind::Text | Kind::Other => {}
            }
        }
    }

    /// Compares what the compiler says of rules with what the page says.
    fn diagnose(
        &mut self,
        name: &str,
        page: &Page<'_>,
        block: &Block,
        expected: &[(String, String)],
        printed: Option<&Block>,
    ) {
        let text = page.text(block);
        let source = Source {
            name: RULES_NAME,
            text: text.as_bytes(),
        };
        let (_, diagnostics) = compile(&source);
        let got: Vec<(String, String)> = diagnostics.iter().map(code).collect();
        let said = render(&diagnostics, &source, Color::Plain);
        if got != expected {
            let what = format!("expected the diagnostics {expected:?}, got {got:?}\n{said}");
            self.fail(name, block.line, &what);
        } else if let Some(printed) = printed.filter(|_| !expected.is_empty()) {
            let shown = page.text(printed);
            if shown.trim_end() != said.trim_end() {
                let what = format!("this is not what is printed, which is\n{said}");
                self.fail(name, printed.line, &what);
            }
        }
    }

    fn judge(&mut self, name: &str, page: &Page<'_>, rules: Option<&Block>, cases: &[&Block]) {
        let rules: Option<String> = rules.map(|block| page.text(block));
        let text = page.text_in_place(cases);
        let path = self.folder.join(name);
        let test = TestText {
            name,
            path: &path,
            text: &text,
            rules: rules.as_ref().map(|text| Source {
                name: RULES_NAME,
                text: text.as_bytes(),
            }),
        };
        for case in test::cases(&test) {
            let own = case.source.as_ref().or(rules.as_ref());
            let source = own.map(|text| Source {
                name: RULES_NAME,
                text: text.as_bytes(),
            });
            for failure in source
                .iter()
                .flat_map(|source| second::failures(&case, source))
            {
                self.fail(name, case.line, &format!("{}: {failure}", case.name));
            }
        }
        let report = test_text(&test, &self.sandbox);
        let line = cases.first().map_or(0, |block| block.line);
        for error in &report.errors {
            self.fail(name, line, error);
        }
        for case in &report.cases {
            self.n_cases += 1;
            for failure in &case.failures {
                self.fail(name, case.line, &format!("{}: {failure}", case.name));
            }
        }
    }
}

/// The blocks of cases that speak of rules: those of the section, up to the next rules.
fn cases_of<'p>(page: &'p Page<'_>, rules: &Block) -> Vec<&'p Block> {
    let after = page.blocks.iter().filter(|block| block.line > rules.line);
    after
        .take_while(|block| {
            block.section == rules.section && !matches!(block.kind, Kind::Rules { .. })
        })
        .filter(|block| block.kind == Kind::Cases)
        .collect()
}

fn code(diagnostic: &Diagnostic) -> (String, String) {
    let severity = match diagnostic.severity {
        DiagnosticSeverity::Error => "error",
        DiagnosticSeverity::Warning => "warning",
    };
    (severity.to_owned(), diagnostic.code.as_str().to_owned())
}

fn is_page(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "md")
}

/// The pages, by name, the index among them.
fn pages() -> Vec<(String, String)> {
    let folder = Spec::new().folder;
    let mut pages: Vec<(String, String)> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| is_page(path))
        .map(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, fs::read_to_string(path).unwrap())
        })
        .collect();
    pages.sort();
    pages
}

/// The pages that the index does not name, and the names that are no pages.
fn astray(index: &str, pages: &[&str]) -> Vec<String> {
    let linked: Vec<&str> = index
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next())
        .filter(|target| is_page(Path::new(target)) && !target.contains('/'))
        .collect();
    let unlinked = pages
        .iter()
        .filter(|page| **page != INDEX && !linked.contains(page))
        .map(|page| format!("{page}:1: {INDEX} does not link to this page"));
    let gone = linked
        .iter()
        .filter(|target| !pages.contains(target))
        .map(|target| format!("{INDEX}:1: there is no page `{target}`"));
    unlinked.chain(gone).collect()
}

#[test]
fn every_page_means_what_it_says() {
    let pages = pages();
    let mut spec = Spec::new();
    for (name, text) in &pages {
        spec.run(name, text);
    }
    let names: Vec<&str> = pages.iter().map(|(name, _)| name.as_str()).collect();
    let index = pages.iter().find(|(name, _)| name == INDEX).unwrap();
    spec.failures.extend(astray(&index.1, &names));
    assert!(spec.failures.is_empty(), "\n{}", spec.failures.join("\n"));
    assert!(spec.n_cases > 100, "{} cases", spec.n_cases);
}

/// Runs a page that stands here, and returns what is wrong with it.
fn failures_of(page: &str) -> Vec<String> {
    let mut spec = Spec::new();
    spec.run("page.md", page);
    spec.failures
}

const CASE: &str = "\n```toml\n[[case]]\nname = \"a span\"\nexpect = { rule = \"violated\" }\nspans = [{ name = \"a\" }]\n```\n";

#[test]
fn a_page_that_is_true_passes() {
    assert_eq!(
        failures_of(&format!("# A\n```btr\na\n```\n{CASE}")),
        Vec::<String>::new()
    );
}

#[test]
fn a_wrong_verdict_is_shown_with_its_line() {
    let failures = failures_of(&format!("# A\n```btr\nb\n```\n{CASE}"));
    assert_eq!(
        failures,
        [
            "page.md:8: a span: rule: the oracle says held",
            "page.md:8: a span: rule: expected violated, got held"
        ]
    );
}

#[test]
fn rules_that_nothing_is_expected_of_fail() {
    for page in [
        "```btr\na\n```\n".to_owned(),
        // The case stands in another section.
        format!("```btr\na\n```\n# B\n```btr\na\n```\n{CASE}"),
        // It is for the second rules alone.
        format!("```btr\na\n```\n```btr\na\n```\n{CASE}"),
    ] {
        let failures = failures_of(&page);
        assert_eq!(failures.len(), 1, "{failures:?}");
        assert!(failures[0].starts_with("page.md:1: nothing is expected"));
    }
    assert!(failures_of("```btr no-run\na\n```\n").is_empty());
}

#[test]
fn diagnostics_are_those_that_the_page_says() {
    let rule = "when { a }\n```\n";
    assert!(failures_of(&format!("```btr error=when-alone\n{rule}")).is_empty());
    for marker in ["", " error=syntax", " warning=when-alone", " no-run"] {
        let failures = failures_of(&format!("```btr{marker}\n{rule}"));
        assert!(
            failures[0].contains("got [(\"error\", \"when-alone\")]"),
            "{failures:?}"
        );
    }
    let printed = format!("```btr error=when-alone\n{rule}```text\nanything\n```\n");
    assert!(failures_of(&printed)[0].starts_with("page.md:4: this is not what is printed"));
    let cases = format!("```btr error=when-alone\n{rule}{CASE}");
    assert!(failures_of(&cases)[0].contains("have no cases"));
}

#[test]
fn what_a_page_gets_wrong_in_its_form_is_a_failure() {
    for page in [
        "```bttr\na\n```\n",
        "```btr eror=syntax\na\n```\n",
        "```toml\n[[case]]\nname = 3\n```\n",
        "text\n```sh\nls\n",
    ] {
        assert!(!failures_of(page).is_empty(), "{page}");
    }
}

#[test]
fn pages_and_index_name_each_other() {
    let pages = ["README.md", "a.md", "b.md"];
    assert!(astray("[a](a.md) [b](b.md) [c](../c.md)", &pages).is_empty());
    assert_eq!(astray("[a](a.md)", &pages).len(), 1);
    assert_eq!(astray("[a](a.md) [b](b.md) [c](c.md)", &pages).len(), 1);
}
