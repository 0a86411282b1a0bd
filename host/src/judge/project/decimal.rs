//! Strings that are wholly a decimal number, as the language's section 4 has them.

/// The kinds of the form `number` that are read from a string.
pub(super) const INT_FROM_STRING: u8 = 18;
pub(super) const DOUBLE_FROM_STRING: u8 = 19;

/// Reads `-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?`: an int where it has neither point nor exponent and fits 64
/// bits, else the nearest double. Returns kind and bits.
pub(super) fn parse_decimal(text: &str) -> Option<(u8, u64)> {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let rest = skip_digits(unsigned)?;
    if rest.is_empty()
        && let Ok(int) = text.parse::<i64>()
    {
        return Some((INT_FROM_STRING, int as u64));
    }
    let rest = match rest.strip_prefix('.') {
        Some(fraction) => skip_digits(fraction)?,
        None => rest,
    };
    let rest = match rest.strip_prefix(['e', 'E']) {
        Some(exponent) => skip_digits(exponent.strip_prefix(['+', '-']).unwrap_or(exponent))?,
        None => rest,
    };
    let double: f64 = text.parse().ok().filter(|_| rest.is_empty())?;
    Some((DOUBLE_FROM_STRING, double.to_bits()))
}

/// Takes one digit or more off the front.
fn skip_digits(text: &str) -> Option<&str> {
    let rest = text.trim_start_matches(|c: char| c.is_ascii_digit());
    (rest.len() < text.len()).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_what_the_language_says() {
        let int = |n: i64| Some((INT_FROM_STRING, n as u64));
        let double = |n: f64| Some((DOUBLE_FROM_STRING, n.to_bits()));
        let cases = [
            ("0", int(0)),
            ("042", int(42)),
            ("-7", int(-7)),
            ("9223372036854775807", int(i64::MAX)),
            ("-9223372036854775808", int(i64::MIN)),
            ("9223372036854775808", double(9_223_372_036_854_775_808.0)),
            ("1e3", double(1_000.0)),
            ("1.5E-2", double(0.015)),
            ("-0.0", double(-0.0)),
            ("2e+1", double(20.0)),
            ("+5", None),
            (" 5", None),
            ("5 ", None),
            (".5", None),
            ("5.", None),
            ("1e", None),
            ("1e+", None),
            ("--1", None),
            ("-", None),
            ("", None),
            ("inf", None),
            ("NaN", None),
            ("0x10", None),
            ("1_000", None),
            ("\u{661}", None),
        ];
        for (text, expected) in cases {
            assert_eq!(parse_decimal(text), expected, "{text}");
        }
    }
}
