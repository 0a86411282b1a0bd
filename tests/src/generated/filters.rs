//! What stands in `.where( )`.

use super::{
    Choices,
    words::{EVENTS, NUMBERS, PATTERNS, TEXTS},
};

/// What a filter may speak of.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Scope {
    /// An alias `p` stands for the left span of a join.
    pub(super) alias: bool,
    /// It stands in `event.where( )`, or in `link.where( )`.
    pub(super) table: Option<&'static str>,
}

const ANY_KEYS: [&str; 9] = [
    "k",
    "user.role",
    "x",
    "span.k",
    "resource.k",
    "scope.x",
    "\"k\"",
    "span:service",
    "span.\"user.role\"",
];
const ATTRIBUTES: [&str; 6] = [
    "span.k",
    "span.x",
    "resource.k",
    "span.user.role",
    "scope.x",
    "span:service",
];
const OF_ALIAS: [&str; 4] = ["p.k", "p.x", "p.user.role", "p.service.name"];

/// A filter, at most so deep.
pub(super) fn filter(c: &mut Choices, scope: Scope, depth: usize) -> String {
    if depth == 0 {
        return leaf(c, scope);
    }
    match c.weighted(&[6, 2, 2, 2]) {
        0 => leaf(c, scope),
        1 => format!("({})", several(c, scope, depth - 1).join(" and ")),
        2 => format!("({})", several(c, scope, depth - 1).join(" or ")),
        _ => format!("not {}", filter(c, scope, depth - 1)),
    }
}

fn several(c: &mut Choices, scope: Scope, depth: usize) -> Vec<String> {
    let n = 2 + c.below(2);
    (0..n).map(|_| filter(c, scope, depth)).collect()
}

fn leaf(c: &mut Choices, scope: Scope) -> String {
    if let Some(table) = scope.table
        && c.chance(70)
    {
        return of_table(c, scope, table);
    }
    if scope.alias && c.chance(60) {
        return join(c);
    }
    match c.weighted(&[8, 1, 1, 4, 3, 2, 1, 3, 3, 3]) {
        0 => {
            let key = *c.pick(&ANY_KEYS);
            format!("{key} {}", tail(c))
        }
        1 => (*c.pick(&["k", "user.role", "x", "span.k", "\"k\""])).to_owned(),
        2 => format!("exists {}", c.pick(&ANY_KEYS)),
        3 => intrinsic(c),
        4 => pair(c),
        5 => format!("{} matches \"{}\"", c.pick(&ANY_KEYS), c.pick(&PATTERNS)),
        6 => format!("{} contains_i {}", c.pick(&ANY_KEYS), c.quoted()),
        7 => computed(c, scope),
        8 => events_or_links(c, scope),
        _ => tree(c),
    }
}

/// A comparison with the left span of a join.
fn join(c: &mut Choices) -> String {
    let key = *c.pick(&["k", "x", "user.role", "span.k", "resource.x"]);
    let right = *c.pick(&OF_ALIAS);
    match c.weighted(&[8, 2, 3, 1, 1, 1]) {
        0 => format!("{key} == {right}"),
        1 => format!("{key} != {right}"),
        2 => format!("{key} {} {right}", c.pick(&["<", "<=", ">", ">="])),
        3 => {
            let op = *c.pick(&["contains", "starts_with", "ends_with"]);
            format!("{key} {op} {right}")
        }
        4 => format!("{key} {} {right} + {}", c.compare(), c.pick(&NUMBERS)),
        _ => {
            let text = *c.pick(&["span:name", "span:id", "scope:name", "span:status_message"]);
            format!("{text} {} {right}", c.pick(&["==", "!="]))
        }
    }
}

fn value(c: &mut Choices) -> String {
    match c.weighted(&[4, 3, 1]) {
        0 => c.quoted(),
        1 => (*c.pick_hot(&NUMBERS)).to_owned(),
        _ => (*c.pick(&["true", "false", "admin"])).to_owned(),
    }
}

