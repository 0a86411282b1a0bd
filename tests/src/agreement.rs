//! Whether components say what the oracle says: of generated rules on generated traces.
//!
//! A case that fails is made smaller before it is told: first a pack becomes one of its rules on one trace, then the choices
//! of which both are made become fewer.

use std::{collections::BTreeMap, panic::catch_unwind};

use betrace_dsl::{
    Source, compile,
    oracle::{Judged, Rules, Trace, Verdict},
};

use crate::{
    contract::{Pack, Trim, is_ruled_out, judge, verdict_of},
    generated::{Choices, Rule, pack, rule, shrink, trace},
};

/// How many tries a case is worth that is being made smaller; each compiles a component.
const SHRINK_TRIES: usize = 600;

/// What was compared.
#[derive(Debug, Default)]
pub struct Tally {
    /// Rules that were judged.
    pub rules: usize,
    /// Rules that the compiler refused, and how often with which code.
    pub refused: BTreeMap<&'static str, usize>,
    /// Pairs of a rule and a trace.
    pub pairs: usize,
    /// How many of them have each verdict, in the order of [`Verdict`].
    pub verdicts: [usize; 4],
}

/// Something generated, with the choices that it was made of.
struct Made<T> {
    tape: Vec<u32>,
    of: T,
}

/// How large the packs are.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    /// How many packs.
    pub packs: usize,
    /// How many rules each has.
    pub rules: usize,
    /// On how many traces each is tried.
    pub traces: usize,
}

/// Returns the source that a text is.
pub fn source(text: &str) -> Source<'_> {
    Source {
        name: "generated.btr",
        text: text.as_bytes(),
    }
}

/// Compiles a text and reads it for the oracle.
pub fn build(text: &str) -> (Pack, Rules) {
    let (compiled, diagnostics) = compile(&source(text));
    let errors: Vec<_> = diagnostics
        .iter()
        .filter(|diagnostic| diagnostic.is_error())
        .collect();
    assert!(errors.is_empty(), "{text}\n{errors:?}");
    (
        Pack::load(&compiled.unwrap().component),
        Rules::read(&source(text)).unwrap(),
    )
}

/// Compares generated packs on generated traces, all of them made of `seed`.
///
/// # Panics
///
/// Where the two disagree: with the smallest such rule and trace that was found.
pub fn compare(seed: u64, size: Size) -> Tally {
    let mut tally = Tally::default();
    for n in 0..size.packs as u64 {
        let seed = (seed << 32) + (n << 16);
        let (rules, seeds) = accepted(seed, size.rules, &mut tally);
        let traces: Vec<_> = seeds
            .take(size.traces)
            .map(|seed| {
                let mut choices = Choices::seeded(seed);
                let of = trace(&mut choices);
                Made {
                    tape: choices.into_tape(),
                    of,
                }
            })
            .collect();
        tally.rules += rules.len();
        if let Err(how) = compare_pack(&rules, &traces, &mut tally) {
            explain(seed, &rules, &traces, &how);
        }
    }
    tally
}

/// Makes rules that the compiler accepts, of the seeds from `seed` on; also returns the seeds that are left.
fn accepted(
    seed: u64,
    n: usize,
    tally: &mut Tally,
) -> (Vec<Made<Rule>>, impl Iterator<Item = u64>) {
    let mut seeds = seed..;
    let mut rules = Vec::new();
    for seed in seeds.by_ref() {
        let mut choices = Choices::seeded(seed);
        let of = rule(&mut choices);
        match refusal(&of) {
            None => rules.push(Made {
                tape: choices.into_tape(),
                of,
            }),
            Some(code) => *tally.refused.entry(code).or_default() += 1,
        }
        if rules.len() == n {
            break;
        }
    }
    (rules, seeds)
}

/// Makes so many rules that the compiler accepts.
pub fn made_rules(seed: u64, n: usize) -> Vec<Rule> {
    let (rules, _) = accepted(seed, n, &mut Tally::default());
    rules.into_iter().map(|made| made.of).collect()
}

/// With which code a rule is refused.
fn refusal(rule: &Rule) -> Option<&'static str> {
    let text = pack(std::slice::from_ref(rule));
    let answered = catch_unwind(|| compile(&source(&text)).1);
    let diagnostics = answered.unwrap_or_else(|_| panic!("the compiler panics:\n{text}"));
    let mut errors = diagnostics
        .iter()
        .filter(|diagnostic| diagnostic.is_error());
    errors.next().map(|error| error.code.as_str())
}

