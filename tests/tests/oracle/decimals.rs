//! Decimal numbers in texts that a span carries, which the component reads itself.
//!
//! Guarantees: each is the number that it is in the oracle, which reads it with the standard library.

use betrace_dsl::oracle::Trace;
use betrace_tests::{
    agreement::build,
    contract::Trim,
    generated::{Choices, plain_trace},
};

const RULES: &str = "
    rule less { match { any.where(span:status_message < scope:name) } }
    rule less-or-equal { match { any.where(span:status_message <= scope:name) } }
    rule greater { match { any.where(span:status_message > scope:version) } }
    rule literal { match { any.where(span:status_message >= \"0.1\") } }
    rule int { match { any.where(span:status_message < \"9007199254740993\") } }
";

/// What is no number, or is at an edge of what one can be.
const ODD: [&str; 47] = [
    "0",
    "-0",
    "-0.0",
    "0e999999999999",
    "1e999999999999",
    "1e-999999999999",
    "042",
    "1E3",
    "+5",
    ".5",
    "5.",
    "1e",
    "1e+",
    "-",
    "--1",
    "1.2.3",
    "1e5.0",
    "",
    " 1",
    "1 ",
    "0x10",
    "inf",
    "NaN",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775808",
    "-9223372036854775809",
    "18446744073709551616",
    "99999999999999999999",
    "4.9e-324",
    "2.4703282292062327e-324",
    "2.4703282292062328e-324",
    "2.47032822920623272088284396434110686182e-324",
    "2.2250738585072011e-308",
    "2.2250738585072012e-308",
    "2.2250738585072014e-308",
    "1.7976931348623157e308",
    "1.7976931348623158e308",
    "1.7976931348623159e308",
    "0.1",
    "1e22",
    "1e23",
    "9007199254740993.0",
    "0.1000000000000000055511151231257827021181583404541015625",
    "9007199254740993",
    "9007199254740992.5",
    "-1e400",
];

fn bits(c: &mut Choices) -> u64 {
    (0..4).fold(0, |bits, _| bits << 16 | c.below(1 << 16) as u64)
}

fn digits(c: &mut Choices, most: usize) -> String {
    let len = 1 + c.below(most);
    (0..len)
        .map(|_| *c.pick(&['0', '1', '2', '5', '8', '9']))
        .collect()
}

fn decimal(c: &mut Choices) -> String {
    match c.weighted(&[3, 4, 2, 2, 1, 3, 3, 2]) {
        0 => (*c.pick(&ODD)).to_owned(),
        // An int of up to 128 bits that lies halfway between two doubles, or right beside that.
        1 => {
            let (bits, shift) = (bits(c) >> 12 | 1 << 52, 1 + c.below(73));
            let half = (u128::from(bits) << shift) + (1 << (shift - 1));
            let beside = half + c.below(3) as u128 - 1;
            let tail = c.pick(&["", ".0", ".000000001", "e0", "e-30", "e-330"]);
            format!("{beside}{tail}")
        }
        // Any double, written out to its last digit, and further.
        2 => {
            let double = f64::from_bits(bits(c));
            if double.abs() < 1e15 {
                format!("{double:.1080}{}", c.pick(&["", "1", "5"]))
            } else {
                format!("{double:.0}{}", c.pick(&["", ".0", ".1"]))
            }
        }
        3 => format!("{:e}", f64::from_bits(bits(c))),
        4 => bits(c).cast_signed().to_string(),
        5 => {
            let sign = c.pick(&["", "-"]);
            let exponent = c.below(700) as i32 - 350;
            format!("{sign}{}.{}e{exponent}", digits(c, 40), digits(c, 40))
        }
        6 => format!("{}.{}", digits(c, 4), digits(c, 4)),
        _ => format!("{}.{}e-3{}", digits(c, 20), digits(c, 20), 10 + c.below(40)),
    }
}

/// A number that is often the same, or the next.
fn beside(c: &mut Choices, text: &str) -> String {
    let nearest = text.parse::<f64>().unwrap_or(0.0);
    match c.below(4) {
        0 => decimal(c),
        1 => format!("{nearest:e}"),
        2 => format!("{:e}", nearest.next_up()),
        _ => format!("{:e}", nearest.next_down()),
    }
}

#[test]
fn every_decimal_is_the_number_that_it_is_in_the_oracle() {
    let (pack, rules) = build(RULES);
    let mut c = Choices::seeded(1);
    let traces: Vec<Trace> = (0..6_000)
        .map(|_| {
            let mut trace = plain_trace(&["a"]);
            for span in &mut trace.spans {
                span.status_message = decimal(&mut c);
                span.scope.name = beside(&mut c, &span.status_message);
                span.scope.version.clone_from(&span.scope.name);
            }
            trace
        })
        .collect();
    let shown: Vec<&Trace> = traces.iter().collect();
    let judged = super::judge(&pack, &[0, 1, 2, 3, 4], &shown, Trim::Nothing);
    for (rule, judged) in judged.iter().enumerate() {
        for (trace, judged) in traces.iter().zip(judged) {
            let expected = rules.judge(rule, trace).unwrap();
            assert_eq!(*judged, expected, "rule {rule} of {:?}", trace.spans);
        }
    }
}
