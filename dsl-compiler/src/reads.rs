//! What a rule needs to see: names, columns, literals, and which traces it need not see at all.

use std::{collections::HashMap, hash::Hash};

use crate::ir::{
    Field, Filter, Number, Pack, Rule, Scope, Selector, Test, TextIntrinsic, Value, Whole,
};
use any_of::any_of;

mod any_of;

/// How the host answers for a column: the forms of `wit/pack.wit`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Form {
    Declared,
    Symbol,
    Truth,
    Number,
    Text,
    Value,
}

impl Form {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Declared => "declared",
            Self::Symbol => "symbol",
            Self::Truth => "truth",
            Self::Number => "number",
            Self::Text => "text",
            Self::Value => "value",
        }
    }
}

/// A column that a rule reads.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Want {
    pub(crate) what: &'static str,
    pub(crate) key: String,
    pub(crate) form: Form,
}

/// What one rule needs.
#[derive(Debug, Clone)]
pub(crate) struct Reads {
    pub(crate) names: Vec<String>,
    pub(crate) all_spans: bool,
    pub(crate) any_of: Vec<Vec<String>>,
    /// The verdict where `any_of` rules a trace out: 0 not applicable, 1 held.
    pub(crate) otherwise: u8,
    pub(crate) wants: Vec<Want>,
    pub(crate) literals: Vec<String>,
    /// Whether dropped attributes concern the rule.
    pub(crate) attributes: bool,
}

/// Returns the span name column that answers with declared numbers.
pub(crate) fn declared_names() -> Want {
    Want {
        what: "span",
        key: "name".to_owned(),
        form: Form::Declared,
    }
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
                _ => crate::later(),
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
            _ => crate::later(),
        },
        _ => crate::later(),
    };
    Want {
        what,
        key: key.to_owned(),
        form,
    }
}

/// A column of the elements of arrays.
pub(crate) fn element(form: Form) -> Want {
    Want {
        what: "element",
        key: "value".to_owned(),
        form,
    }
}

/// The column that a whole number is read from.
pub(crate) fn whole_want(whole: Whole) -> Want {
    let key = match whole {
        Whole::Kind => "kind",
        Whole::Status => "status",
        Whole::End => "end",
        Whole::Duration => "duration",
        Whole::Start | Whole::Hour | Whole::Minute | Whole::Weekday | Whole::Date => "start",
        _ => crate::later(),
    };
    Want {
        what: "span",
        key: key.to_owned(),
        form: Form::Value,
    }
}

/// The form in which equality with a literal is asked.
pub(crate) fn equality_form(value: &Value) -> Form {
    match value {
        Value::Text(_) => Form::Symbol,
        Value::Number(_) => Form::Number,
        Value::Bool(_) => Form::Truth,
    }
}

