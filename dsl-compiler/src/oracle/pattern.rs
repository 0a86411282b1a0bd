//! Regular expressions, by the `regex` crate.

use std::collections::BTreeMap;

use regex::{Regex, RegexBuilder};

use super::{conditions, filter};
use crate::ir::{Cond, Filter, Pack, Pattern, Test};

/// More than the compiler lets any pattern have.
const PATTERN_BYTES_MAX: usize = 64 << 20;
/// What asserts a boundary of a word; the longest first.
const BOUNDARIES: [&str; 8] = [
    r"\b{start-half}",
    r"\b{end-half}",
    r"\b{start}",
    r"\b{end}",
    r"\b",
    r"\B",
    r"\<",
    r"\>",
];

/// Compiles the patterns of a pack; `None` where one of them is none.
pub(super) fn compile_all(pack: &Pack) -> Option<BTreeMap<Pattern, Regex>> {
    let compiled = patterns(pack).into_iter();
    compiled
        .map(|pattern| compile(pattern).map(|regex| (pattern.clone(), regex)))
        .collect()
}

fn patterns(pack: &Pack) -> Vec<&Pattern> {
    let mut patterns = Vec::new();
    let mut visit = |filter| {
        filter::visit(filter, &mut |filter| {
            if let Filter::Test(test) = filter {
                patterns.extend(patterns_of(test));
            }
        });
    };
    for rule in &pack.rules {
        for part in rule.sets.iter().flat_map(|set| &set.parts) {
            visit(&part.filter);
        }
        for condition in conditions(&rule.body) {
            visit_roots(condition, &mut visit);
        }
    }
    patterns
}

fn patterns_of(test: &Test) -> Vec<&Pattern> {
    match test {
        Test::Matches { pattern, .. } => vec![pattern],
        Test::ContainsFolded {
            string, element, ..
        } => vec![string, element],
        Test::Exists(_)
        | Test::In { .. }
        | Test::Order { .. }
        | Test::Text { .. }
        | Test::Contains { .. }
        | Test::TextFields { .. }
        | Test::Compute { .. }
        | Test::EqualFields { .. }
        | Test::OrderFields { .. }
        | Test::Whole { .. }
        | Test::WholePair { .. } => Vec::new(),
    }
}

fn visit_roots<'c>(condition: &'c Cond, visit: &mut impl FnMut(&'c Filter)) {
    match condition {
        Cond::All(conditions) | Cond::Any(conditions) => conditions
            .iter()
            .for_each(|condition| visit_roots(condition, visit)),
        Cond::Not(inner) => visit_roots(inner, visit),
        Cond::Root(filter) => visit(filter),
        Cond::Exists(_)
        | Cond::Count { .. }
        | Cond::Compare(_)
        | Cond::Relation(_)
        | Cond::Each(_)
        | Cond::Chain(_) => {}
    }
}

/// A pattern for the `regex` crate, which has Unicode word boundaries where the language has those of ASCII.
fn compile(pattern: &Pattern) -> Option<Regex> {
    let (mut text, mut rest) = (String::new(), pattern.0.as_str());
    while let Some(char) = rest.chars().next() {
        let boundary = BOUNDARIES.iter().find(|word| rest.starts_with(**word));
        // An escape goes with what it escapes.
        let chars = if char == '\\' { 2 } else { 1 };
        let len = boundary.map_or_else(
            || rest.chars().take(chars).map(char::len_utf8).sum(),
            |word| word.len(),
        );
        let (taken, after) = rest.split_at(len);
        if boundary.is_some() {
            text.extend(["(?-u:", taken, ")"]);
        } else {
            text.push_str(taken);
        }
        rest = after;
    }
    let mut builder = RegexBuilder::new(&text);
    builder.size_limit(PATTERN_BYTES_MAX).build().ok()
}
