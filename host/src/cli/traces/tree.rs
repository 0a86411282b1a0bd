//! A trace for people: its spans as a tree over the time that it took, and the verdicts on it.

use std::io;

use serde_json::Value;

use crate::{
    api::wire::TraceView,
    cli::{
        console::Console,
        spans::{DEPTH_MAX, tree_order},
        table::{counted, one_line},
    },
};

/// A span, as the tree shows it.
struct Node<'a> {
    id: &'a str,
    parent: &'a str,
    name: &'a str,
    service: &'a str,
    start: u64,
    end: u64,
    failed: bool,
}

pub(super) fn print(trace: &TraceView, console: &mut Console) -> io::Result<()> {
    let summary = &trace.summary;
    let paint = console.paint();
    console.line(paint.bold(format_args!("trace {}", summary.trace_id)))?;
    let state = if trace.open {
        "open, not judged yet"
    } else {
        "sealed"
    };
    console.line(format_args!(
        "  {}  {:.3} ms  {}, {} in error  {state}",
        summary.start,
        summary.duration_ns as f64 / 1e6,
        counted(summary.n_spans as u64, "span"),
        summary.n_errors,
    ))?;
    if !summary.missing.is_empty() {
        console.line(format_args!("  missing: {}", summary.missing.join(", ")))?;
    }
    console.line("")?;
    print_spans(&nodes(&trace.otlp), console)?;
    if !trace.verdicts.is_empty() {
        console.line("\nverdicts")?;
    }
    for verdict in &trace.verdicts {
        let reason = verdict.reason.as_ref().map(|reason| format!(" ({reason})"));
        console.line(format_args!(
            "  {:<14} {} version {}{}",
            verdict.verdict.name(),
            verdict.rule,
            verdict.version,
            reason.unwrap_or_default()
        ))?;
    }
    Ok(())
}

/// Prints the spans depth first, children in order of start. Each is printed once, whatever the parents say.
fn print_spans(nodes: &[Node<'_>], console: &mut Console) -> io::Result<()> {
    let ids: Vec<(&str, &str)> = nodes.iter().map(|node| (node.id, node.parent)).collect();
    let start = nodes.iter().map(|node| node.start).min().unwrap_or(0);
    for (at, depth) in tree_order(&ids) {
        if let Some(node) = nodes.get(at) {
            print_span(node, depth.min(DEPTH_MAX), start, console)?;
        }
    }
    Ok(())
}

fn print_span(node: &Node<'_>, depth: usize, start: u64, console: &mut Console) -> io::Result<()> {
    let paint = console.paint();
    let name = format!("{:indent$}{}", "", one_line(node.name), indent = depth * 2);
    let failed = if node.failed {
        paint.red(" error")
    } else {
        String::new()
    };
    console.line(format_args!(
        "{}  {:>10.3} {:>10.3} ms  {name}{failed} {}",
        paint.dim(node.id),
        node.start.saturating_sub(start) as f64 / 1e6,
        node.end.saturating_sub(node.start) as f64 / 1e6,
        paint.dim(one_line(node.service)),
    ))
}

/// Reads the spans out of OTLP/JSON, in order of start.
fn nodes(otlp: &Value) -> Vec<Node<'_>> {
    let mut nodes = Vec::new();
    for resource_spans in list(otlp, "resourceSpans") {
        let service = service(resource_spans);
        for scope_spans in list(resource_spans, "scopeSpans") {
            for span in list(scope_spans, "spans") {
                nodes.push(Node {
                    id: text(span, "spanId"),
                    parent: text(span, "parentSpanId"),
                    name: text(span, "name"),
                    service,
                    start: nanos(span, "startTimeUnixNano"),
                    end: nanos(span, "endTimeUnixNano"),
                    failed: span.pointer("/status/code").and_then(Value::as_i64) == Some(2),
                });
            }
        }
    }
    nodes.sort_by(|a, b| (a.start, a.id).cmp(&(b.start, b.id)));
    nodes
}

fn service(resource_spans: &Value) -> &str {
    let attributes = resource_spans.pointer("/resource/attributes");
    let attributes = attributes.and_then(Value::as_array);
    let attributes = attributes.map(Vec::as_slice).unwrap_or_default().iter();
    attributes
        .rev()
        .filter(|attribute| text(attribute, "key") == "service.name")
        .find_map(|attribute| attribute.pointer("/value/stringValue")?.as_str())
        .unwrap_or("")
}

fn list<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    value
        .get(key)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or("")
}

fn nanos(value: &Value, key: &str) -> u64 {
    text(value, key).parse().unwrap_or(0)
}