fn compare_pack(
    rules: &[Made<Rule>],
    traces: &[Made<Trace>],
    tally: &mut Tally,
) -> Result<(), String> {
    let rules: Vec<Rule> = rules.iter().map(|rule| rule.of.clone()).collect();
    let traces: Vec<&Trace> = traces.iter().map(|trace| &trace.of).collect();
    let text = pack(&rules);
    let (pack, oracle) = catch_unwind(|| build(&text)).map_err(|_| "the compiler".to_owned())?;
    let all: Vec<u32> = (0..rules.len() as u32).collect();
    let of_rule = |rule: usize| -> Vec<Judged> {
        let judged = traces.iter().map(|trace| oracle.judge(rule, trace));
        judged.map(Option::unwrap).collect()
    };
    let expected: Vec<Vec<Judged>> = (0..rules.len()).map(of_rule).collect();
    for judged in expected.iter().flatten() {
        tally.pairs += 1;
        tally.verdicts[judged.verdict as usize] += 1;
    }
    let check = |asked: &[u32], from: usize, to: usize, trim: Trim, how: &str| {
        let judged = judge(&pack, asked, &traces[from..to], trim)?;
        for (rule, judged) in asked.iter().zip(judged) {
            let expected = &expected[*rule as usize][from..to];
            if let Some(trace) = (0..to - from).find(|trace| judged[*trace] != expected[*trace]) {
                return Err(format!(
                    "{how}: rule {rule} on trace {}: expected {:?}, got {:?}",
                    from + trace,
                    expected[trace],
                    judged[trace]
                ));
            }
        }
        Ok(())
    };
    let n = traces.len();
    check(&all, 0, n, Trim::Nothing, "together")?;
    // Batches of many lengths, some of one trace, with the rows left out that these rules have no name for.
    let mut from = 0;
    for len in [1, 3, 2, 17, n] {
        let to = n.min(from + len);
        if from < to {
            check(&all, from, to, Trim::Unnamed, "regrouped")?;
        }
        from = to;
    }
    for rules in [&all[1..2], &all[rules.len() / 2..]] {
        check(
            rules,
            0,
            n,
            Trim::Unnamed,
            "with other rules of the pack unasked",
        )?;
    }
    check_any_of(&pack, &traces, &expected)
}

fn check_any_of(pack: &Pack, traces: &[&Trace], expected: &[Vec<Judged>]) -> Result<(), String> {
    for (rule, expected) in expected.iter().enumerate() {
        let otherwise = verdict_of(pack.rules[rule].otherwise);
        for (trace, expected) in traces.iter().zip(expected) {
            if is_ruled_out(pack, rule, trace) && expected.verdict != otherwise {
                let any_of = &pack.rules[rule].any_of;
                return Err(format!(
                    "rule {rule}: any-of {any_of:?} rules out {trace:#?}"
                ));
            }
        }
    }
    Ok(())
}

/// Tells a failing case, as small as it can be made.
fn explain(seed: u64, rules: &[Made<Rule>], traces: &[Made<Trace>], how: &str) -> ! {
    for made in rules {
        for on in traces {
            if agree(&made.of, &on.of).is_err() {
                let of_rule = |tape: &[u32]| rule(&mut Choices::replayed(tape.to_vec()));
                let of_trace = |tape: &[u32]| trace(&mut Choices::replayed(tape.to_vec()));
                let fails = |rule: &Rule, trace: &Trace| {
                    let is_refused = catch_unwind(|| is_refused(rule));
                    is_refused.is_ok_and(|refused| !refused) && agree(rule, trace).is_err()
                };
                let on = shrink(&on.tape, SHRINK_TRIES, |tape| {
                    fails(&made.of, &of_trace(tape))
                });
                let on = of_trace(&on);
                let made = shrink(&made.tape, SHRINK_TRIES, |tape| fails(&of_rule(tape), &on));
                let made = of_rule(&made);
                let why = agree(&made, &on).err().unwrap_or_default();
                panic!("seed {seed:#x}\n{}\n{on:#?}\n{why}", pack(&[made]));
            }
        }
    }
    let rules: Vec<Rule> = rules.iter().map(|rule| rule.of.clone()).collect();
    panic!("seed {seed:#x}: {how}\nonly in this pack\n{}", pack(&rules));
}

/// Whether the compiler refuses a rule.
pub fn is_refused(rule: &Rule) -> bool {
    refusal(rule).is_some()
}

/// Compares one rule on one trace.
///
/// # Errors
///
/// What each of the two says, where they disagree.
pub fn agree(rule: &Rule, trace: &Trace) -> Result<(), String> {
    let text = pack(std::slice::from_ref(rule));
    let compared = catch_unwind(|| {
        let (pack, oracle) = build(&text);
        let expected = oracle.judge(0, trace).unwrap();
        for trim in [Trim::Nothing, Trim::Unnamed] {
            let judged = judge(&pack, &[0], &[trace], trim)?;
            if judged[0][0] != expected {
                return Err(format!(
                    "expected {expected:?}, got {:?} ({trim:?})",
                    judged[0][0]
                ));
            }
        }
        check_any_of(&pack, &[trace], &[vec![expected]])
    });
    compared.unwrap_or_else(|panic| {
        let said = panic.downcast_ref::<String>().cloned();
        Err(format!("panicked: {}", said.unwrap_or_default()))
    })
}

impl Tally {
    /// How many rules were refused for what they say of those that were made, in percent.
    pub fn refused_percent(&self) -> usize {
        let refused: usize = self.refused.values().sum();
        100 * refused / (refused + self.rules).max(1)
    }

    /// How many pairs have a verdict, in percent.
    pub fn percent_of(&self, verdict: Verdict) -> usize {
        100 * self.verdicts[verdict as usize] / self.pairs.max(1)
    }
}
