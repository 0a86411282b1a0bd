//! The spans of a trace as people and programs are shown them: a tree, each span with its times and the attributes that matter.

use std::collections::{BTreeMap, HashMap, HashSet};

use opentelemetry_proto::tonic::{
    common::v1::{KeyValue, any_value},
    trace::v1::{span::SpanKind, status::StatusCode},
};
use serde::Serialize;
use serde_json::Value;

use super::{console::Paint, table::one_line};
use crate::{
    rules::PublishedRule,
    sandbox::{WantColumn, WantScope},
    trace::{SealedTrace, SpanId, SpanRecord},
};

/// How deep the tree is drawn; deeper spans stand at this depth.
pub(in crate::cli) const DEPTH_MAX: usize = 40;

/// How many characters of an attribute's value are shown.
const VALUE_CHARS_MAX: usize = 60;

/// A span, where it stands in the tree.
#[derive(Clone, Debug, Serialize)]
pub struct SpanView {
    /// What it is called: the id that a test gave it, or its id in hexadecimal.
    pub id: String,
    /// Likewise; `None` of a root.
    pub parent: Option<String>,
    /// Its name.
    pub name: String,
    /// `service.name` of its resource; may be empty.
    pub service: String,
    /// OpenTelemetry's word for it.
    pub kind: &'static str,
    /// When it starts, from the start of the trace.
    pub start_ns: u64,
    /// How long it takes.
    pub duration_ns: u64,
    /// `unset`, `ok` or `error`.
    pub status: &'static str,
    /// Those that matter to the rules at hand, of the span or else of its resource.
    pub attributes: BTreeMap<String, Value>,
    /// What is to be said of it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub marks: Vec<String>,
    /// How many ancestors it is drawn under.
    #[serde(skip)]
    depth: usize,
}

/// Returns the spans depth first, as the tree shows them, with what `marks` says of each row.
pub fn views(
    trace: &SealedTrace,
    name_of: &dyn Fn(SpanId) -> String,
    keys: &[&str],
    marks: &dyn Fn(usize) -> Vec<String>,
) -> Vec<SpanView> {
    let spans = &trace.spans;
    let ids: Vec<(&[u8], &[u8])> = spans
        .iter()
        .map(|record| (&*record.span.span_id, &*record.span.parent_span_id))
        .collect();
    let named = |id: &[u8]| SpanId::from_bytes(id).map(name_of);
    let first = spans.iter().map(|record| record.span.start_time_unix_nano);
    let first = first.min().unwrap_or(0);
    let mut views = Vec::with_capacity(spans.len());
    for (row, depth) in tree_order(&ids) {
        let Some(record) = spans.get(row) else {
            continue;
        };
        let span = &record.span;
        let kind = SpanKind::try_from(span.kind).unwrap_or_default();
        let status = span.status.as_ref().map_or(0, |status| status.code);
        views.push(SpanView {
            id: named(&span.span_id).unwrap_or_default(),
            parent: named(&span.parent_span_id),
            name: span.name.clone(),
            service: text_of(&record.resource.resource.attributes, "service.name"),
            kind: kind_word(kind),
            start_ns: span.start_time_unix_nano.saturating_sub(first),
            duration_ns: span
                .end_time_unix_nano
                .saturating_sub(span.start_time_unix_nano),
            status: match StatusCode::try_from(status).unwrap_or_default() {
                StatusCode::Unset => "unset",
                StatusCode::Ok => "ok",
                StatusCode::Error => "error",
            },
            attributes: chosen(record, keys),
            marks: marks(row),
            depth,
        });
    }
    views
}

/// Returns the positions of spans (their ids, and those of their parents) depth first with their depths, children in the order
/// given. Each is there once, whatever the parents say.
pub(in crate::cli) fn tree_order<K: Copy + Eq + std::hash::Hash>(
    spans: &[(K, K)],
) -> Vec<(usize, usize)> {
    let ids: HashSet<K> = spans.iter().map(|(id, _)| *id).collect();
    let mut children: HashMap<K, Vec<usize>> = HashMap::new();
    let mut roots = Vec::new();
    for (at, (id, parent)) in spans.iter().enumerate() {
        if ids.contains(parent) && parent != id {
            children.entry(*parent).or_default().push(at);
        } else {
            roots.push(at);
        }
    }
    // What no root leads to lies on a cycle of parents; it follows as it came.
    let mut stack: Vec<(usize, usize)> = (0..spans.len()).rev().map(|at| (at, 0)).collect();
    stack.extend(roots.into_iter().rev().map(|at| (at, 0)));
    let mut seen = HashSet::new();
    let mut order = Vec::with_capacity(spans.len());
    while let Some((at, depth)) = stack.pop() {
        let Some((id, _)) = spans.get(at).filter(|_| seen.insert(at)) else {
            continue;
        };
        order.push((at, depth));
        // Two halves of a call share an id: their children are drawn once, under the first.
        let below = children.remove(id).unwrap_or_default();
        stack.extend(below.into_iter().rev().map(|at| (at, depth + 1)));
    }
    order
}

