//! Times and dates as they are written in rules: RFC 3339 and ISO 8601.

/// Returns the nanoseconds since 1970 of an RFC 3339 time, as `2026-03-01T19:30:00.5+01:00`.
pub(super) fn parse_time(text: &str) -> Option<i64> {
    let (date, time) = text.split_once(['T', 't', ' '])?;
    let days = parse_date(date)?;
    let zone_at = time.find(['Z', 'z', '+', '-'])?;
    let (clock, zone) = time.split_at(zone_at);
    let offset_minutes = match zone {
        "Z" | "z" => 0,
        _ => {
            let (hours, minutes) = zone.get(1..)?.split_once(':')?;
            let minutes = digits(hours, 2, 23)? * 60 + digits(minutes, 2, 59)?;
            if zone.starts_with('-') {
                -minutes
            } else {
                minutes
            }
        }
    };
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
    if fraction.is_empty() || fraction.len() > 9 || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let nanos = format!("{fraction:0<9}").parse::<i64>().ok()?;
    let mut parts = clock.split(':');
    let (hour, minute, second) = (
        digits(parts.next()?, 2, 23)?,
        digits(parts.next()?, 2, 59)?,
        digits(parts.next()?, 2, 60)?,
    );
    if parts.next().is_some() {
        return None;
    }
    let seconds = days * 86_400 + hour * 3_600 + (minute - offset_minutes) * 60 + second;
    seconds
        .checked_mul(1_000_000_000)?
        .checked_add(nanos)
        .filter(|ns| *ns >= 0)
}

/// Returns the days since 1970-01-01 of a date, as `2026-03-01`.
pub(super) fn parse_date(text: &str) -> Option<i64> {
    let mut parts = text.splitn(3, '-');
    let year = digits(parts.next()?, 4, 9_999)?;
    let month = digits(parts.next()?, 2, 12).filter(|month| *month >= 1)?;
    let day = digits(parts.next()?, 2, 31).filter(|day| *day >= 1)?;
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        2 => 28 + i64::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    (day <= length).then(|| days_from_civil(year, month, day))
}

/// Days since 1970-01-01 in the Gregorian calendar (Hinnant, "chrono-compatible low-level date algorithms").
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

fn digits(text: &str, count: usize, max: i64) -> Option<i64> {
    let plain = text.len() == count && text.bytes().all(|b| b.is_ascii_digit());
    plain
        .then(|| text.parse::<i64>().ok())
        .flatten()
        .filter(|value| *value <= max)
}

#[cfg(test)]
mod tests {
    use super::{parse_date, parse_time};

    #[test]
    fn times_are_read_as_rfc_3339_says() {
        for (text, expected) in [
            ("1970-01-01T00:00:00Z", Some(0)),
            ("2026-03-01T19:30:00Z", Some(1_772_393_400_000_000_000)),
            (
                "2026-03-01T20:30:00.25+01:00",
                Some(1_772_393_400_250_000_000),
            ),
            ("2000-02-29T00:00:00z", Some(951_782_400_000_000_000)),
            ("1969-12-31T23:59:59Z", None),
            ("2026-02-29T00:00:00Z", None),
            ("2026-03-01T19:30:00", None),
            ("2026-03-01", None),
            ("2026-03-01T24:00:00Z", None),
            ("9999-01-01T00:00:00Z", None),
        ] {
            assert_eq!(parse_time(text), expected, "{text}");
        }
    }

    #[test]
    fn dates_are_days_since_1970() {
        for (text, expected) in [
            ("1970-01-01", Some(0)),
            ("2026-03-01", Some(20_513)),
            ("2100-02-29", None),
            ("2026-3-1", None),
        ] {
            assert_eq!(parse_date(text), expected, "{text}");
        }
    }
}
