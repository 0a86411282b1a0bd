//! Comparisons with a literal, made exact at compile time.
//!
//! An int and a double are compared by what they are, not by what one becomes when converted. So a literal is turned
//! once into the int, the double and the unsigned number that lie at its edge, and the guest makes one plain comparison.

use crate::ir::{Compare, Number, Order};

/// What is left to compare at run time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Bound<T> {
    /// False of every number.
    Never,
    /// True of every number; NaN is none.
    Always,
    Test(Compare, T),
}

/// 2^63, the first double beyond the ints.
const INT_END: f64 = 9_223_372_036_854_775_808.0;

/// `==` and `!=` with a literal that no value of the type equals.
fn never_equal<T>(op: Compare) -> Bound<T> {
    if op == Compare::Unequal {
        Bound::Always
    } else {
        Bound::Never
    }
}

/// How an int compares with the literal.
pub(super) fn int_bound(op: Compare, literal: Number) -> Bound<i64> {
    let double = match literal {
        Number::Int(int) => return Bound::Test(op, int),
        Number::Double(bits) => f64::from_bits(bits),
    };
    let (floor, ceil) = (double.floor(), double.ceil());
    let inside = |edge: f64| (-INT_END..INT_END).contains(&edge).then_some(edge as i64);
    match op {
        Compare::Equal | Compare::Unequal => inside(double)
            .filter(|_| double.fract() == 0.0)
            .map_or(never_equal(op), |int| Bound::Test(op, int)),
        Compare::Order(Order::Less | Order::LessOrEqual) => {
            let edge = if op == Compare::Order(Order::Less) {
                ceil
            } else {
                floor
            };
            inside(edge).map_or(
                if edge > 0.0 {
                    Bound::Always
                } else {
                    Bound::Never
                },
                |int| Bound::Test(op, int),
            )
        }
        Compare::Order(Order::Greater | Order::GreaterOrEqual) => {
            let edge = if op == Compare::Order(Order::Greater) {
                floor
            } else {
                ceil
            };
            inside(edge).map_or(
                if edge > 0.0 {
                    Bound::Never
                } else {
                    Bound::Always
                },
                |int| Bound::Test(op, int),
            )
        }
    }
}

/// How a double compares with the literal.
pub(super) fn double_bound(op: Compare, literal: Number) -> Bound<f64> {
    let int = match literal {
        Number::Double(bits) => return Bound::Test(op, f64::from_bits(bits)),
        Number::Int(int) => int,
    };
    let nearest = int as f64;
    let above = match i128::from(int).cmp(&(nearest as i128)) {
        std::cmp::Ordering::Equal => return Bound::Test(op, nearest),
        std::cmp::Ordering::Less => nearest,
        std::cmp::Ordering::Greater => nearest.next_up(),
    };
    match op {
        Compare::Equal | Compare::Unequal => never_equal(op),
        Compare::Order(Order::Less | Order::LessOrEqual) => {
            Bound::Test(Compare::Order(Order::LessOrEqual), above.next_down())
        }
        Compare::Order(Order::Greater | Order::GreaterOrEqual) => {
            Bound::Test(Compare::Order(Order::GreaterOrEqual), above)
        }
    }
}

/// How a number that is never negative compares with the literal.
pub(super) fn unsigned_bound(op: Compare, literal: Number) -> Bound<u64> {
    match int_bound(op, literal) {
        Bound::Never => Bound::Never,
        Bound::Always => Bound::Always,
        Bound::Test(op, int) => match (u64::try_from(int), op) {
            (Ok(edge), op) => Bound::Test(op, edge),
            (Err(_), Compare::Unequal | Compare::Order(Order::Greater | Order::GreaterOrEqual)) => {
                Bound::Always
            }
            (Err(_), Compare::Equal | Compare::Order(Order::Less | Order::LessOrEqual)) => {
                Bound::Never
            }
        },
    }
}

#[cfg(test)]
mod tests {
    use super::{Bound, double_bound, int_bound, unsigned_bound};
    use crate::ir::{Compare, Number, Order};

    const LESS: Compare = Compare::Order(Order::Less);
    const AT_LEAST: Compare = Compare::Order(Order::GreaterOrEqual);

    #[test]
    fn a_fraction_becomes_the_int_beside_it() {
        for (op, literal, expected) in [
            (LESS, 2.5, Bound::Test(LESS, 3)),
            (AT_LEAST, 2.5, Bound::Test(AT_LEAST, 3)),
            (LESS, -2.5, Bound::Test(LESS, -2)),
            (Compare::Equal, 2.5, Bound::Never),
            (Compare::Equal, 2.0, Bound::Test(Compare::Equal, 2)),
            (LESS, 1e30, Bound::Always),
            (AT_LEAST, 1e30, Bound::Never),
            (LESS, -1e30, Bound::Never),
        ] {
            assert_eq!(
                int_bound(op, Number::double(literal)),
                expected,
                "{op:?} {literal}"
            );
        }
    }

    #[test]
    fn an_int_beyond_2_to_53_lies_between_two_doubles() {
        let odd = Number::Int((1 << 53) + 1);
        let (below, above) = ((1_u64 << 53) as f64, ((1_u64 << 53) + 2) as f64);
        assert_eq!(double_bound(Compare::Equal, odd), Bound::Never);
        assert_eq!(
            double_bound(LESS, odd),
            Bound::Test(Compare::Order(Order::LessOrEqual), below)
        );
        assert_eq!(double_bound(AT_LEAST, odd), Bound::Test(AT_LEAST, above));
        assert_eq!(
            double_bound(LESS, Number::Int(i64::MAX)),
            Bound::Test(
                Compare::Order(Order::LessOrEqual),
                (i64::MAX as f64).next_down()
            )
        );
    }

    #[test]
    fn nothing_unsigned_is_negative() {
        assert_eq!(unsigned_bound(AT_LEAST, Number::Int(-1)), Bound::Always);
        assert_eq!(unsigned_bound(LESS, Number::Int(-1)), Bound::Never);
        assert_eq!(
            unsigned_bound(Compare::Equal, Number::Int(-1)),
            Bound::Never
        );
    }
}
