//! Traces.

use betrace_dsl::oracle::{Attribute, Event, Link, Scope, Span, Trace};

use super::{
    Choices,
    words::{DAY_NS, DOUBLES, EVENTS, HOUR_NS, INTS, KEYS, NAMES, TEXTS},
};

/// Instants around which traces begin: a plain day, the beginning of Unix time, and an hour before clocks change in
/// New York, Berlin and on Lord Howe Island.
const BASES_NS: [u64; 7] = [
    DAY_NS,
    0,
    1_772_949_600_000_000_000,
    1_793_509_200_000_000_000,
    1_774_742_400_000_000_000,
    1_792_886_400_000_000_000,
    1_775_311_200_000_000_000,
];

/// Makes a trace.
pub fn trace(c: &mut Choices) -> Trace {
    let base = BASES_NS[c.weighted(&[8, 1, 1, 1, 1, 1, 1])];
    let len = match c.weighted(&[6, 2, 1]) {
        0 => c.below(5),
        1 => c.below(9),
        _ => 5 + c.below(12),
    };
    let resources: Vec<_> = (0..2).map(|_| attributes(c, 30)).collect();
    let scopes: Vec<_> = (0..2).map(|_| scope(c)).collect();
    let mut spans: Vec<Span> = (0..len)
        .map(|index| {
            let mut span = span(c, base, index, len);
            span.resource.clone_from(c.pick(&resources));
            span.scope.clone_from(c.pick(&scopes));
            span
        })
        .collect();
    spans.sort_by(|a, b| (a.start, &a.id, a.end).cmp(&(b.start, &b.id, b.end)));
    let facts = match c.weighted(&[5, 1, 1]) {
        0 => 0,
        1 => *c.pick(&[4, 8, 16, 28]),
        _ => *c.pick(&[1, 2, 32, 5, 63]),
    };
    Trace { spans, facts }
}

/// A trace of spans that have names and nothing else.
pub fn plain_trace(names: &[&str]) -> Trace {
    let span = |(index, name): (usize, &&str)| Span {
        name: (*name).to_owned(),
        ..empty(index + 1)
    };
    Trace {
        spans: names.iter().enumerate().map(span).collect(),
        facts: 0,
    }
}

fn empty(id: usize) -> Span {
    Span {
        name: String::new(),
        id: format!("{id:016x}"),
        parent_id: None,
        kind: 0,
        status: 0,
        status_message: String::new(),
        start: DAY_NS,
        end: DAY_NS,
        attributes: Vec::new(),
        resource: Vec::new(),
        scope: Scope::default(),
        events: Vec::new(),
        links: Vec::new(),
    }
}

fn span(c: &mut Choices, base: u64, index: usize, len: usize) -> Span {
    let name = if c.chance(12) {
        "other"
    } else {
        *c.pick(&NAMES)
    };
    let hour = *c.pick(&[0, 0, 0, 1, 2, 6, 18, 23, 24, 47]);
    let offset = *c.pick(&[0, 0, 1, 1_500_000, 1_000_000_000, HOUR_NS / 2]);
    let start = base + hour * HOUR_NS + offset;
    let lasts = *c.pick(&[0, 1, 1_500_000, 1_000_000_000, 3 * HOUR_NS]);
    // Now and then an id that an earlier span may have.
    let id = if c.chance(12) { c.below(len) } else { index };
    // A root, one of the trace, or one that may not be there.
    let parent = match c.weighted(&[3, 6, 1]) {
        0 => None,
        1 => Some(c.below(len)),
        _ => Some(20 + c.below(2)),
    };
    let words = ["", "lib", "admin", "b.c"];
    Span {
        name: name.to_owned(),
        parent_id: parent.map(|parent| format!("{:016x}", parent + 1)),
        kind: c.below(6) as u8,
        status: c.below(3) as u8,
        status_message: (*c.pick(&words)).to_owned(),
        start,
        end: start + lasts,
        attributes: attributes(c, 55),
        events: (0..few(c)).map(|_| event(c, start)).collect(),
        links: (0..few(c)).map(|_| link(c)).collect(),
        ..empty(id + 1)
    }
}

fn few(c: &mut Choices) -> usize {
    c.weighted(&[6, 2, 1, 1])
}

fn event(c: &mut Choices, start: u64) -> Event {
    Event {
        name: (*c.pick(&EVENTS)).to_owned(),
        time: start + c.below(3) as u64,
        attributes: attributes(c, 35),
    }
}

fn link(c: &mut Choices) -> Link {
    Link {
        trace_id: format!("{:032x}", 1 + c.below(3)),
        span_id: format!("{:016x}", 1 + c.below(3)),
        attributes: attributes(c, 35),
    }
}

fn scope(c: &mut Choices) -> Scope {
    let words = ["", "lib", "admin", "b.c"];
    Scope {
        name: (*c.pick(&words)).to_owned(),
        version: (*c.pick(&words)).to_owned(),
        attributes: attributes(c, 30),
    }
}

/// Each key this often.
fn attributes(c: &mut Choices, percent: usize) -> Vec<(String, Attribute)> {
    KEYS.iter()
        .filter_map(|key| {
            let is_there = c.chance(percent);
            is_there.then(|| ((*key).to_owned(), attribute(c)))
        })
        .collect()
}

fn attribute(c: &mut Choices) -> Attribute {
    match c.weighted(&[14, 3, 1]) {
        0 => scalar(c),
        1 => Attribute::Array((0..c.below(4)).map(|_| scalar(c)).collect()),
        _ => match c.below(3) {
            0 => Attribute::Map(vec![("k".to_owned(), scalar(c))]),
            1 => Attribute::Array(vec![Attribute::Array(vec![scalar(c)])]),
            _ => Attribute::Map(Vec::new()),
        },
    }
}

fn scalar(c: &mut Choices) -> Attribute {
    match c.weighted(&[5, 4, 3, 1, 1]) {
        0 => Attribute::String((*c.pick_hot(&TEXTS)).to_owned()),
        1 => Attribute::Int(*c.pick_hot(&INTS)),
        2 => Attribute::Double(*c.pick_hot(&DOUBLES)),
        3 => Attribute::Bool(c.chance(50)),
        _ => Attribute::Bytes(vec![1, 2]),
    }
}
