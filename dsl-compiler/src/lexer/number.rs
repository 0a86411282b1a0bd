//! Numbers and durations.

use crate::{
    diagnostic::{Code, Diagnostic},
    ir::Number,
    source::Span,
    token::Kind,
};

/// Reads a number of `digits`, which has neither point nor exponent where it is `whole`.
pub(super) fn parse_number<'s>(
    digits: &str,
    whole: bool,
    span: Span,
) -> Result<Kind<'s>, Box<Diagnostic>> {
    if whole {
        return digits
            .parse()
            .map(|int| Kind::Number(Number::Int(int)))
            .map_err(|_| {
                Diagnostic::error(
                    Code::NumberOutOfRange,
                    span,
                    "this number does not fit 64 bits",
                    "larger than 9223372036854775807, or less than its negative",
                )
                .help(format!(
                    "write `{digits}.0` for the nearest double, or `\"{digits}\"` for the text"
                ))
            })
            .map_err(Box::new);
    }
    match digits.parse::<f64>() {
        Ok(double) if double.is_finite() => Ok(Kind::Number(Number::double(double))),
        Ok(_) | Err(_) => refused(Diagnostic::error(
            Code::NumberOutOfRange,
            span,
            "this number is larger than a double holds",
            "larger than about 1.8e308",
        )),
    }
}

/// How many nanoseconds a unit has.
fn unit_ns(unit: &str) -> Option<i128> {
    Some(match unit {
        "ns" => 1,
        "us" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        "d" => 86_400_000_000_000,
        _ => return None,
    })
}

/// Reads a duration.
pub(super) fn parse_duration<'s>(
    digits: &str,
    unit: &str,
    span: Span,
) -> Result<Kind<'s>, Box<Diagnostic>> {
    let Some(unit_ns) = unit_ns(unit) else {
        return Err(Box::new(unknown_unit(digits, unit, span)));
    };
    let too_long = || {
        Box::new(Diagnostic::error(
            Code::BadDuration,
            span,
            "this duration is too long",
            "longer than 292 years",
        ))
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if digits.contains(['e', 'E']) || fraction.len() > 9 {
        return refused(
            Diagnostic::error(
                Code::BadDuration,
                span,
                "this is not a duration",
                "expected digits and a unit",
            )
            .help("write it in a smaller unit: `1500us`"),
        );
    }
    let scale = 10_i128.pow(fraction.len() as u32);
    let scaled: i128 = format!("{whole}{fraction}")
        .parse()
        .map_err(|_| too_long())?;
    let ns = scaled.checked_mul(unit_ns).ok_or_else(too_long)?;
    if ns % scale != 0 {
        return refused(Diagnostic::error(
            Code::BadDuration,
            span,
            "this duration is not a whole number of nanoseconds",
            "finer than a nanosecond",
        ));
    }
    i64::try_from(ns / scale)
        .map(Kind::Duration)
        .map_err(|_| too_long())
}

fn refused<T>(diagnostic: Diagnostic) -> Result<T, Box<Diagnostic>> {
    Err(Box::new(diagnostic))
}

/// What is wrong with a number that something unknown hangs on.
fn unknown_unit(digits: &str, unit: &str, span: Span) -> Diagnostic {
    let refuse = |code, message: String, label| Diagnostic::error(code, span, message, label);
    let split = unit.find(|c: char| c.is_ascii_digit());
    if split
        .and_then(|at| unit.get(..at))
        .and_then(unit_ns)
        .is_some()
    {
        return refuse(
            Code::BadDuration,
            "a duration has one unit".to_owned(),
            "several units",
        )
        .help("write `90m` for an hour and a half");
    }
    if unit.chars().all(|c| c.is_ascii_alphabetic()) {
        let help = format!(
            "the units are ns us ms s m h d; if this is a text, quote it: `\"{digits}{unit}\"`"
        );
        return refuse(
            Code::BadDuration,
            format!("`{unit}` is not a unit of time"),
            "unknown unit",
        )
        .help(help);
    }
    let quoted = format!("\"{digits}{unit}\"");
    refuse(
        Code::BadNumber,
        "a bare word cannot begin with a digit".to_owned(),
        "neither a number nor a word",
    )
    .help(format!("quote it: `{quoted}`"))
    .fix(span, quoted)
}
