//! Conditions over the trace.

use super::{
    Choices,
    filters::{Scope, duration, filter, tail},
    words::{NAMES, PATTERNS},
};

const RELATIONS: [&str; 11] = [
    "before",
    "after",
    "starts_before",
    "starts_after",
    "overlaps",
    "under",
    "over",
    "child_of",
    "parent_of",
    "sibling_of",
    "with",
];
const PLAIN: Scope = Scope {
    alias: false,
    table: None,
};
const JOINED: Scope = Scope {
    alias: true,
    table: None,
};

/// A condition, at most so deep. `names` are what stands for something elsewhere.
pub(super) fn condition(c: &mut Choices, names: &Names, depth: usize) -> String {
    if depth == 0 {
        return leaf(c, names);
    }
    match c.weighted(&[7, 3, 2, 3, 2]) {
        0 => leaf(c, names),
        1 => format!("({})", several(c, names, depth - 1).join(" and ")),
        2 => format!("({})", several(c, names, depth - 1).join(" or ")),
        3 => {
            let (one, other) = (
                condition(c, names, depth - 1),
                condition(c, names, depth - 1),
            );
            format!("{one} and not {other}")
        }
        _ => format!("not ({})", condition(c, names, depth - 1)),
    }
}

/// What `let` has named for a rule; empty where it has none.
#[derive(Debug, Clone, Default)]
pub(super) struct Names {
    pub(super) set: String,
    pub(super) number: String,
}

fn several(c: &mut Choices, names: &Names, depth: usize) -> Vec<String> {
    let n = 2 + c.below(2);
    (0..n).map(|_| condition(c, names, depth)).collect()
}

fn leaf(c: &mut Choices, names: &Names) -> String {
    match c.weighted(&[4, 1, 3, 7, 3, 1, 3, 1]) {
        0 => set(c, names, PLAIN),
        1 => direct(c),
        2 => count_comparison(c, names),
        3 => relation(c, names),
        4 => each(c, names),
        5 => {
            let n = 2 + c.below(2);
            let sets: Vec<String> = (0..n).map(|_| operand(c, names, PLAIN)).collect();
            sets.join(" then ")
        }
        6 => comparison(c, names, PLAIN),
        _ => match c.below(3) {
            0 => format!("trace:root == \"{}\"", c.pick(&NAMES)),
            1 => format!("trace:root in [\"{}\", a]", c.pick(&NAMES)),
            _ => format!("trace:root matches \"{}\"", c.pick(&PATTERNS)),
        },
    }
}

fn name(c: &mut Choices) -> String {
    let name = *c.pick(&NAMES);
    if name.contains(' ') {
        format!("\"{name}\"")
    } else {
        name.to_owned()
    }
}

fn selector(c: &mut Choices) -> String {
    match c.weighted(&[8, 2, 1, 1]) {
        0 => name(c),
        1 => format!("trace.has(\"{}\")", c.pick(&NAMES)),
        2 => "any".to_owned(),
        _ => format!(
            "trace.has(~\"{}\")",
            c.pick(&["^[ab]", r"\.", "", "(?i)F G", r"\bd\b"])
        ),
    }
}

fn set(c: &mut Choices, names: &Names, scope: Scope) -> String {
    let mut set = if !names.set.is_empty() && c.chance(30) {
        names.set.clone()
    } else {
        selector(c)
    };
    let filters = if scope.alias {
        1 + c.below(2)
    } else {
        c.weighted(&[4, 4, 1])
    };
    for _ in 0..filters {
        let depth = c.weighted(&[6, 3, 1]);
        set = format!("{set}.where({})", filter(c, scope, depth));
    }
    set
}

fn operand(c: &mut Choices, names: &Names, scope: Scope) -> String {
    if c.chance(20) {
        let (one, other) = (set(c, names, scope), set(c, names, scope));
        format!("({one} or {other})")
    } else {
        set(c, names, scope)
    }
}

fn direct(c: &mut Choices) -> String {
    let left = *c.pick(&[
        "a.k",
        "b.c.x",
        "\"f g\".k",
        "trace.has(d-e).user.role",
        "any.x",
    ]);
    format!("{left} {}", tail(c))
}

fn relation(c: &mut Choices, names: &Names) -> String {
    let quantifier = *c.pick(&["", "every ", "no "]);
    let left = operand(c, names, PLAIN);
    let kind = *c.pick(&RELATIONS);
    let (alias, right) = if c.chance(40) {
        (" as p", operand(c, names, JOINED))
    } else {
        ("", operand(c, names, PLAIN))
    };
    let within = if c.chance(30) {
        format!(" within {}", c.pick(&["1ns", "1500us", "1s", "2h", "3h"]))
    } else {
        String::new()
    };
    format!("{quantifier}{left}{alias} {kind} {right}{within}")
}

