//! Rules as text, and traces for them: few names, keys and values, so that they meet, and the odd ones among them.

use betrace_dsl::oracle::{Attribute, Scope, Span, Trace};
use proptest::{collection::vec, option, prelude::*, sample::select};

const NAMES: [&str; 4] = ["a", "b.c", "d-e", "f g"];
const KEYS: [&str; 4] = ["k", "user.role", "x", "service.name"];
/// Texts that are values of attributes and literals of rules.
const TEXTS: [&str; 22] = [
    "",
    "admin",
    "adm",
    "min",
    "aab",
    "aaab",
    "true",
    "false",
    "42",
    "042",
    "1e3",
    "1000",
    "-0",
    "0.5",
    "9007199254740993",
    "9007199254740992",
    "9223372036854775808",
    "1e999",
    "+5",
    " 5",
    "NaN",
    "b.c",
];
const INTS: [i64; 9] = [
    0,
    1,
    -1,
    42,
    1000,
    9_007_199_254_740_992,
    9_007_199_254_740_993,
    i64::MAX,
    i64::MIN,
];
const DOUBLES: [f64; 12] = [
    0.0,
    -0.0,
    0.5,
    42.0,
    1000.0,
    9_007_199_254_740_992.0,
    9.3e18,
    -9_223_372_036_854_775_808.0,
    1e300,
    f64::NAN,
    f64::INFINITY,
    f64::NEG_INFINITY,
];
const NUMBERS: [&str; 14] = [
    "0",
    "-1",
    "42",
    "42.0",
    "0.5",
    "1e3",
    "1000",
    "9007199254740992",
    "9007199254740993",
    "9007199254740992.0",
    "9223372036854775807",
    "-9223372036854775808",
    "1e300",
    "-0.5",
];
const HOUR_NS: u64 = 3_600_000_000_000;
/// 2026-03-01T00:00:00Z, a Sunday.
const DAY_NS: u64 = 1_772_323_200_000_000_000;

/// Bodies of rules, and traces to judge by them.
pub(crate) fn case(
    rules: usize,
    traces: usize,
) -> impl Strategy<Value = (Vec<String>, Vec<Trace>)> {
    (vec(body(), rules), vec(trace(), traces))
}

fn body() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => condition().prop_map(|condition| format!("match {{ {condition} }}")),
        1 => (condition(), condition()).prop_map(|(when, always)| format!("when {{ {when} }} always {{ {always} }}")),
        1 => (condition(), condition()).prop_map(|(when, never)| format!("never {{ {never} }} when {{ {when} }}")),
        1 => (condition(), condition(), condition()).prop_map(|(w, a, n)| format!("when {{ {w} }} always {{ {a} }} never {{ {n} }}")),
    ]
}

fn condition() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![4 => set(), 2 => direct(), 2 => count_comparison()];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            2 => vec(inner.clone(), 2..4).prop_map(|all| format!("({})", all.join(" and "))),
            1 => vec(inner.clone(), 2..4).prop_map(|any| format!("({})", any.join(" or "))),
            2 => (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("{a} and not {b}")),
            1 => inner.prop_map(|inner| format!("not ({inner})")),
        ]
    })
}

fn selector() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => select(&NAMES[..]).prop_map(|name| if name.contains(' ') { format!("\"{name}\"") } else { name.to_owned() }),
        2 => select(&NAMES[..]).prop_map(|name| format!("trace.has(\"{name}\")")),
        1 => Just("any".to_owned()),
    ]
}

fn set() -> impl Strategy<Value = String> {
    (
        selector(),
        prop_oneof![2 => Just(0_usize), 3 => Just(1), 1 => Just(2)],
        filter(),
        filter(),
    )
        .prop_map(|(selector, filters, first, second)| match filters {
            0 => selector,
            1 => format!("{selector}.where({first})"),
            _ => format!("{selector}.where({first}).where({second})"),
        })
}

fn direct() -> impl Strategy<Value = String> {
    (
        select(vec![
            "a.k",
            "b.c.x",
            "\"f g\".k",
            "trace.has(d-e).user.role",
            "any.x",
        ]),
        comparison_tail(),
    )
        .prop_map(|(left, tail)| format!("{left} {tail}"))
}

fn counted() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => set().prop_map(|set| format!("count({set})")),
        1 => (selector(), filter()).prop_map(|(selector, filter)| format!("trace.count({}).where({filter})", selector.replace("trace.has(", "").replace(')', ""))),
        2 => (set(), set()).prop_map(|(a, b)| format!("count(({a} or {b}))")),
    ]
}

