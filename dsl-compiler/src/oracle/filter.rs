//! One span against a filter.

use super::{
    read::{Here, is_of_the_tree},
    trace::Attribute,
    truth::Truth,
    value::{
        Num, compare_numbers, compares, compute, equals, equals_literal, literal, order,
        order_literal,
    },
};
use crate::ir::{Expr, Field, Filter, Pattern, Place, Table, Term, Test, Whole};

impl Here<'_> {
    /// Whether the span passes a filter.
    pub(super) fn passes(&self, filter: &Filter) -> Truth {
        match filter {
            Filter::All(all) => Truth::all(all.iter().map(|filter| self.passes(filter))),
            Filter::Any(any) => Truth::any(any.iter().map(|filter| self.passes(filter))),
            Filter::Not(inner) => self.passes(inner).not(),
            Filter::Test(test) => {
                if self.could_turn_out_otherwise(test) {
                    return Truth::Unknown;
                }
                Truth::of(self.is_true(test).unwrap_or(false))
            }
            Filter::Some { table, filter } => {
                let Some(span) = self.span() else {
                    return Truth::False;
                };
                let missing = &self.view.missing;
                let (found, dropped) = match table {
                    Table::Events => (
                        Truth::any(span.events.iter().map(|event| {
                            let event = Some(event);
                            Self { event, ..*self }.passes(filter)
                        })),
                        missing.events,
                    ),
                    Table::Links => (
                        Truth::any(span.links.iter().map(|link| {
                            let link = Some(link);
                            Self { link, ..*self }.passes(filter)
                        })),
                        missing.links,
                    ),
                };
                found.max(Truth::between(false, dropped))
            }
        }
    }

    /// Whether what is missing of the trace concerns a test.
    fn could_turn_out_otherwise(&self, test: &Test) -> bool {
        let (fields, wholes) = (fields_of(test), wholes_of(test));
        let is_missing = |field: &&Field| is_attribute(field) && self.read(field).is_none();
        (self.view.missing.attributes && fields.iter().any(is_missing))
            || (self.view.missing.spans && wholes.into_iter().any(is_of_the_tree))
    }

    /// Whether a test is true; `None` where something it reads is missing.
    fn is_true(&self, test: &Test) -> Option<bool> {
        Some(match test {
            Test::Exists(field) => self.read(field).is_some(),
            Test::In {
                field,
                values,
                negated,
            } => {
                let value = self.read(field)?;
                values.iter().any(|literal| equals_literal(&value, literal)) != *negated
            }
            Test::Order { field, op, value } => {
                order_literal(&self.read(field)?, value).is_some_and(|ordering| op.admits(ordering))
            }
            Test::Text { field, at, text } => has_text(&self.read(field)?, *at, text),
            Test::Contains { field, value, text } => {
                let found = self.read(field)?;
                let is_wanted = |element: &Attribute| equals_literal(element, value);
                has_text(&found, Place::Anywhere, text) || elements(&found).iter().any(is_wanted)
            }
            Test::Matches { field, pattern } => self.matches(&self.read(field)?, pattern),
            Test::ContainsFolded {
                field,
                string,
                element,
            } => {
                let found = self.read(field)?;
                let is_wanted = |of: &Attribute| self.matches(of, element);
                self.matches(&found, string) || elements(&found).iter().any(is_wanted)
            }
            Test::TextFields { left, at, right } => {
                let (left, right) = (self.read(left)?, self.read(right)?);
                let is_wanted = |element: &Attribute| equals(element, &right);
                matches!(&right, Attribute::String(text) if has_text(&left, *at, text))
                    || (*at == Place::Anywhere && elements(&left).iter().any(is_wanted))
            }
            Test::Compute { left, op, right } => {
                let term = |term: &Term| self.number(term);
                let (left, right) = (compute(left, &term)?, compute(right, &term)?);
                compares(*op, compare_numbers(left, right))
            }
            Test::EqualFields {
                left,
                right,
                negated,
            } => equals(&self.read(left)?, &self.read(right)?) != *negated,
            Test::OrderFields { left, op, right } => order(&self.read(left)?, &self.read(right)?)
                .is_some_and(|ordering| op.admits(ordering)),
            Test::Whole { left, op, value } => compares(
                *op,
                compare_numbers(Num::Int(self.whole(*left)), literal(*value)),
            ),
            Test::WholePair { left, op, right } => {
                compares(*op, Some(self.whole(*left).cmp(&self.whole(*right))))
            }
        })
    }

    fn matches(&self, value: &Attribute, pattern: &Pattern) -> bool {
        let regex = self.view.regexes.get(pattern);
        // `is_match` stops at an empty match within a letter, and loses those that were under way.
        matches!(value, Attribute::String(text) if regex.is_some_and(|regex| regex.find(text).is_some()))
    }
}

