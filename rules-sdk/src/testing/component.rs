//! The same judgement by the compiled component, in the real sandbox: `betrace test` is given the trace with what was
//! found natively as its expectation.

use std::{
    env,
    fmt::Write,
    fs,
    path::PathBuf,
    process::{self, Command},
    sync::atomic::{AtomicU32, Ordering},
};

use super::{
    Judged,
    spans::{SpanSpec, TestValue, TraceSpec},
};
use crate::{
    rule::Rule,
    span::{Kind, Status},
};

/// The component to compare with; nothing is compared where it is not set.
const COMPONENT: &str = "BETRACE_COMPONENT";

/// The program that judges; else the first `betrace` of the path.
const PROGRAM: &str = "BETRACE_BIN";

/// Ends the test where the component that `BETRACE_COMPONENT` names says something else of the trace.
pub(super) fn compare(rule: &Rule, trace: &TraceSpec, judged: &Judged) {
    let Some(component) = env::var_os(COMPONENT) else {
        return;
    };
    let component = fs::canonicalize(&component).unwrap_or_else(|error| {
        panic!(
            "{COMPONENT} names {}, which cannot be read: {error}",
            component.display()
        )
    });
    let text = test_file(&component.display().to_string(), rule, trace, judged);
    let file = TestFile::write(&text);
    let program = env::var_os(PROGRAM).unwrap_or_else(|| "betrace".into());
    let output = Command::new(&program).arg("test").arg(&file.0).output();
    let output = output.unwrap_or_else(|error| {
        panic!(
            "`{}` cannot be run: {error}; install betrace, or name it by {PROGRAM}",
            program.display()
        )
    });
    if output.status.success() {
        return;
    }
    panic!(
        "the component says something else than the native rule `{}`, which says {judged:?}:\n{}{}",
        rule.id,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

/// A file that is gone afterwards.
struct TestFile(PathBuf);

impl TestFile {
    fn write(text: &str) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("betrace-rules-{}-{number}.test.toml", process::id());
        let path = env::temp_dir().join(name);
        fs::write(&path, text)
            .unwrap_or_else(|error| panic!("{} cannot be written: {error}", path.display()));
        Self(path)
    }
}

impl Drop for TestFile {
    fn drop(&mut self) {
        // What is left lies among the temporary files.
        let _unremoved = fs::remove_file(&self.0);
    }
}

fn test_file(component: &str, rule: &Rule, trace: &TraceSpec, judged: &Judged) -> String {
    let mut text = format!(
        "rules = [{}]\n\n[[case]]\nname = \"as judged natively\"\n",
        quoted(component)
    );
    let verdict = match judged {
        Judged::NotApplicable => "not_applicable",
        Judged::Held => "held",
        Judged::Violated { .. } => "violated",
        Judged::Inconclusive => "inconclusive",
    };
    let id = quoted(rule.id);
    put(
        &mut text,
        format_args!("expect = {{ {id} = \"{verdict}\" }}\n"),
    );
    if let Judged::Violated { witnesses } = judged {
        let labels: Vec<String> = witnesses
            .iter()
            .map(|place| quoted(&label(trace, *place)))
            .collect();
        put(
            &mut text,
            format_args!("witnesses = {{ {id} = [{}] }}\n", labels.join(", ")),
        );
    }
    text.push_str("spans = [\n");
    for (place, span) in trace.spans.iter().enumerate() {
        put(
            &mut text,
            format_args!("  {{ {} }},\n", span_table(trace, place, span)),
        );
    }
    text.push_str("]\n");
    text
}

fn put(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    // A string takes whatever is written to it.
    let _always = text.write_fmt(arguments);
}

fn label(trace: &TraceSpec, place: usize) -> String {
    let label = trace.spans.get(place).and_then(|span| span.label.clone());
    label.unwrap_or_else(|| format!("number {place}"))
}

fn span_table(trace: &TraceSpec, place: usize, span: &SpanSpec) -> String {
    let mut entries = vec![
        format!("id = {}", quoted(&label(trace, place))),
        format!("name = {}", quoted(&span.name)),
        format!("at = \"{}ns\"", span.at_ns),
        format!("for = \"{}ns\"", span.for_ns),
        format!("kind = \"{}\"", kind(span.kind)),
        format!("status = \"{}\"", status(span.status)),
        format!("attributes = {}", table(&span.attributes)),
        format!("resource = {}", table(&span.resource)),
    ];
    if !span.status_message.is_empty() {
        entries.push(format!("status_message = {}", quoted(&span.status_message)));
    }
    if let Some(parent) = &span.parent {
        entries.push(format!("parent = {}", quoted(parent)));
    }
    if span.is_orphan {
        entries.push("orphan = true".to_owned());
    }
    if span.drops_attributes {
        entries.push("dropped_attributes = 1".to_owned());
    }
    let (name, version, attributes) = &span.scope;
    entries.push(format!(
        "scope = {{ name = {}, version = {}, attributes = {} }}",
        quoted(name),
        quoted(version),
        table(attributes)
    ));
    let events = span.events.iter().map(|event| {
        // Of a test file's event `at` counts from its span.
        let at_ns = event.at_ns.saturating_sub(span.at_ns);
        let name = quoted(&event.name);
        format!(
            "{{ name = {name}, at = \"{at_ns}ns\", attributes = {} }}",
            table(&event.attributes)
        )
    });
    let links = span.links.iter().map(|link| {
        let (trace_id, span_id) = (quoted(&link.trace_id), quoted(&link.span_id));
        format!(
            "{{ trace_id = {trace_id}, span_id = {span_id}, attributes = {} }}",
            table(&link.attributes)
        )
    });
    entries.push(format!(
        "events = [{}]",
        events.collect::<Vec<_>>().join(", ")
    ));
    entries.push(format!(
        "links = [{}]",
        links.collect::<Vec<_>>().join(", ")
    ));
    entries.join(", ")
}

fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Unspecified => "unspecified",
        Kind::Internal => "internal",
        Kind::Server => "server",
        Kind::Client => "client",
        Kind::Producer => "producer",
        Kind::Consumer => "consumer",
    }
}

