//! The stock of names, keys and values, which rules and traces share.

use super::Choices;

pub(super) const NAMES: [&str; 4] = ["a", "b.c", "d-e", "f g"];
pub(super) const KEYS: [&str; 4] = ["k", "user.role", "x", "service.name"];
/// Names of events.
pub(super) const EVENTS: [&str; 4] = ["exception", "retry", "b.c", ""];
/// Texts that are values of attributes and literals of rules, the first few more often than the others.
pub(super) const TEXTS: [&str; 30] = [
    "admin",
    "42",
    "true",
    "",
    "adm",
    "min",
    "aab",
    "aaab",
    "false",
    "042",
    "1e3",
    "1000",
    "-0",
    "0.5",
    "9007199254740993",
    "9007199254740992",
    "9223372036854775808",
    "1e999",
    "+5",
    " 5",
    "NaN",
    "b.c",
    "ADMIN",
    "k",
    "\u{212a}",
    "\u{e4}rger",
    "\u{c4}RGER",
    "stra\u{df}e",
    "the min.",
    "a\u{301}b c",
];
pub(super) const INTS: [i64; 10] = [
    42,
    0,
    1,
    -1,
    2,
    1000,
    9_007_199_254_740_992,
    9_007_199_254_740_993,
    i64::MAX,
    i64::MIN,
];
pub(super) const DOUBLES: [f64; 13] = [
    42.0,
    0.0,
    0.5,
    -0.0,
    1.5,
    1000.0,
    9_007_199_254_740_992.0,
    9.3e18,
    -9_223_372_036_854_775_808.0,
    1e300,
    f64::NAN,
    f64::INFINITY,
    f64::NEG_INFINITY,
];
pub(super) const NUMBERS: [&str; 15] = [
    "42",
    "0",
    "1",
    "-1",
    "42.0",
    "0.5",
    "1e3",
    "1000",
    "9007199254740992",
    "9007199254740993",
    "9007199254740992.0",
    "9223372036854775807",
    "-9223372036854775808",
    "1e300",
    "-0.5",
];
/// Patterns: classes, boundaries, anchors, repetitions, flags, what folds in Unicode, what matches everything.
pub(super) const PATTERNS: [&str; 28] = [
    "adm",
    "^adm",
    "min$",
    r"\d+",
    r"\bmin\b",
    r"\bb\b",
    r"\Bb",
    "^$",
    "(?i)ADM",
    "a{2,3}b",
    "^[a-c]+$",
    r"^\p{L}+$",
    r"\w+ \w",
    "(a|ad)m?in",
    ".",
    "x*",
    "[^0-9]",
    r"\Aadmin\z",
    "(?i)k",
    "(?i)\u{c4}",
    "(?i:S)tra",
    r"5$|^1e",
    r"\.",
    "[[:upper:]]",
    "^(?:true|false)$",
    "(?s)^.{1,3}$",
    r"\s",
    r"^-?[0-9]+(\.[0-9]+)?$",
];
pub(super) const HOUR_NS: u64 = 3_600_000_000_000;
/// 2026-03-01T00:00:00Z, a Sunday.
pub(super) const DAY_NS: u64 = 1_772_323_200_000_000_000;
pub(super) const COMPARE: [&str; 6] = ["==", "!=", "<", "<=", ">", ">="];

impl Choices {
    /// One of several, the first three as often as all others together.
    pub(super) fn pick_hot<'t, T>(&mut self, from: &'t [T]) -> &'t T {
        let of = if self.chance(50) {
            from.len()
        } else {
            from.len().min(3)
        };
        self.pick(&from[..of])
    }

    pub(super) fn quoted(&mut self) -> String {
        format!("\"{}\"", self.pick_hot(&TEXTS))
    }

    pub(super) fn compare(&mut self) -> &'static str {
        COMPARE[self.below(COMPARE.len())]
    }
}