fn has_text(value: &Attribute, at: Place, text: &str) -> bool {
    let Attribute::String(string) = value else {
        return false;
    };
    match at {
        Place::Start => string.starts_with(text),
        Place::Anywhere => string.contains(text),
        Place::End => string.ends_with(text),
    }
}

fn elements(value: &Attribute) -> &[Attribute] {
    if let Attribute::Array(elements) = value {
        elements
    } else {
        &[]
    }
}

pub(super) fn is_attribute(field: &Field) -> bool {
    match field {
        Field::Attribute { .. } | Field::Alias { .. } => true,
        Field::Intrinsic(_) => false,
    }
}

/// The fields of a test, those of what it computes too.
pub(super) fn fields_of(test: &Test) -> Vec<&Field> {
    match test {
        Test::Exists(field)
        | Test::In { field, .. }
        | Test::Order { field, .. }
        | Test::Text { field, .. }
        | Test::Contains { field, .. }
        | Test::Matches { field, .. }
        | Test::ContainsFolded { field, .. } => vec![field],
        Test::TextFields { left, right, .. }
        | Test::EqualFields { left, right, .. }
        | Test::OrderFields { left, right, .. } => vec![left, right],
        Test::Compute { left, right, .. } => [terms_of(left), terms_of(right)]
            .concat()
            .into_iter()
            .filter_map(|term| match term {
                Term::Field(field) => Some(field),
                Term::Whole(_) => None,
            })
            .collect(),
        Test::Whole { .. } | Test::WholePair { .. } => Vec::new(),
    }
}

fn wholes_of(test: &Test) -> Vec<Whole> {
    match test {
        Test::Whole { left, .. } => vec![*left],
        Test::WholePair { left, right, .. } => vec![*left, *right],
        Test::Compute { left, right, .. } => [terms_of(left), terms_of(right)]
            .concat()
            .into_iter()
            .filter_map(|term| match term {
                Term::Whole(whole) => Some(*whole),
                Term::Field(_) => None,
            })
            .collect(),
        Test::Exists(_)
        | Test::In { .. }
        | Test::Order { .. }
        | Test::Text { .. }
        | Test::Contains { .. }
        | Test::Matches { .. }
        | Test::ContainsFolded { .. }
        | Test::TextFields { .. }
        | Test::EqualFields { .. }
        | Test::OrderFields { .. } => Vec::new(),
    }
}

/// What an expression is computed of.
pub(super) fn terms_of<T>(expr: &Expr<T>) -> Vec<&T> {
    match expr {
        Expr::Number(_) => Vec::new(),
        Expr::Term(term) => vec![term],
        Expr::Binary { left, right, .. } => {
            let mut terms = terms_of(left);
            terms.extend(terms_of(right));
            terms
        }
    }
}

/// Calls `visit` with every filter in a filter, itself first.
pub(super) fn visit<'f>(filter: &'f Filter, visitor: &mut impl FnMut(&'f Filter)) {
    visitor(filter);
    match filter {
        Filter::All(filters) | Filter::Any(filters) => {
            for filter in filters {
                visit(filter, visitor);
            }
        }
        Filter::Not(filter) | Filter::Some { filter, .. } => visit(filter, visitor),
        Filter::Test(_) => {}
    }
}