/// A comparison for each span of a set.
fn each(c: &mut Choices, names: &Names) -> String {
    let quantifier = *c.pick(&["", "every ", "no "]);
    let left = operand(c, names, PLAIN);
    format!(
        "{quantifier}{left} as p with {}",
        comparison(c, names, JOINED)
    )
}

fn counted(c: &mut Choices, names: &Names, scope: Scope) -> String {
    match c.weighted(&[4, 1, 2]) {
        1 if !scope.alias => format!(
            "trace.count(\"{}\").where({})",
            c.pick(&NAMES),
            filter(c, scope, 1)
        ),
        2 => {
            let (one, other) = (set(c, names, scope), set(c, names, scope));
            format!("count(({one} or {other}))")
        }
        _ => format!("count({})", set(c, names, scope)),
    }
}

fn count_comparison(c: &mut Choices, names: &Names) -> String {
    let count = counted(c, names, PLAIN);
    let number = if !names.number.is_empty() && c.chance(30) {
        names.number.clone()
    } else {
        (*c.pick(&["1", "0", "2", "3", "-1", "1.5", "0.0", "2.0", "1e30"])).to_owned()
    };
    match c.below(3) {
        0 => format!("{count} {} {number}", c.compare()),
        1 => format!("{number} {} {count}", c.compare()),
        _ => format!("{count} {} {}", c.compare(), counted(c, names, PLAIN)),
    }
}

/// A comparison of amounts of any kind.
fn comparison(c: &mut Choices, names: &Names, scope: Scope) -> String {
    let op = c.compare();
    let number = *c.pick(&["1", "0", "2", "3", "42", "0.5", "-1", "1000"]);
    match c.weighted(&[4, 3, 2, 2]) {
        0 => format!("{} {op} {number}", amount(c, names, scope)),
        1 => {
            let key = *c.pick(&[
                "k",
                "x",
                "user.role",
                "span:name",
                "span:kind",
                "resource.k",
            ]);
            let groups = format!("count({} by {key})", set(c, names, scope));
            match c.below(3) {
                0 => format!("{groups} {op} {number}"),
                1 => format!("{groups} {op} {}", amount(c, names, scope)),
                _ => format!("{groups} * 2 {op} {number} + {}", amount(c, names, scope)),
            }
        }
        2 => of_time(c, names, scope),
        _ => {
            let (one, other) = (amount(c, names, scope), amount(c, names, scope));
            match c.below(5) {
                0 => format!("{one} {op} {other}"),
                1 => format!("{one} + {number} {op} {other}"),
                2 => format!("{one} {op} {number} * {other}"),
                3 => format!("{one} - {other} {op} {number}"),
                _ => format!("{one} / {other} {op} {number}"),
            }
        }
    }
}

/// A comparison of durations.
fn of_time(c: &mut Choices, names: &Names, scope: Scope) -> String {
    let op = c.compare();
    if c.chance(30) {
        return format!("trace:duration {op} {}", duration(c));
    }
    let fold = *c.pick(&["max", "min", "sum", "avg"]);
    let of = *c.pick(&["span:duration", "span:self_duration"]);
    let left = format!("{fold}({}, {of})", set(c, names, scope));
    match c.below(4) {
        0 | 1 => format!("{left} {op} {}", duration(c)),
        2 => format!("{left} {op} trace:duration / 2"),
        _ => format!("{left} {op} max({}, span:duration)", set(c, names, scope)),
    }
}

/// A number that the trace has, which is no duration.
fn amount(c: &mut Choices, names: &Names, scope: Scope) -> String {
    let keys = [
        "k",
        "x",
        "span.k",
        "resource.x",
        "scope.k",
        "span:children",
        "span:depth",
    ];
    match c.weighted(&[3, 4, 1, 1]) {
        0 => counted(c, names, scope),
        1 => {
            let fold = *c.pick(&["sum", "min", "max", "avg"]);
            format!("{fold}({}, {})", set(c, names, scope), c.pick(&keys))
        }
        2 => {
            let key = *c.pick(&["k", "x", "user.role", "span:name", "span:service"]);
            format!("distinct({}, {key})", set(c, names, scope))
        }
        _ => (*c.pick(&["trace:span_count", "trace:services", "trace:errors"])).to_owned(),
    }
}
