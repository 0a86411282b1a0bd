//! Fields, numbers and texts, as the language writes them.

use crate::ir::{Arithmetic, Expr, Field, Number, Place, Scope, Term, TextIntrinsic, Value, Whole};

pub(in crate::explain) fn expr<T>(expr: &Expr<T>, of: &dyn Fn(&T) -> String) -> String {
    match expr {
        Expr::Number(number) => self::number(*number),
        Expr::Term(term) => of(term),
        Expr::Binary { op, left, right } => {
            let op = match op {
                Arithmetic::Add => "+",
                Arithmetic::Subtract => "-",
                Arithmetic::Multiply => "*",
                Arithmetic::Divide => "/",
            };
            let side = |side: &Expr<T>| match side {
                Expr::Binary { .. } => format!("({})", self::expr(side, of)),
                Expr::Number(_) | Expr::Term(_) => self::expr(side, of),
            };
            format!("{} {op} {}", side(left), side(right))
        }
    }
}

pub(in crate::explain) fn term(term: &Term) -> String {
    match term {
        Term::Field(field) => self::field(field),
        Term::Whole(whole) => self::whole(*whole).to_owned(),
    }
}

pub(in crate::explain) fn place(place: Place) -> &'static str {
    match place {
        Place::Start => "starts_with",
        Place::Anywhere => "contains",
        Place::End => "ends_with",
    }
}

pub(in crate::explain) fn field(field: &Field) -> String {
    match field {
        Field::Attribute { scope, key } => {
            let prefix = match scope {
                Scope::Any => "",
                Scope::Span => "span.",
                Scope::Resource => "resource.",
                Scope::Instrumentation => "scope.",
                Scope::Event => "event.",
                Scope::Link => "link.",
            };
            format!("{prefix}{}", name(key))
        }
        Field::Intrinsic(text) => match text {
            TextIntrinsic::Name => "span:name",
            TextIntrinsic::StatusMessage => "span:status_message",
            TextIntrinsic::Id => "span:id",
            TextIntrinsic::Parent => "span:parent",
            TextIntrinsic::ScopeName => "scope:name",
            TextIntrinsic::ScopeVersion => "scope:version",
            TextIntrinsic::EventName => "event:name",
        }
        .to_owned(),
        Field::Alias { key } => format!("it.{}", name(key)),
    }
}

/// A field on the right, where a bare word would be a text.
pub(in crate::explain) fn right_field(field: &Field) -> String {
    match field {
        Field::Attribute {
            scope: Scope::Any,
            key,
        } => format!("span.{}", name(key)),
        Field::Attribute { .. } | Field::Intrinsic(_) | Field::Alias { .. } => self::field(field),
    }
}

pub(in crate::explain) fn whole(whole: Whole) -> &'static str {
    match whole {
        Whole::Kind => "span:kind",
        Whole::Status => "span:status",
        Whole::Start => "span:start",
        Whole::End => "span:end",
        Whole::Duration => "span:duration",
        Whole::Children => "span:children",
        Whole::Depth => "span:depth",
        Whole::SelfDuration => "span:self_duration",
        Whole::Hour => "timestamp.hour",
        Whole::Minute => "timestamp.minute",
        Whole::Weekday => "timestamp.weekday",
        Whole::Date => "timestamp.date",
    }
}

/// What a whole number stands for.
pub(in crate::explain) fn whole_value(whole: Whole, value: Number) -> String {
    let word = |words: &[&str]| {
        let Number::Int(at) = value else { return None };
        let word = usize::try_from(at).ok().and_then(|at| words.get(at))?;
        Some((*word).to_owned())
    };
    let word = match whole {
        Whole::Kind => word(&[
            "unspecified",
            "internal",
            "server",
            "client",
            "producer",
            "consumer",
        ]),
        Whole::Status => word(&["unset", "ok", "error"]),
        Whole::Duration | Whole::SelfDuration => match value {
            Number::Int(ns) => u64::try_from(ns).ok().map(duration),
            Number::Double(_) => None,
        },
        Whole::Start
        | Whole::End
        | Whole::Children
        | Whole::Depth
        | Whole::Hour
        | Whole::Minute
        | Whole::Weekday
        | Whole::Date => None,
    };
    word.unwrap_or_else(|| number(value))
}

pub(in crate::explain) fn value(value: &Value) -> String {
    match value {
        Value::Text(text) => quoted(text),
        Value::Number(number) => self::number(*number),
        Value::Bool(truth) => truth.to_string(),
    }
}

pub(in crate::explain) fn number(number: Number) -> String {
    match number {
        Number::Int(int) => int.to_string(),
        Number::Double(bits) => f64::from_bits(bits).to_string(),
    }
}

/// A duration in the largest unit that is exact.
pub(in crate::explain) fn duration(ns: u64) -> String {
    let units = [
        (86_400_000_000_000, "d"),
        (3_600_000_000_000, "h"),
        (60_000_000_000, "m"),
        (1_000_000_000, "s"),
        (1_000_000, "ms"),
        (1_000, "us"),
    ];
    let exact = units
        .iter()
        .find(|(per, _)| ns >= *per && ns.is_multiple_of(*per));
    match exact {
        Some((per, unit)) => format!("{}{unit}", ns / per),
        None => format!("{ns}ns"),
    }
}

/// A name or key, in quotes where it is not one word of the language.
pub(in crate::explain) fn name(text: &str) -> String {
    let segment = |segment: &str| {
        !segment.is_empty()
            && segment
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
    };
    let begins = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if begins && text.split('.').all(segment) {
        text.to_owned()
    } else {
        quoted(text)
    }
}

pub(in crate::explain) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
