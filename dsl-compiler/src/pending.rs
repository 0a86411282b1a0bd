//! What the language has and `codegen` does not compile yet: refused by `compile`, so that no source meets `later`.
//!
//! Whoever teaches `codegen` a construct removes it from here. It goes when nothing is left in it.

use crate::ir::{Body, Cond, Field, Filter, Pack, Rule, Scope, Test, TextIntrinsic, Value, Whole};

/// The first rule of which something is not compiled yet, and what that is.
pub(crate) fn find(pack: &Pack) -> Option<(usize, &'static str)> {
    pack.rules
        .iter()
        .enumerate()
        .find_map(|(index, rule)| Some((index, in_rule(rule)?)))
}

fn in_rule(rule: &Rule) -> Option<&'static str> {
    if rule.zone.is_some() {
        return Some("a timezone");
    }
    let conditions: Vec<&Cond> = match &rule.body {
        Body::Match {
            situation,
            condition,
        } => vec![situation, condition],
        Body::Clauses {
            when,
            always,
            never,
        } => [Some(when), always.as_ref(), never.as_ref()]
            .into_iter()
            .flatten()
            .collect(),
    };
    let parts = rule.sets.iter().flat_map(|set| &set.parts);
    conditions
        .into_iter()
        .find_map(in_condition)
        .or_else(|| parts.into_iter().find_map(|part| in_filter(&part.filter)))
}

fn in_condition(condition: &Cond) -> Option<&'static str> {
    match condition {
        Cond::All(conditions) | Cond::Any(conditions) => conditions.iter().find_map(in_condition),
        Cond::Not(inner) => in_condition(inner),
        Cond::Exists(_) | Cond::Count { .. } => None,
        Cond::Compare(_) => Some("this comparison of amounts"),
        Cond::Root(_) => Some("`trace:root`"),
        Cond::Relation(_) => Some("a relation"),
        Cond::Each(_) => Some("a comparison for each span"),
        Cond::Chain(_) => Some("`then`"),
    }
}

fn in_filter(filter: &Filter) -> Option<&'static str> {
    match filter {
        Filter::All(filters) | Filter::Any(filters) => filters.iter().find_map(in_filter),
        Filter::Not(inner) => in_filter(inner),
        Filter::Test(test) => in_test(test),
        Filter::Some { .. } => Some("a question about events or links"),
    }
}

fn in_test(test: &Test) -> Option<&'static str> {
    match test {
        Test::Order {
            field: Field::Intrinsic(_),
            value: Value::Text(text),
            ..
        } if crate::check::is_decimal(text) => Some("ordering a text by a decimal number"),
        Test::OrderFields {
            left: Field::Intrinsic(_),
            ..
        }
        | Test::OrderFields {
            right: Field::Intrinsic(_),
            ..
        } => Some("ordering the texts that a span carries"),
        Test::Exists(field)
        | Test::In { field, .. }
        | Test::Order { field, .. }
        | Test::Text { field, .. }
        | Test::Contains { field, .. } => in_field(field),
        Test::EqualFields { left, right, .. } | Test::OrderFields { left, right, .. } => {
            in_field(left).or_else(|| in_field(right))
        }
        Test::Whole { left, .. } => in_whole(*left),
        Test::WholePair { left, right, .. } => in_whole(*left).or_else(|| in_whole(*right)),
        Test::Matches { .. } => Some("`matches`"),
        Test::ContainsFolded { .. } => Some("`contains_i`"),
        Test::TextFields { .. } => Some("looking for one attribute in another"),
        Test::Compute { .. } => Some("arithmetic in a filter"),
    }
}

fn in_field(field: &Field) -> Option<&'static str> {
    match field {
        Field::Attribute { scope, .. } => match scope {
            Scope::Any | Scope::Span | Scope::Resource | Scope::Instrumentation => None,
            Scope::Event | Scope::Link => Some("an attribute of an event or a link"),
        },
        Field::Intrinsic(intrinsic) => match intrinsic {
            TextIntrinsic::Name
            | TextIntrinsic::StatusMessage
            | TextIntrinsic::Id
            | TextIntrinsic::Parent
            | TextIntrinsic::ScopeName
            | TextIntrinsic::ScopeVersion => None,
            TextIntrinsic::EventName => Some("`event:name`"),
        },
        Field::Alias { .. } => Some("a join"),
    }
}

fn in_whole(whole: Whole) -> Option<&'static str> {
    match whole {
        Whole::Kind
        | Whole::Status
        | Whole::Start
        | Whole::End
        | Whole::Duration
        | Whole::Hour
        | Whole::Minute
        | Whole::Weekday
        | Whole::Date => None,
        Whole::Children | Whole::Depth | Whole::SelfDuration => Some("the tree around a span"),
    }
}