fn status(status: Status) -> &'static str {
    match status {
        Status::Unset => "unset",
        Status::Ok => "ok",
        Status::Error => "error",
    }
}

/// Writes attributes; of a key that is given twice the last counts, and TOML takes it once.
fn table(attributes: &[(String, TestValue)]) -> String {
    let mut entries: Vec<String> = Vec::new();
    for (place, (key, given)) in attributes.iter().enumerate() {
        if attributes
            .iter()
            .skip(place + 1)
            .all(|(later, _)| later != key)
        {
            entries.push(format!("{} = {}", quoted(key), value(given)));
        }
    }
    format!("{{ {} }}", entries.join(", "))
}

fn value(given: &TestValue) -> String {
    match given {
        TestValue::Text(text) => quoted(text),
        TestValue::Int(int) => int.to_string(),
        TestValue::Double(double) if double.is_nan() => "nan".to_owned(),
        TestValue::Double(double) if double.is_infinite() => {
            if *double > 0.0 { "inf" } else { "-inf" }.to_owned()
        }
        // With a point, so that it is no int.
        TestValue::Double(double) => format!("{double:?}"),
        TestValue::Bool(truth) => truth.to_string(),
        TestValue::Array(elements) => {
            let elements: Vec<String> = elements.iter().map(value).collect();
            format!("[{}]", elements.join(", "))
        }
    }
}

/// Writes a basic string of TOML.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for char in text.chars() {
        match char {
            '"' | '\\' => {
                quoted.push('\\');
                quoted.push(char);
            }
            char if char.is_control() => put(&mut quoted, format_args!("\\u{:04X}", char as u32)),
            char => quoted.push(char),
        }
    }
    quoted.push('"');
    quoted
}
