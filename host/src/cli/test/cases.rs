//! The cases of a test file as data, for whoever judges them by other means than the sandbox.

use std::path::Path;

use super::{
    TestText, compare,
    file::{self, Input},
    mistake, run,
};
use crate::{
    trace::{SealedTrace, SpanId},
    verdict::Verdict,
};

/// A case with a trace.
#[derive(Debug)]
pub struct CaseTrace {
    /// Its name.
    pub name: String,
    /// The line of its name, the first being 1.
    pub line: usize,
    /// The rules that it tests, where it has its own or those of its file stand in the file.
    pub source: Option<String>,
    /// What each rule must give.
    pub expect: Vec<(String, Verdict)>,
    /// By rule, the names of the spans that must be its witnesses.
    pub witnesses: Vec<(String, Vec<String>)>,
    /// Its trace, sealed.
    pub trace: SealedTrace,
    /// What the case calls each span of the trace.
    pub span_names: Vec<String>,
}

/// Returns the cases of a text that have a trace; those of a text with mistakes are none.
pub fn cases(test: &TestText<'_>) -> Vec<CaseTrace> {
    let (file, mistakes) = file::read(test.text, test.rules.is_some());
    if !mistakes.is_empty() {
        return Vec::new();
    }
    let folder = test.path.parent().unwrap_or(Path::new(""));
    let mut cases = Vec::with_capacity(file.cases.len());
    for case in &file.cases {
        let sealed = match &case.input {
            Input::None => continue,
            Input::Spans(spans) => run::spelled(spans),
            Input::Otlp(path) => run::otlp(folder, path).unwrap_or_default(),
        };
        let Ok([trace]) = <[SealedTrace; 1]>::try_from(sealed) else {
            continue;
        };
        let ids = trace.spans.iter().map(|record| &record.span.span_id);
        let span_names = ids
            .map(|id| {
                SpanId::from_bytes(id)
                    .map_or_else(String::new, |id| compare::named(&case.input, id))
            })
            .collect();
        let source = case.source.as_ref().or(file.source.as_ref());
        cases.push(CaseTrace {
            name: case.name.text.clone(),
            line: mistake::line_number(test.text, case.name.range.start),
            source: source.map(|source| source.text.clone()),
            expect: case
                .expect
                .iter()
                .map(|(rule, verdict)| (rule.text.clone(), *verdict))
                .collect(),
            witnesses: case
                .witnesses
                .iter()
                .map(|(rule, spans)| {
                    let spans = spans.iter().map(|span| span.text.clone());
                    (rule.text.clone(), spans.collect())
                })
                .collect(),
            trace,
            span_names,
        });
    }
    cases
}