fn count_comparison() -> impl Strategy<Value = String> {
    let number = select(vec!["0", "1", "2", "3", "-1", "1.5", "0.0", "2.0", "1e30"]);
    let op = || select(vec!["==", "!=", "<", "<=", ">", ">="]);
    prop_oneof![
        2 => (counted(), op(), number.clone()).prop_map(|(count, op, number)| format!("{count} {op} {number}")),
        1 => (number, op(), counted()).prop_map(|(number, op, count)| format!("{number} {op} {count}")),
        2 => (counted(), op(), counted()).prop_map(|(a, op, b)| format!("{a} {op} {b}")),
    ]
}

fn filter() -> impl Strategy<Value = String> {
    let key = || {
        select(vec![
            "k",
            "user.role",
            "x",
            "span.k",
            "resource.k",
            "scope.x",
            "\"k\"",
            "span:service",
            "span.\"user.role\"",
        ])
    };
    let leaf = prop_oneof![
        8 => (key(), comparison_tail()).prop_map(|(key, tail)| format!("{key} {tail}")),
        1 => select(vec!["k", "user.role", "x", "span.k", "\"k\""]).prop_map(str::to_owned),
        1 => key().prop_map(|key| format!("exists {key}")),
        4 => intrinsic(),
        3 => pair(),
    ];
    leaf.prop_recursive(2, 6, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 2..4).prop_map(|all| format!("({})", all.join(" and "))),
            vec(inner.clone(), 2..4).prop_map(|any| format!("({})", any.join(" or "))),
            inner.prop_map(|inner| format!("not {inner}")),
        ]
    })
}

fn quoted() -> impl Strategy<Value = String> {
    select(&TEXTS[..]).prop_map(|text| format!("\"{text}\""))
}

fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => quoted(),
        3 => select(&NUMBERS[..]).prop_map(str::to_owned),
        1 => select(vec!["true", "false", "admin"]).prop_map(str::to_owned),
    ]
}

/// An operator and its right side, for an attribute.
fn comparison_tail() -> impl Strategy<Value = String> {
    let order = select(vec!["<", "<=", ">", ">="]);
    prop_oneof![
        4 => (select(vec!["==", "!=", "contains", "starts_with", "ends_with"]), value()).prop_map(|(op, value)| format!("{op} {value}")),
        3 => (order.clone(), select(&NUMBERS[..])).prop_map(|(op, number)| format!("{op} {number}")),
        2 => (order, quoted()).prop_map(|(op, text)| format!("{op} {text}")),
        2 => (select(vec!["in", "not in"]), vec(value(), 1..4)).prop_map(|(op, values)| format!("{op} [{}]", values.join(", "))),
    ]
}

fn pair() -> impl Strategy<Value = String> {
    let key = || {
        select(vec![
            "k",
            "x",
            "span.k",
            "resource.x",
            "scope.k",
            "user.role",
        ])
    };
    let right = || {
        select(vec![
            "span.k",
            "span.x",
            "resource.k",
            "span.user.role",
            "scope.x",
            "span:service",
        ])
    };
    let text = || {
        select(vec![
            "span:name",
            "span:status_message",
            "scope:name",
            "span:id",
            "span:parent",
            "scope:version",
        ])
    };
    prop_oneof![
        4 => (key(), select(vec!["==", "!=", "<", "<=", ">", ">="]), right()).prop_map(|(a, op, b)| format!("{a} {op} {b}")),
        1 => (text(), select(vec!["==", "!="]), right()).prop_map(|(a, op, b)| format!("{a} {op} {b}")),
        1 => (key(), select(vec!["==", "!="]), text()).prop_map(|(a, op, b)| format!("{a} {op} {b}")),
        1 => select(vec!["span:start < span:end", "span:end == span:start", "span:parent == span:id", "span:duration >= span:duration"]).prop_map(str::to_owned),
    ]
}