/// Returns a line for each span.
pub fn lines(views: &[SpanView], paint: Paint) -> Vec<String> {
    let width = |cell: &dyn Fn(&SpanView) -> usize| views.iter().map(cell).max().unwrap_or(0);
    let indent = |view: &SpanView| view.depth.min(DEPTH_MAX) * 2;
    let name_width = width(&|view| indent(view) + one_line(&view.name).chars().count());
    let id_width = width(&|view| one_line(&view.id).chars().count());
    let start_width = width(&|view| short(view.start_ns).len());
    let duration_width = width(&|view| short(view.duration_ns).len());
    let line = |view: &SpanView| {
        let name = format!(
            "{:indent$}{}",
            "",
            one_line(&view.name),
            indent = indent(view)
        );
        let mark = if view.marks.is_empty() { " " } else { ">" };
        let mut line = format!(
            "{} {:id_width$}  {name:name_width$}  at {:>start_width$} for {:>duration_width$}",
            paint.red(mark),
            one_line(&view.id),
            short(view.start_ns),
            short(view.duration_ns),
        );
        let mut add = |text: &str| {
            line.push_str("  ");
            line.push_str(text);
        };
        if view.status == "error" {
            add(&paint.red("error"));
        }
        if !matches!(view.kind, "internal" | "unspecified") {
            add(view.kind);
        }
        if !view.service.is_empty() {
            add(&paint.dim(one_line(&view.service)));
        }
        for (key, value) in &view.attributes {
            add(&format!("{}={}", one_line(key), value_text(value)));
        }
        if !view.marks.is_empty() {
            add(&paint.bold(format_args!("<- {}", view.marks.join("; "))));
        }
        line.trim_end().to_owned()
    };
    views.iter().map(line).collect()
}

/// Writes a time in its largest whole-looking unit: `0`, `250us`, `12ms`, `1.5s`.
pub fn short(ns: u64) -> String {
    let (unit, per) = match ns {
        0 => return "0".to_owned(),
        1..1_000 => ("ns", 1.0),
        1_000..1_000_000 => ("us", 1e3),
        1_000_000..1_000_000_000 => ("ms", 1e6),
        _ => ("s", 1e9),
    };
    let number = format!("{:.3}", ns as f64 / per);
    let number = number.trim_end_matches('0').trim_end_matches('.');
    format!("{number}{unit}")
}

/// Returns the keys of the attributes of spans that a rule reads.
pub fn attribute_keys(rule: &PublishedRule) -> impl Iterator<Item = &str> {
    rule.description()
        .reads
        .iter()
        .filter_map(|want| match &want.column {
            WantColumn::Attribute { scope, key } => match scope {
                WantScope::Span | WantScope::Resource | WantScope::Any => Some(key.as_str()),
                WantScope::Scope | WantScope::Event | WantScope::Link => None,
            },
            WantColumn::SpanName
            | WantColumn::Text(_)
            | WantColumn::Fixed(_)
            | WantColumn::ElementValue => None,
        })
}

fn kind_word(kind: SpanKind) -> &'static str {
    match kind {
        SpanKind::Unspecified => "unspecified",
        SpanKind::Internal => "internal",
        SpanKind::Server => "server",
        SpanKind::Client => "client",
        SpanKind::Producer => "producer",
        SpanKind::Consumer => "consumer",
    }
}

fn chosen(record: &SpanRecord, keys: &[&str]) -> BTreeMap<String, Value> {
    let resource = &record.resource.resource.attributes;
    let mut chosen = BTreeMap::new();
    for key in keys {
        let of = |attributes: &[KeyValue]| {
            let found = attributes.iter().rev().find(|kv| kv.key == *key)?;
            Some(plain(found.value.as_ref()?.value.as_ref()))
        };
        if let Some(value) = of(&record.span.attributes).or_else(|| of(resource)) {
            chosen.insert((*key).to_owned(), value);
        }
    }
    chosen
}

fn text_of(attributes: &[KeyValue], key: &str) -> String {
    let found = attributes.iter().rev().find(|kv| kv.key == key);
    match found.and_then(|kv| kv.value.as_ref()?.value.as_ref()) {
        Some(any_value::Value::StringValue(text)) => text.clone(),
        Some(_) | None => String::new(),
    }
}

/// A value as JSON; bytes and key-value lists, which no rule compares, by their kind.
fn plain(value: Option<&any_value::Value>) -> Value {
    match value {
        None => Value::Null,
        Some(any_value::Value::StringValue(text)) => text.as_str().into(),
        Some(any_value::Value::BoolValue(truth)) => (*truth).into(),
        Some(any_value::Value::IntValue(int)) => (*int).into(),
        Some(any_value::Value::DoubleValue(double)) => (*double).into(),
        Some(any_value::Value::ArrayValue(array)) => {
            let values = array.values.iter();
            values.map(|value| plain(value.value.as_ref())).collect()
        }
        Some(any_value::Value::BytesValue(bytes)) => format!("({} bytes)", bytes.len()).into(),
        Some(_) => "(key-value list)".into(),
    }
}

fn value_text(value: &Value) -> String {
    let text = match value {
        Value::String(text) if !text.is_empty() && !text.contains(char::is_whitespace) => {
            text.clone()
        }
        Value::String(_)
        | Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::Array(_)
        | Value::Object(_) => value.to_string(),
    };
    let text = one_line(&text);
    if text.chars().count() <= VALUE_CHARS_MAX {
        return text;
    }
    let head: String = text.chars().take(VALUE_CHARS_MAX).collect();
    format!("{head}...")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn children_stand_below_their_parents_and_each_span_once() {
        let spans = [
            ("b", "a"),
            ("a", ""),
            ("c", "b"),
            ("x", "y"),
            ("y", "x"),
            ("d", "gone"),
        ];
        let order: Vec<_> = tree_order(&spans)
            .into_iter()
            .map(|(at, depth)| (spans[at].0, depth))
            .collect();
        assert_eq!(
            order,
            [("a", 0), ("b", 1), ("c", 2), ("d", 0), ("x", 0), ("y", 1)]
        );
    }

    #[test]
    fn times_are_short() {
        for (ns, text) in [
            (0, "0"),
            (999, "999ns"),
            (1_500, "1.5us"),
            (12_000_000, "12ms"),
            (61_000_000_000, "61s"),
        ] {
            assert_eq!(short(ns), text);
        }
    }
}
