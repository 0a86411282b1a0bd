//! Which columns a test or a value reads, and in which forms.

use super::{Form, Want};
use crate::ir::{Field, Number, Place, Scope, Table, Term, Test, TextIntrinsic, Value, Whole};

fn column(what: &'static str, key: &str, form: Form) -> Want {
    Want {
        what,
        key: key.to_owned(),
        form,
    }
}

/// Returns the span name column that answers with declared numbers.
pub(crate) fn declared_names() -> Want {
    column("span", "name", Form::Declared)
}

/// A column of a field.
pub(crate) fn want(field: &Field, form: Form) -> Want {
    let (what, key) = match field {
        Field::Attribute { scope, key } => {
            let what = match scope {
                Scope::Any => "any.attribute",
                Scope::Span => "span.attribute",
                Scope::Resource => "resource.attribute",
                Scope::Instrumentation => "scope.attribute",
                Scope::Event => "event.attribute",
                Scope::Link => "link.attribute",
            };
            (what, key.as_str())
        }
        Field::Intrinsic(intrinsic) => match intrinsic {
            TextIntrinsic::Name => ("span", "name"),
            TextIntrinsic::StatusMessage => ("span", "status-message"),
            TextIntrinsic::Id => ("span", "id"),
            TextIntrinsic::Parent => ("span", "parent-id"),
            TextIntrinsic::ScopeName => ("scope", "name"),
            TextIntrinsic::ScopeVersion => ("scope", "version"),
            TextIntrinsic::EventName => ("event", "name"),
        },
        Field::Alias { key } => ("any.attribute", key.as_str()),
    };
    column(what, key, form)
}

/// A column of the elements of arrays.
pub(crate) fn element(form: Form) -> Want {
    column("element", "value", form)
}

/// The column of spans that says where their events or links end.
pub(crate) fn ends(table: Table) -> Want {
    let what = match table {
        Table::Events => "event",
        Table::Links => "link",
    };
    column(what, "ends", Form::Value)
}

/// The column that a whole number is read from.
pub(crate) fn whole_want(whole: Whole) -> Want {
    let key = match whole {
        Whole::Kind => "kind",
        Whole::Status => "status",
        Whole::End => "end",
        Whole::Duration => "duration",
        Whole::Start | Whole::Hour | Whole::Minute | Whole::Weekday | Whole::Date => "start",
        Whole::Children => "children",
        Whole::Depth => "depth",
        Whole::SelfDuration => "self-duration",
    };
    column("span", key, Form::Value)
}

/// The form in which equality with a literal is asked.
pub(crate) fn equality_form(value: &Value) -> Form {
    match value {
        Value::Text(_) => Form::Symbol,
        Value::Number(_) => Form::Number,
        Value::Bool(_) => Form::Truth,
    }
}

/// The form in which presence is asked.
pub(crate) fn exists_form(field: &Field) -> Form {
    if field.is_attribute() {
        Form::Truth
    } else {
        Form::Symbol
    }
}

/// The number that an ordering compares with: the literal itself, or what a decimal string says.
pub(crate) fn order_number(value: &Value) -> Option<Number> {
    match value {
        Value::Number(number) => Some(*number),
        Value::Text(text) => decimal(text),
        Value::Bool(_) => None,
    }
}

/// What a text says if it is wholly a decimal number: an int where it has neither point nor exponent and fits, else the nearest double.
fn decimal(text: &str) -> Option<Number> {
    if !crate::check::is_decimal(text) {
        return None;
    }
    text.parse()
        .map(Number::Int)
        .ok()
        .or_else(|| text.parse().map(Number::double).ok())
}