/// The columns of a test whose cell 0 says that an attribute is missing, one for each attribute of the test.
pub(crate) fn presence(test: &Test) -> Vec<Want> {
    let of = |field: &Field, form| match field {
        Field::Attribute { .. } => vec![want(field, form)],
        Field::Intrinsic(_) => Vec::new(),
        _ => crate::later(),
    };
    match test {
        Test::Exists(field) | Test::Text { field, .. } => of(field, Form::Truth),
        Test::In { field, values, .. } => {
            of(field, values.first().map_or(Form::Truth, equality_form))
        }
        Test::Order { field, value, .. } => of(
            field,
            if order_number(value).is_some() {
                Form::Number
            } else {
                Form::Truth
            },
        ),
        Test::Contains { field, .. } => of(field, Form::Value),
        Test::EqualFields { left, right, .. } => {
            [of(left, Form::Symbol), of(right, Form::Symbol)].concat()
        }
        Test::OrderFields { left, right, .. } => {
            [of(left, Form::Number), of(right, Form::Number)].concat()
        }
        Test::Whole { .. } | Test::WholePair { .. } => Vec::new(),
        _ => crate::later(),
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

/// Calls `sink` with every column that a test reads.
fn test_wants(test: &Test, sink: &mut impl FnMut(Want)) {
    presence(test).into_iter().for_each(&mut *sink);
    match test {
        Test::Exists(field) => sink(want(field, exists_form(field))),
        Test::In { field, values, .. } => values
            .iter()
            .for_each(|value| sink(want(field, equality_form(value)))),
        Test::Order { field, value, .. } => {
            if matches!(value, Value::Text(_)) {
                sink(want(field, Form::Text));
            }
        }
        Test::Text { field, .. } => sink(want(field, Form::Text)),
        Test::Contains { field, value, .. } => {
            sink(want(field, Form::Text));
            if matches!(field, Field::Attribute { .. }) {
                sink(element(equality_form(value)));
            }
        }
        Test::EqualFields { left, right, .. } => {
            for field in [left, right] {
                sink(want(field, Form::Symbol));
                if both_attributes(left, right) {
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
        _ => crate::later(),
    }
}

/// The form in which presence is asked.
pub(crate) fn exists_form(field: &Field) -> Form {
    match field {
        Field::Attribute { .. } => Form::Truth,
        Field::Intrinsic(_) => Form::Symbol,
        _ => crate::later(),
    }
}

pub(crate) fn both_attributes(left: &Field, right: &Field) -> bool {
    matches!(
        (left, right),
        (Field::Attribute { .. }, Field::Attribute { .. })
    )
}

/// The texts whose symbols a test asks for.
fn test_literals<'t>(test: &'t Test, sink: &mut impl FnMut(&'t str)) {
    let values: &[Value] = match test {
        Test::In { values, .. } => values,
        Test::Contains {
            field: Field::Attribute { .. },
            value,
            ..
        } => std::slice::from_ref(value),
        Test::Exists(_)
        | Test::Order { .. }
        | Test::Text { .. }
        | Test::Contains { .. }
        | Test::EqualFields { .. }
        | Test::OrderFields { .. }
        | Test::Whole { .. }
        | Test::WholePair { .. } => &[],
        _ => crate::later(),
    };
    for value in values {
        if let Value::Text(text) = value {
            sink(text);
        }
    }
}

/// Calls `visit` with every test of a filter.
pub(crate) fn visit_tests<'f>(filter: &'f Filter, visit: &mut impl FnMut(&'f Test)) {
    match filter {
        Filter::All(filters) | Filter::Any(filters) => {
            for filter in filters {
                visit_tests(filter, visit);
            }
        }
        Filter::Not(inner) => visit_tests(inner, visit),
        Filter::Test(test) => visit(test),
        _ => crate::later(),
    }
}

/// Says what a rule needs.
pub(crate) fn reads(rule: &Rule) -> Reads {
    let mut reads = Reads {
        names: Vec::new(),
        all_spans: false,
        any_of: Vec::new(),
        otherwise: 0,
        wants: Vec::new(),
        literals: Vec::new(),
        attributes: false,
    };
    let mut names = Distinct::default();
    let mut wants = Distinct::default();
    let mut literals = Distinct::default();
    for part in rule.sets.iter().flat_map(|set| &set.parts) {
        match &part.selector {
            Selector::Name(name) => {
                wants.add(declared_names());
                names.add(name.clone());
            }
            Selector::Any => reads.all_spans = true,
        }
        visit_tests(&part.filter, &mut |test| {
            test_wants(test, &mut |want| {
                reads.attributes |= want.what.ends_with(".attribute");
                wants.add(want);
            });
            test_literals(test, &mut |text| {
                literals.add(text.to_owned());
            });
        });
    }
    (reads.names, reads.wants, reads.literals) = (names.items, wants.items, literals.items);
    (reads.any_of, reads.otherwise) = any_of(rule);
    reads
}

/// A list without repetitions, and the position of each item.
#[derive(Debug, Clone)]
pub(crate) struct Distinct<T> {
    pub(crate) items: Vec<T>,
    positions: HashMap<T, u32>,
}

impl<T> Default for Distinct<T> {
    fn default() -> Self {
        Self {
            items: Vec::new(),
            positions: HashMap::new(),
        }
    }
}

impl<T: Clone + Eq + Hash> Distinct<T> {
    pub(crate) fn add(&mut self, item: T) {
        let next = self.items.len() as u32;
        if let std::collections::hash_map::Entry::Vacant(slot) = self.positions.entry(item.clone())
        {
            slot.insert(next);
            self.items.push(item);
        }
    }

    pub(crate) fn position(&self, item: &T) -> Option<u32> {
        self.positions.get(item).copied()
    }
}

/// The joined lists of a pack: what the contract numbers.
#[derive(Debug, Clone)]
pub(crate) struct PackReads {
    pub(crate) rules: Vec<Reads>,
    pub(crate) names: Distinct<String>,
    pub(crate) wants: Distinct<Want>,
    pub(crate) literals: Distinct<String>,
}

/// Says what the rules of a pack need together.
pub(crate) fn pack_reads(pack: &Pack) -> PackReads {
    let rules: Vec<Reads> = pack.rules.iter().map(reads).collect();
    let (mut names, mut wants, mut literals) = (
        Distinct::default(),
        Distinct::default(),
        Distinct::default(),
    );
    for rule in &rules {
        rule.names.iter().for_each(|name| names.add(name.clone()));
        rule.wants.iter().for_each(|want| wants.add(want.clone()));
        rule.literals
            .iter()
            .for_each(|literal| literals.add(literal.clone()));
    }
    PackReads {
        rules,
        names,
        wants,
        literals,
    }
}
