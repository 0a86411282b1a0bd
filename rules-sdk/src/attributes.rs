//! The attributes of a span, an event or a link, as a rule sees them.

use std::cmp::Ordering;

use crate::{
    column::View,
    rule::{Form, Source},
};

/// The attributes of one row. What a rule did not declare is `None`, and an error in tests.
#[derive(Clone, Copy, Debug)]
pub struct Attributes<'a> {
    pub(crate) view: &'a View<'a>,
    pub(crate) source: Source,
    pub(crate) row: u32,
}

/// What texts are compared by: within a trace, equal symbols are equal texts. It means nothing in another trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Symbol(u32);

/// A number, as it was sent or as a string reads.
#[derive(Clone, Copy, Debug)]
pub enum Number {
    /// An integer of 64 bits.
    Int(i64),
    /// A double.
    Double(f64),
}

/// An attribute of whatever type.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value {
    /// True or false.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// A double.
    Double(f64),
    /// A text, by what it is compared by.
    Text(Symbol),
    /// So many bytes.
    Bytes(u64),
    /// An array of so many elements.
    Array(u32),
    /// A key-value list of so many entries.
    Map(u32),
}

impl<'a> Attributes<'a> {
    /// Returns the attribute where it is a string; declared as `"key"`.
    #[inline]
    pub fn text(self, key: &'static str) -> Option<&'a str> {
        let number = self.view.word(self.source, key, Form::Text, self.row)?;
        self.view.text(number)
    }

    /// Returns what the attribute is compared by, where it is a string or an int; declared as `"key" as symbol`.
    #[inline]
    pub fn symbol(self, key: &'static str) -> Option<Symbol> {
        let symbol = self.view.word(self.source, key, Form::Symbol, self.row)?;
        // 0 is missing, and 1 no text.
        (symbol > 1).then_some(Symbol(symbol))
    }

    /// Whether the attribute is there, of whatever type; declared as `"key" as symbol`.
    #[inline]
    pub fn is_there(self, key: &'static str) -> bool {
        let symbol = self.view.word(self.source, key, Form::Symbol, self.row);
        symbol.is_some_and(|symbol| symbol != 0)
    }

    /// Whether the attribute is this text; declared as `"key" as symbol`, and the text in `literals`.
    #[inline]
    pub fn has(self, key: &'static str, literal: &'static str) -> bool {
        // Most cells are empty, and then there is nothing to look up.
        match self.symbol(key) {
            Some(Symbol(symbol)) => self.view.symbol_of(literal) == Some(symbol),
            None => false,
        }
    }

    /// Returns the attribute where it is a number, or a string that is a decimal one; declared as `"key" as number`.
    #[inline]
    pub fn number(self, key: &'static str) -> Option<Number> {
        match self.view.tagged(self.source, key, Form::Number, self.row)? {
            (2 | 18, bits) => Some(Number::Int(bits as i64)),
            (3 | 19, bits) => Some(Number::Double(f64::from_bits(bits))),
            _ => None,
        }
    }

    /// Returns the attribute where it is a bool, or the string `true` or `false`; declared as `"key" as truth`.
    #[inline]
    pub fn truth(self, key: &'static str) -> Option<bool> {
        match self.view.byte(self.source, key, Form::Truth, self.row)? {
            2 => Some(false),
            3 => Some(true),
            _ => None,
        }
    }

    /// Returns the attribute, whatever its type; declared as `"key" as value`.
    pub fn value(self, key: &'static str) -> Option<Value> {
        Some(
            match self.view.tagged(self.source, key, Form::Value, self.row)? {
                (1, bits) => Value::Bool(bits != 0),
                (2, bits) => Value::Int(bits as i64),
                (3, bits) => Value::Double(f64::from_bits(bits)),
                (4, bits) => Value::Text(Symbol(bits as u32)),
                (5, bits) => Value::Bytes(bits),
                // The first row of the elements is above their number.
                (6, bits) => Value::Array(bits as u32),
                (7, bits) => Value::Map(bits as u32),
                _ => return None,
            },
        )
    }
}

impl Number {
    /// Returns the nearest double.
    pub fn as_f64(self) -> f64 {
        match self {
            Self::Int(int) => int as f64,
            Self::Double(double) => double,
        }
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        self.partial_cmp(other) == Some(Ordering::Equal)
    }
}

/// Compares by value, without rounding an int to a double; nothing compares with what is no number.
impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        match (*self, *other) {
            (Self::Int(a), Self::Int(b)) => Some(a.cmp(&b)),
            (Self::Double(a), Self::Double(b)) => a.partial_cmp(&b),
            (Self::Int(a), Self::Double(b)) => compare(a, b),
            (Self::Double(a), Self::Int(b)) => compare(b, a).map(Ordering::reverse),
        }
    }
}

fn compare(int: i64, double: f64) -> Option<Ordering> {
    /// 2^63, the first double that is greater than every int.
    const ABOVE: f64 = 9_223_372_036_854_775_808.0;
    if double.is_nan() {
        return None;
    }
    if double >= ABOVE {
        return Some(Ordering::Less);
    }
    if double < -ABOVE {
        return Some(Ordering::Greater);
    }
    let whole = double.trunc();
    // Exact: it is whole and in range.
    let by_whole = int.cmp(&(whole as i64));
    Some(by_whole.then_with(|| whole.partial_cmp(&double).unwrap_or(Ordering::Equal)))
}

impl From<i64> for Number {
    fn from(int: i64) -> Self {
        Self::Int(int)
    }
}

impl From<f64> for Number {
    fn from(double: f64) -> Self {
        Self::Double(double)
    }
}

impl PartialEq<i64> for Number {
    fn eq(&self, other: &i64) -> bool {
        *self == Self::Int(*other)
    }
}

impl PartialOrd<i64> for Number {
    fn partial_cmp(&self, other: &i64) -> Option<Ordering> {
        self.partial_cmp(&Self::Int(*other))
    }
}

impl PartialEq<f64> for Number {
    fn eq(&self, other: &f64) -> bool {
        *self == Self::Double(*other)
    }
}

impl PartialOrd<f64> for Number {
    fn partial_cmp(&self, other: &f64) -> Option<Ordering> {
        self.partial_cmp(&Self::Double(*other))
    }
}

#[cfg(test)]
mod tests {
    use super::Number;

    #[test]
    fn ints_and_doubles_compare_by_value() {
        let large = Number::Int(i64::MAX);
        assert!(large < 9_223_372_036_854_775_808.0);
        assert!(Number::Int(i64::MIN) == -9_223_372_036_854_775_808.0);
        assert!(Number::Int(9_007_199_254_740_993) > 9_007_199_254_740_992.0);
        assert!(Number::Int(-1) < -0.5 && Number::Int(0) > -0.5 && Number::Int(1) > 0.5);
        assert!(Number::Double(2.0) == 2 && Number::Double(2.5) > 2);
        let nan = f64::NAN;
        assert!(Number::Double(nan) != 0 && Number::Int(0) != nan);
    }
}
