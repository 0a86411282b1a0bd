//! Numbers that a trace has, and comparisons of them.

use super::{Compare, Field, Number, Order, SetId, Whole};

/// Two amounts compared; false where one of them has no value, `!=` too.
///
/// At most one `Quantity::Groups` is in it: then it is true if it is true of any one group.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Comparison {
    pub(crate) left: Expr<Quantity>,
    pub(crate) op: Compare,
    pub(crate) right: Expr<Quantity>,
}

/// Which way an amount can move when what is missing comes to light.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Drift {
    Fixed,
    Up,
    Down,
    Any,
}

impl Drift {
    fn flipped(self) -> Self {
        match self {
            Self::Up => Self::Down,
            Self::Down => Self::Up,
            Self::Fixed | Self::Any => self,
        }
    }

    /// Of a sum of two.
    fn plus(self, other: Self) -> Self {
        match (self, other) {
            (Self::Fixed, drift) | (drift, Self::Fixed) => drift,
            (Self::Up, Self::Up) => Self::Up,
            (Self::Down, Self::Down) => Self::Down,
            (Self::Up | Self::Down | Self::Any, Self::Up | Self::Down | Self::Any) => Self::Any,
        }
    }
}

impl Comparison {
    /// Whether more spans, attributes, events or links could not make a true comparison false.
    ///
    /// Counts, sums, greatest values, distinct values and the trace's duration only grow, least values only shrink, and
    /// averages go anywhere; so a sum that is too large stays too large.
    pub(crate) fn is_lasting(&self) -> bool {
        let (left, right) = (self.left.drift(), self.right.drift());
        let fits = |drift: Drift, wanted: Drift| drift == Drift::Fixed || drift == wanted;
        match self.op {
            Compare::Equal | Compare::Unequal => left == Drift::Fixed && right == Drift::Fixed,
            Compare::Order(Order::Greater | Order::GreaterOrEqual) => {
                fits(left, Drift::Up) && fits(right, Drift::Down)
            }
            Compare::Order(Order::Less | Order::LessOrEqual) => {
                fits(left, Drift::Down) && fits(right, Drift::Up)
            }
        }
    }
}

impl Expr<Quantity> {
    fn drift(&self) -> Drift {
        match self {
            Self::Number(_) => Drift::Fixed,
            Self::Term(Quantity::Fold {
                fold: Fold::Min, ..
            }) => Drift::Down,
            Self::Term(Quantity::Fold {
                fold: Fold::Avg, ..
            }) => Drift::Any,
            Self::Term(
                Quantity::Count(_)
                | Quantity::Groups { .. }
                | Quantity::Duration
                | Quantity::Fold {
                    fold: Fold::Sum | Fold::Max | Fold::Distinct,
                    ..
                },
            ) => Drift::Up,
            Self::Binary { op, left, right } => match op {
                Arithmetic::Add => left.drift().plus(right.drift()),
                Arithmetic::Subtract => left.drift().plus(right.drift().flipped()),
                Arithmetic::Multiply => match (left.sign(), right.sign()) {
                    (Some(factor), _) => right.drift().times(factor),
                    (None, Some(factor)) => left.drift().times(factor),
                    (None, None) => Drift::Any,
                },
                Arithmetic::Divide => match right.sign() {
                    Some(divisor) => left.drift().times(divisor),
                    None => Drift::Any,
                },
            },
        }
    }

    /// Whether a literal is negative; `None` of anything else.
    fn sign(&self) -> Option<bool> {
        match self {
            Self::Number(Number::Int(int)) => Some(*int < 0),
            Self::Number(Number::Double(bits)) => Some(f64::from_bits(*bits) < 0.0),
            Self::Term(_) | Self::Binary { .. } => None,
        }
    }
}

impl Drift {
    /// Of a multiple, by a factor that may be negative.
    fn times(self, negative: bool) -> Self {
        if negative { self.flipped() } else { self }
    }
}

/// A sum, difference, product or quotient.
///
/// Ints are added, subtracted and multiplied exactly, and have no value where 64 bits do not hold the result; `/`, and
/// whatever has a double in it, is computed in doubles (an int becoming the nearest). Division by zero has no value, nor
/// has what comes out as NaN; infinities are values. What is computed of no value has none. An attribute that is NaN has no value here either.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Expr<T> {
    Number(Number),
    Term(T),
    Binary {
        op: Arithmetic,
        left: Box<Expr<T>>,
        right: Box<Expr<T>>,
    },
}

impl<T> Expr<T> {
    /// Calls `visit` with every term, from left to right.
    pub(crate) fn visit<'e>(&'e self, visit: &mut impl FnMut(&'e T)) {
        match self {
            Self::Number(_) => {}
            Self::Term(term) => visit(term),
            Self::Binary { left, right, .. } => {
                left.visit(visit);
                right.visit(visit);
            }
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
}

/// A number that a trace has.
///
/// The spans that it reads, which are witnesses: of `Count` those of the set; of `Groups` those of the groups of which the
/// comparison is true; of `Fold` those of the set whose value is not skipped; of `Duration` all.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Quantity {
    /// How many spans the set has.
    Count(SetId),
    /// How many spans of the set have one and the same value of `key`: one number for each such value.
    /// Values are the same as `Fold::Distinct` says; spans without the key form no group.
    Groups { set: SetId, key: Term },
    /// Of the values of the set's spans, in order of row. Values that are missing, NaN or no numbers are skipped.
    Fold { fold: Fold, set: SetId, value: Term },
    /// The latest end minus the earliest start, in ns; of a trace without spans: no value.
    Duration,
}

impl Quantity {
    /// The set that it is a number of.
    pub(crate) fn set(&self) -> Option<SetId> {
        match self {
            Self::Count(set) | Self::Groups { set, .. } | Self::Fold { set, .. } => Some(*set),
            Self::Duration => None,
        }
    }
}

/// How values become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Fold {
    /// Ints in 128 bits, doubles in order of row. Without a double: the int, or the nearest double where 64 bits do not
    /// hold it. With one: the nearest double of the sum of ints, plus the sum of doubles. Of nothing: 0.
    Sum,
    /// By mathematical value; of equal ones the first. Of nothing: no value, as of `Max` and `Avg`.
    Min,
    Max,
    /// The sum as a double, divided by how many there were.
    Avg,
    /// How many different values, 0 of nothing. Strings and ints are the same where their texts are (an int's is its
    /// canonical decimal), ints and doubles where their values are, booleans where they are; and what is the same as one
    /// and the same int in the set is the same. NaN, bytes, arrays and key-value lists are skipped.
    Distinct,
}

/// Something of a span that is a number, or that groups are made by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Term {
    /// An attribute as a number: an int, a double, or a string that is wholly a decimal number. (For `Distinct` and
    /// `Groups`: as itself.)
    Field(Field),
    Whole(Whole),
}