/// An operator and its right side, for an attribute.
pub(super) fn tail(c: &mut Choices) -> String {
    match c.weighted(&[5, 3, 3, 2, 2, 1, 1]) {
        0 => format!("== {}", value(c)),
        1 => {
            let op = *c.pick(&["!=", "contains", "starts_with", "ends_with"]);
            format!("{op} {}", value(c))
        }
        2 => format!(
            "{} {}",
            c.pick(&["<", "<=", ">", ">="]),
            c.pick_hot(&NUMBERS)
        ),
        3 => format!("{} {}", c.pick(&["<", "<=", ">", ">="]), c.quoted()),
        4 => {
            let n = 1 + c.below(3);
            let values: Vec<String> = (0..n).map(|_| value(c)).collect();
            format!("{} [{}]", c.pick(&["in", "not in"]), values.join(", "))
        }
        5 => format!("matches \"{}\"", c.pick(&PATTERNS)),
        _ => format!("contains_i {}", c.quoted()),
    }
}

/// Two fields of the span.
fn pair(c: &mut Choices) -> String {
    let key = *c.pick(&["k", "x", "span.k", "resource.x", "scope.k", "user.role"]);
    let right = *c.pick(&ATTRIBUTES);
    let text = *c.pick(&[
        "span:name",
        "span:status_message",
        "scope:name",
        "span:id",
        "span:parent",
        "scope:version",
    ]);
    match c.weighted(&[4, 1, 1, 1, 1]) {
        0 => format!("{key} {} {right}", c.compare()),
        1 => format!("{text} {} {right}", c.pick(&["==", "!="])),
        2 => format!("{key} {} {text}", c.pick(&["==", "!="])),
        3 => {
            let op = *c.pick(&["contains", "starts_with", "ends_with"]);
            format!("{key} {op} {right}")
        }
        _ => (*c.pick(&[
            "span:start < span:end",
            "span:end == span:start",
            "span:parent == span:id",
            "span:duration > span:self_duration",
            "span:duration != span:self_duration",
        ]))
        .to_owned(),
    }
}

/// A comparison of which a side is computed.
fn computed(c: &mut Choices, scope: Scope) -> String {
    if c.chance(20) {
        let op = *c.pick(&["<", "<=", ">", ">="]);
        return match c.below(3) {
            0 => format!("span:end - span:start {op} {}", duration(c)),
            1 => format!("span:duration - span:self_duration {op} {}", duration(c)),
            _ => format!("span:duration {op} 2 * span:self_duration"),
        };
    }
    let left = sum(c, &["k", "x", "span.k", "user.role", "span:children"], 1);
    let rights = if scope.alias {
        &["p.k", "span.x", "p.x"][..]
    } else {
        &["span.x", "span.k", "resource.k", "span:depth"]
    };
    let right = sum(c, rights, c_depth(scope));
    format!("{left} {} {right}", c.compare())
}

fn c_depth(scope: Scope) -> usize {
    if scope.alias { 1 } else { 2 }
}

/// A sum, product, difference or quotient of operands and numbers.
fn sum(c: &mut Choices, operands: &[&str], depth: usize) -> String {
    let operand = (*c.pick(operands)).to_owned();
    if depth == 0 {
        return operand;
    }
    let op = *c.pick(&["+", "-", "*", "/"]);
    match c.below(4) {
        0 => format!("{operand} {op} {}", c.pick_hot(&NUMBERS)),
        1 => format!("{} {op} {operand}", c.pick_hot(&NUMBERS)),
        2 => format!("({} {op} {operand})", sum(c, operands, depth - 1)),
        _ => format!("{operand} {op} {}", sum(c, operands, depth - 1)),
    }
}

fn of_table(c: &mut Choices, scope: Scope, table: &str) -> String {
    let key = format!("{table}.{}", c.pick(&["k", "user.role", "x"]));
    if table == "event" && c.chance(30) {
        return event_name(c);
    }
    match c.weighted(&[6, 1, 2, 1, 1]) {
        0 => format!("{key} {}", tail(c)),
        1 => format!("exists {key}"),
        2 if scope.alias => format!("{key} == {}", c.pick(&OF_ALIAS)),
        2 => format!("{key} {} {}", c.compare(), c.pick(&ATTRIBUTES)),
        3 => format!("{key} + 1 {} {}", c.compare(), c.pick_hot(&NUMBERS)),
        _ => key,
    }
}