/// The attributes of a test, each with a form of which cell 0 says that it is missing.
pub(crate) fn presence(test: &Test) -> Vec<(&Field, Form)> {
    let fields = match test {
        Test::Exists(field) | Test::Text { field, .. } | Test::Matches { field, .. } => {
            vec![(field, Form::Truth)]
        }
        Test::In { field, values, .. } => {
            vec![(field, values.first().map_or(Form::Truth, equality_form))]
        }
        Test::Order { field, value, .. } => {
            let form = if order_number(value).is_some() {
                Form::Number
            } else {
                Form::Truth
            };
            vec![(field, form)]
        }
        Test::Contains { field, .. } | Test::ContainsFolded { field, .. } => {
            vec![(field, Form::Value)]
        }
        Test::TextFields { left, at, right } => {
            if *at == Place::Anywhere {
                vec![(left, Form::Value), (right, Form::Symbol)]
            } else {
                vec![(left, Form::Truth), (right, Form::Truth)]
            }
        }
        Test::Compute { left, right, .. } => {
            let mut fields = Vec::new();
            for side in [left, right] {
                side.visit(&mut |term| {
                    if let Term::Field(field) = term {
                        fields.push((field, Form::Number));
                    }
                });
            }
            fields
        }
        Test::EqualFields { left, right, .. } => {
            vec![(left, Form::Symbol), (right, Form::Symbol)]
        }
        Test::OrderFields { left, right, .. } => {
            vec![(left, Form::Number), (right, Form::Number)]
        }
        Test::Whole { .. } | Test::WholePair { .. } => Vec::new(),
    };
    fields
        .into_iter()
        .filter(|(field, _)| field.is_attribute())
        .collect()
}

/// Calls `sink` with every column that a test reads.
pub(super) fn test_wants(test: &Test, sink: &mut impl FnMut(Want)) {
    for (field, form) in presence(test) {
        sink(want(field, form));
    }
    match test {
        Test::Exists(field) => sink(want(field, exists_form(field))),
        Test::In { field, values, .. } => values
            .iter()
            .for_each(|value| sink(want(field, equality_form(value)))),
        Test::Order { field, value, .. } => {
            if !field.is_attribute() || matches!(value, Value::Text(_)) {
                sink(want(field, Form::Text));
            }
        }
        Test::Text { field, .. } | Test::Matches { field, .. } => sink(want(field, Form::Text)),
        Test::Contains { field, value, .. } => {
            sink(want(field, Form::Text));
            if field.is_attribute() {
                sink(element(equality_form(value)));
            }
        }
        Test::ContainsFolded { field, .. } => {
            sink(want(field, Form::Text));
            if field.is_attribute() {
                sink(element(Form::Text));
            }
        }
        Test::TextFields { left, at, right } => {
            sink(want(left, Form::Text));
            sink(want(right, Form::Text));
            if *at == Place::Anywhere && left.is_attribute() {
                sink(element(Form::Symbol));
                sink(want(right, Form::Symbol));
                if right.is_attribute() {
                    sink(element(Form::Value));
                    sink(want(right, Form::Value));
                }
            }
        }
        Test::Compute { left, right, .. } => {
            for side in [left, right] {
                side.visit(&mut |term| term_wants(term, sink));
            }
        }
        Test::EqualFields { left, right, .. } => {
            let both = left.is_attribute() && right.is_attribute();
            for field in [left, right] {
                sink(want(field, Form::Symbol));
                if both {
                    sink(want(field, Form::Value));
                }
            }
        }
        Test::OrderFields { left, right, .. } => [left, right]
            .into_iter()
            .for_each(|field| sink(want(field, Form::Text))),
        Test::Whole { left, .. } => sink(whole_want(*left)),
        Test::WholePair { left, right, .. } => [left, right]
            .into_iter()
            .for_each(|whole| sink(whole_want(*whole))),
    }
}

/// Calls `sink` with every column that a value is read from as a number.
pub(super) fn term_wants(term: &Term, sink: &mut impl FnMut(Want)) {
    match term {
        Term::Field(field) => {
            let form = if field.is_attribute() {
                Form::Number
            } else {
                Form::Text
            };
            sink(want(field, form));
        }
        Term::Whole(whole) => sink(whole_want(*whole)),
    }
}

/// The texts whose symbols a test asks for.
pub(super) fn test_literals<'t>(test: &'t Test, sink: &mut impl FnMut(&'t str)) {
    let values: &[Value] = match test {
        Test::In { values, .. } => values,
        Test::Contains { field, value, .. } if field.is_attribute() => std::slice::from_ref(value),
        Test::Exists(_)
        | Test::Order { .. }
        | Test::Text { .. }
        | Test::Contains { .. }
        | Test::Matches { .. }
        | Test::ContainsFolded { .. }
        | Test::TextFields { .. }
        | Test::Compute { .. }
        | Test::EqualFields { .. }
        | Test::OrderFields { .. }
        | Test::Whole { .. }
        | Test::WholePair { .. } => &[],
    };
    for value in values {
        if let Value::Text(text) = value {
            sink(text);
        }
    }
}
