//! Numbers that a trace has, compared.

use std::cmp::Ordering;

use super::{
    View,
    filter::terms_of,
    trace::Attribute,
    value::{Num, compare_numbers, compares, compute, equals},
};
use crate::ir::{Comparison, Fold, Quantity, SetId, Term};

impl View<'_> {
    /// Whether a comparison is true of what is there; `left` is the span that aliases stand for.
    pub(super) fn holds(&self, comparison: &Comparison, left: Option<usize>) -> bool {
        match self.groups(comparison, left) {
            Some(groups) => groups
                .iter()
                .any(|group| self.holds_of(comparison, left, group)),
            None => self.holds_of(comparison, left, &[]),
        }
    }

    /// The same, where `group` is the one group that is looked at.
    fn holds_of(&self, comparison: &Comparison, left: Option<usize>, group: &[usize]) -> bool {
        let quantity = |quantity: &Quantity| self.quantity(quantity, left, group);
        let sides = (
            compute(&comparison.left, &quantity),
            compute(&comparison.right, &quantity),
        );
        let (Some(one), Some(other)) = sides else {
            return false;
        };
        compares(comparison.op, compare_numbers(one, other))
    }

    /// The groups of a comparison that speaks of groups, as rows.
    fn groups(&self, comparison: &Comparison, left: Option<usize>) -> Option<Vec<Vec<usize>>> {
        quantities(comparison)
            .into_iter()
            .find_map(|quantity| match quantity {
                Quantity::Groups { set, key } => Some(self.classes(*set, key, left)),
                Quantity::Count(_) | Quantity::Fold { .. } | Quantity::Duration => None,
            })
    }

    fn quantity(&self, quantity: &Quantity, left: Option<usize>, group: &[usize]) -> Option<Num> {
        match quantity {
            Quantity::Count(set) => Some(Num::Int(self.surely(*set, left).len() as i128)),
            Quantity::Groups { .. } => Some(Num::Int(group.len() as i128)),
            Quantity::Fold { fold, set, value } => self.fold(*fold, *set, value, left),
            Quantity::Duration => {
                let spans = &self.trace.spans;
                let start = spans.iter().map(|span| span.start).min()?;
                let end = spans.iter().map(|span| span.end).max()?;
                Some(Num::Int(i128::from(end) - i128::from(start)))
            }
        }
    }

    fn fold(&self, fold: Fold, set: SetId, value: &Term, left: Option<usize>) -> Option<Num> {
        let numbers: Vec<Num> = self
            .numbers(set, value, left)
            .into_iter()
            .map(|(_, number)| number)
            .collect();
        let extreme = |wanted: Ordering| {
            numbers.iter().copied().reduce(|best, number| {
                if compare_numbers(number, best) == Some(wanted) {
                    number
                } else {
                    best
                }
            })
        };
        match fold {
            Fold::Sum => Some(sum(&numbers)),
            Fold::Min => extreme(Ordering::Less),
            Fold::Max => extreme(Ordering::Greater),
            Fold::Avg => (!numbers.is_empty())
                .then(|| Num::Double(sum(&numbers).to_double() / numbers.len() as f64)),
            Fold::Distinct => Some(Num::Int(self.classes(set, value, left).len() as i128)),
        }
    }

    /// The numbers of the spans of a set that have one, and their rows.
    fn numbers(&self, set: SetId, value: &Term, left: Option<usize>) -> Vec<(usize, Num)> {
        let number = |row| {
            let number = self.here(row, left).number(value)?;
            (!number.is_nan()).then_some((row, number))
        };
        self.surely(set, left)
            .into_iter()
            .filter_map(number)
            .collect()
    }

    /// The spans of a set by their value: one class for each of the different values.
    fn classes(&self, set: SetId, key: &Term, left: Option<usize>) -> Vec<Vec<usize>> {
        let mut classes: Vec<Vec<(usize, Attribute)>> = Vec::new();
        for row in self.surely(set, left) {
            let Some(value) = self.here(row, left).value(key) else {
                continue;
            };
            // What is the same as nothing, itself included: NaN, bytes, arrays, lists.
            if !equals(&value, &value) {
                continue;
            }
            // The same as an int of one class and as a double of another: then these are one.
            let (same, others): (Vec<_>, Vec<_>) = classes
                .into_iter()
                .partition(|class| class.iter().any(|(_, other)| equals(other, &value)));
            classes = others;
            let mut joined: Vec<_> = same.into_iter().flatten().collect();
            joined.push((row, value));
            classes.push(joined);
        }
        let rows = |class: Vec<(usize, Attribute)>| class.into_iter().map(|(row, _)| row).collect();
        classes.into_iter().map(rows).collect()
    }

    /// The spans that a true comparison read.
    pub(super) fn read_by(&self, comparison: &Comparison, left: Option<usize>) -> Vec<usize> {
        let read = |quantity: &Quantity| match quantity {
            Quantity::Count(set) => self.surely(*set, left),
            Quantity::Groups { set, key } => {
                let groups = self.classes(*set, key, left).into_iter();
                let broken = groups.filter(|group| self.holds_of(comparison, left, group));
                broken.flatten().collect()
            }
            Quantity::Fold {
                fold: Fold::Distinct,
                set,
                value,
            } => self.classes(*set, value, left).concat(),
            Quantity::Fold {
                fold: Fold::Sum | Fold::Min | Fold::Max | Fold::Avg,
                set,
                value,
            } => {
                let numbers = self.numbers(*set, value, left).into_iter();
                numbers.map(|(row, _)| row).collect()
            }
            Quantity::Duration => (0..self.trace.spans.len()).collect(),
        };
        quantities(comparison).into_iter().flat_map(read).collect()
    }
}

pub(super) fn quantities(comparison: &Comparison) -> Vec<&Quantity> {
    let mut quantities = terms_of(&comparison.left);
    quantities.extend(terms_of(&comparison.right));
    quantities
}

fn sum(numbers: &[Num]) -> Num {
    let (mut ints, mut doubles, mut has_double) = (0_i128, 0.0, false);
    for number in numbers {
        match number {
            Num::Int(int) => ints += int,
            Num::Double(double) => {
                doubles += double;
                has_double = true;
            }
        }
    }
    if has_double {
        Num::Double(ints as f64 + doubles)
    } else if i64::try_from(ints).is_ok() {
        Num::Int(ints)
    } else {
        Num::Double(ints as f64)
    }
}