fn event_name(c: &mut Choices) -> String {
    match c.below(4) {
        0 => format!("event:name == \"{}\"", c.pick(&EVENTS)),
        1 => "event:name == exception".to_owned(),
        2 => format!(
            "event:name matches \"{}\"",
            c.pick(&["^ex", "", r"\.", "^$"])
        ),
        _ => format!(
            "event:name {} \"{}\"",
            c.pick(&["!=", "contains"]),
            c.pick(&EVENTS)
        ),
    }
}

fn events_or_links(c: &mut Choices, scope: Scope) -> String {
    let table = *c.pick(&["event", "link"]);
    // One table within another reads the same words as none.
    if scope.table.is_some() || c.chance(40) {
        return of_table(c, scope, table);
    }
    let inner = Scope {
        table: Some(table),
        ..scope
    };
    let depth = 1 + c.below(2);
    format!("{table}.where({})", filter(c, inner, depth))
}

fn tree(c: &mut Choices) -> String {
    match c.below(3) {
        0 => format!(
            "span:children {} {}",
            c.compare(),
            c.pick(&["0", "1", "2", "0.5"])
        ),
        1 => format!(
            "span:depth {} {}",
            c.compare(),
            c.pick(&["0", "1", "2", "3"])
        ),
        _ => format!("span:self_duration {} {}", c.compare(), duration(c)),
    }
}

pub(super) fn duration(c: &mut Choices) -> &'static str {
    let durations: [&'static str; 6] = ["0ns", "1ns", "1500us", "1s", "2h", "3h"];
    durations[c.below(6)]
}

fn intrinsic(c: &mut Choices) -> String {
    let words = |c: &mut Choices, from: &[&str]| (*c.pick(from)).to_owned();
    match c.weighted(&[3, 1, 1, 1, 1, 2, 1]) {
        0 => text_intrinsic(c),
        1 => words(
            c,
            &[
                "span:kind == server",
                "span:kind != client",
                "span:kind in [internal, producer]",
                "span:kind not in [server]",
            ],
        ),
        2 => words(
            c,
            &[
                "span:status == error",
                "span:status != ok",
                "span:status in [unset, ok]",
            ],
        ),
        3 => format!("span:duration {} {}", c.compare(), duration(c)),
        4 => {
            let of = *c.pick(&["span:start", "span:end"]);
            let time = *c.pick(&[
                "2026-03-01T18:00:00Z",
                "2026-03-01T00:00:00+00:00",
                "2026-03-02T00:00:00.5Z",
            ]);
            format!("{of} {} \"{time}\"", c.compare())
        }
        5 => {
            let of = *c.pick(&["timestamp.hour", "timestamp.minute", "timestamp.weekday"]);
            let number = *c.pick(&["0", "1", "2", "3", "6", "7", "18", "30", "18.5", "23"]);
            format!("{of} {} {number}", c.compare())
        }
        _ => words(
            c,
            &[
                "timestamp.weekday == sun",
                "timestamp.weekday in [mon, tue, sat]",
                "timestamp.date == \"2026-03-01\"",
                "timestamp.date < \"2026-03-29\"",
                "timestamp.date >= \"2026-11-01\"",
                "timestamp.date <= \"1969-12-31\"",
            ],
        ),
    }
}

fn text_intrinsic(c: &mut Choices) -> String {
    let text = *c.pick(&[
        "span:name",
        "span:status_message",
        "scope:name",
        "scope:version",
        "span:id",
        "span:parent",
    ]);
    match c.weighted(&[3, 1, 1, 1, 1]) {
        0 => {
            let op = *c.pick(&["==", "!=", "contains", "starts_with", "ends_with"]);
            format!("{text} {op} {}", c.quoted())
        }
        1 => {
            let right = *c.pick(&["b", "", "lib", "0000000000000002\\u{20}"]);
            format!("{text} {} \"{right}\"", c.pick(&["<", ">="]))
        }
        2 => format!("{text} not in [\"{}\", \"lib\"]", c.pick(&TEXTS)),
        3 => format!("{text} matches \"{}\"", c.pick(&PATTERNS)),
        _ => format!("{text} contains_i {}", c.quoted()),
    }
}