fn intrinsic() -> impl Strategy<Value = String> {
    let compare = || select(vec!["==", "!=", "<", "<=", ">", ">="]);
    let text = select(vec![
        "span:name",
        "span:status_message",
        "scope:name",
        "scope:version",
        "span:id",
        "span:parent",
    ]);
    let text_tail = prop_oneof![
        (
            select(vec!["==", "!=", "contains", "starts_with", "ends_with"]),
            quoted()
        )
            .prop_map(|(op, text)| format!("{op} {text}")),
        (
            select(vec!["<", ">="]),
            select(vec![
                "\"b\"",
                "\"\"",
                "\"lib\"",
                "\"0000000000000002\\u{20}\""
            ])
        )
            .prop_map(|(op, text)| format!("{op} {text}")),
        vec(quoted(), 1..3).prop_map(|texts| format!("not in [{}]", texts.join(", "))),
    ];
    prop_oneof![
        3 => (text, text_tail).prop_map(|(text, tail)| format!("{text} {tail}")),
        1 => select(vec!["span:kind == server", "span:kind != client", "span:kind in [internal, producer]", "span:kind not in [server]"]).prop_map(str::to_owned),
        1 => select(vec!["span:status == error", "span:status != ok", "span:status in [unset, ok]"]).prop_map(str::to_owned),
        1 => (compare(), select(vec!["0ns", "1500us", "1s", "2h"])).prop_map(|(op, duration)| format!("span:duration {op} {duration}")),
        1 => (select(vec!["span:start", "span:end"]), compare(), select(vec!["\"2026-03-01T18:00:00Z\"", "\"2026-03-01T00:00:00+00:00\"", "\"2026-03-02T00:00:00.5Z\""]))
            .prop_map(|(of, op, time)| format!("{of} {op} {time}")),
        1 => (select(vec!["timestamp.hour", "timestamp.minute", "timestamp.weekday"]), compare(), select(vec!["-1", "0", "6", "7", "18", "18.5", "23"]))
            .prop_map(|(of, op, number)| format!("{of} {op} {number}")),
        1 => select(vec!["timestamp.weekday == sun", "timestamp.weekday in [mon, tue]", "timestamp.date == \"2026-03-01\"", "timestamp.date < \"2026-03-02\""])
            .prop_map(str::to_owned),
    ]
}

fn attribute() -> impl Strategy<Value = Attribute> {
    let scalar = || {
        prop_oneof![
            5 => select(&TEXTS[..]).prop_map(|text| Attribute::String(text.to_owned())),
            3 => select(&INTS[..]).prop_map(Attribute::Int),
            3 => select(&DOUBLES[..]).prop_map(Attribute::Double),
            2 => any::<bool>().prop_map(Attribute::Bool),
            1 => Just(Attribute::Bytes(vec![1, 2])),
        ]
    };
    prop_oneof![
        12 => scalar(),
        2 => vec(scalar(), 0..4).prop_map(Attribute::Array),
        1 => vec(scalar(), 0..2).prop_map(|values| Attribute::Map(values.into_iter().map(|value| ("k".to_owned(), value)).collect())),
        1 => Just(Attribute::Array(vec![Attribute::Array(vec![Attribute::Int(42)])])),
    ]
}

fn attributes() -> impl Strategy<Value = Vec<(String, Attribute)>> {
    vec(option::weighted(0.5, attribute()), KEYS.len()).prop_map(|values| {
        KEYS.iter()
            .zip(values)
            .filter_map(|(key, value)| value.map(|value| ((*key).to_owned(), value)))
            .collect()
    })
}

fn span() -> impl Strategy<Value = Span> {
    let times = (
        select(vec![0, 0, 1, 6, 18, 23, 24, 47]),
        select(vec![0, 1, 1_500_000, 1_000_000_000, 3 * HOUR_NS]),
    );
    let name = prop_oneof![5 => select(&NAMES[..]), 1 => Just("other")];
    let words = || select(vec!["", "lib", "admin", "b.c"]);
    (
        name,
        times,
        (0_u8..6, 0_u8..3),
        (words(), words(), words()),
        attributes(),
        attributes(),
        attributes(),
        option::of(1_u8..9),
    )
        .prop_map(
            |(
                name,
                (hour, duration),
                (kind, status),
                (message, scope, version),
                own,
                resource,
                scoped,
                parent,
            )| Span {
                name: name.to_owned(),
                id: String::new(),
                parent_id: parent.map(|parent| format!("{parent:016x}")),
                kind,
                status,
                status_message: message.to_owned(),
                start: DAY_NS + hour * HOUR_NS,
                end: DAY_NS + hour * HOUR_NS + duration,
                attributes: own,
                resource,
                scope: Scope {
                    name: scope.to_owned(),
                    version: version.to_owned(),
                    attributes: scoped,
                },
                events: Vec::new(),
                links: Vec::new(),
            },
        )
}

fn trace() -> impl Strategy<Value = Trace> {
    let facts = prop_oneof![4 => Just(0_u8), 1 => select(vec![1, 2, 4, 5, 8, 16, 32, 24, 63])];
    (vec(span(), 0..7), facts).prop_map(|(spans, facts)| Trace {
        spans: ordered(spans),
        facts,
    })
}

/// Gives ids, and the order in which the host shows spans.
fn ordered(mut spans: Vec<Span>) -> Vec<Span> {
    for (index, span) in spans.iter_mut().enumerate() {
        span.id = format!("{:016x}", index + 1);
    }
    spans.sort_by(|a, b| (a.start, &a.id).cmp(&(b.start, &b.id)));
    spans
}

/// A trace of spans that have names and nothing else.
pub(crate) fn plain_trace(names: &[&str]) -> Trace {
    let spans = names.iter().map(|name| Span {
        name: (*name).to_owned(),
        id: String::new(),
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
    });
    Trace {
        spans: ordered(spans.collect()),
        facts: 0,
    }
}
