//! The trace that is explained: from the store, from a file, or from a test.

use std::{collections::HashMap, io::Cursor, path::Path};

use anyhow::{Context, anyhow};
use betrace_dsl::Source;

use super::{Args, Failure, Rule, one_of, opened};
use crate::{
    api::wire::TraceVerdict,
    cli::{
        packs,
        target::Target,
        test::{TestText, cases, seal},
    },
    ingest::file::Reader,
    trace::{Facts, SealedTrace, SpanId, TraceId},
};

/// A trace.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) trace: SealedTrace,
    /// What a test calls its spans.
    pub(super) names: HashMap<SpanId, String>,
    /// The verdicts that the store has on it.
    pub(super) verdicts: Vec<TraceVerdict>,
}

impl Found {
    pub(super) fn name(&self, id: SpanId) -> String {
        let name = self.names.get(&id).cloned();
        name.unwrap_or_else(|| id.to_string())
    }
}

/// Finds the trace.
pub(super) fn find(
    args: &Args,
    rule: &Rule,
    target: &mut Option<Target>,
) -> Result<Found, Failure> {
    if let Some(id) = TraceId::from_hex(&args.trace) {
        return stored(id, opened(args, target)?);
    }
    let (path, part) = match args.trace.rsplit_once('#') {
        Some((path, part)) if !Path::new(&args.trace).exists() => (path, Some(part)),
        Some(_) | None => (args.trace.as_str(), None),
    };
    if path.ends_with(".test.toml") {
        return case(Path::new(path), part, rule);
    }
    let reader = Reader::open(Path::new(path)).map_err(Failure::wrong)?;
    let mut traces = read(reader)?;
    let ids: Vec<String> = traces
        .iter()
        .map(|trace| trace.trace_id.to_string())
        .collect();
    if let Some(part) = part {
        let wanted = part.to_ascii_lowercase();
        traces.retain(|trace| trace.trace_id.to_string() == wanted);
    }
    let n_traces = traces.len();
    match (traces.pop(), n_traces, part) {
        (Some(trace), 1, _) => Ok(Found {
            trace,
            names: HashMap::new(),
            verdicts: Vec::new(),
        }),
        (_, _, Some(part)) => Err(one_of(&format!("`{path}` has no trace `{part}`"), &ids)),
        (None, _, None) => Err(Failure::wrong(anyhow!("`{path}` has no spans"))),
        (Some(_), _, None) => {
            let what = format!("`{path}` has {n_traces} traces: name one as {path}#TRACE_ID");
            Err(one_of(&what, &ids))
        }
    }
}

fn read(reader: Reader) -> Result<Vec<SealedTrace>, Failure> {
    let mut records = Vec::new();
    for request in reader {
        records.extend(request.map_err(Failure::wrong)?.decoded.records);
    }
    Ok(seal(&records))
}

fn stored(id: TraceId, target: &Target) -> Result<Found, Failure> {
    let view = target.operations().trace(id)?;
    let json = serde_json::to_vec(&view.otlp)
        .context("failed to write the trace as OTLP/JSON")
        .map_err(Failure::usage)?;
    let reader = Reader::new(format!("trace {id}"), Cursor::new(json)).map_err(Failure::usage)?;
    let mut traces = read(reader)?;
    let mut trace = traces
        .pop()
        .ok_or_else(|| Failure::wrong(anyhow!("the trace `{id}` has no spans")))?;
    // What its spans do not show.
    for (name, fact) in [("cut", Facts::CUT), ("fragment", Facts::FRAGMENT)] {
        if view.summary.missing.iter().any(|missing| missing == name) {
            trace.facts.0 |= fact;
        }
    }
    Ok(Found {
        trace,
        names: HashMap::new(),
        verdicts: view.verdicts,
    })
}

fn case(path: &Path, name: Option<&str>, rule: &Rule) -> Result<Found, Failure> {
    let shown = packs::name(path);
    let text = String::from_utf8(packs::read_file(path)?)
        .map_err(|_| Failure::wrong(anyhow!("`{shown}` is not text in UTF-8")))?;
    let test = TestText {
        name: &shown,
        path,
        text: &text,
        rules: rule.source.as_ref().map(|source| Source {
            name: &rule.name,
            text: source.as_bytes(),
        }),
    };
    let cases = cases(&test);
    if cases.is_empty() {
        let none = anyhow!("`{shown}` has no case with a trace, or has mistakes");
        return Err(Failure::wrong(none).help(format!("`betrace test {shown}` shows them")));
    }
    let names: Vec<String> = cases.iter().map(|case| case.name.clone()).collect();
    let Some(name) = name else {
        let what = format!("name a case as {shown}#CASE");
        return Err(one_of(&what, &names));
    };
    let mut found = cases.into_iter().filter(|case| case.name == name);
    let Some(case) = found.next() else {
        return Err(one_of(&format!("`{shown}` has no case `{name}`"), &names));
    };
    let ids = case.trace.spans.iter();
    let ids = ids.filter_map(|record| SpanId::from_bytes(&record.span.span_id));
    Ok(Found {
        names: ids.zip(case.span_names).collect(),
        trace: case.trace,
        verdicts: Vec::new(),
    })
}
