//! The questions of the bench over the columns of a block, in Rust: what judging is measured against.
//!
//! This is the limit, not a judge: it answers the bench's questions alone, over its own complete traces, and the bench
//! ends where its counts are not those of the sandboxed rules.

use crate::{
    block::{AttributeColumn, AttributeScope, Block, BlockError, NONE, kind},
    verdict::Verdict,
};

use super::{
    question::{Question, Variant},
    traces::ROLES,
};

/// Traces by the number of their verdict.
pub(super) type Counts = [u64; 4];

/// A symbol that no text of the block has.
const NO_SYMBOL: u32 = u32::MAX;

/// Counts the verdicts of a question on a block.
pub(super) fn counts(question: Question, block: &Block) -> Result<Counts, BlockError> {
    match question {
        Question::Rare => {
            let rows = Numbers::of(block, "db.rows")?;
            filtered_and_not(block, "records.export", "audit.log", |row| {
                rows.get(row).is_some_and(|rows| rows >= 100)
            })
        }
        Question::Common => role_without_audit(block, 0),
        Question::Structure => {
            let (names, parents) = (block.names()?, block.parents()?);
            let server = symbol(block, "http.server")?;
            every(block, "phi.access", |row| {
                let parent = parents.get(row).filter(|parent| **parent != NONE);
                parent.and_then(|parent| names.get(*parent as usize)) == Some(&server)
            })
        }
        Question::Order => order(block),
        Question::Aggregate => {
            let rows = Numbers::of(block, "db.rows")?;
            let (names, query) = (block.names()?, symbol(block, "db.query")?);
            tally(block, |start, end| {
                let queries = named(names, query, start, end);
                let sum: i64 = queries.filter_map(|row| rows.get(row)).sum();
                violated_if(sum > 3_000)
            })
        }
        Question::Regex => regex(block),
        Question::Count => {
            let (names, query) = (block.names()?, symbol(block, "db.query")?);
            tally(block, |start, end| {
                violated_if(named(names, query, start, end).count() < 4)
            })
        }
        Question::Slow => {
            let durations = block.durations()?;
            filtered_and_not(block, "http.server", "cache.get", |row| {
                durations
                    .get(row)
                    .is_some_and(|duration| *duration > 19_000_000)
            })
        }
        Question::Under => {
            let (names, parents) = (block.names()?, block.parents()?);
            let client = symbol(block, "http.client")?;
            every(block, "queue.publish", |row| {
                let mut parent = parents.get(row).copied().unwrap_or(NONE);
                // Parents are never cyclic.
                while parent != NONE && names.get(parent as usize) != Some(&client) {
                    parent = parents.get(parent as usize).copied().unwrap_or(NONE);
                }
                parent != NONE
            })
        }
        Question::Any => {
            let rows = Numbers::of(block, "db.rows")?;
            tally(block, |start, end| {
                let mut all = (start..end).filter_map(|row| rows.get(row));
                violated_if(all.any(|rows| rows > 995))
            })
        }
    }
}

/// Counts the verdicts of a variant on a block.
pub(super) fn variant_counts(variant: Variant, block: &Block) -> Result<Counts, BlockError> {
    match variant {
        Variant::Role(role) => role_without_audit(block, role),
        Variant::Rows(least) => {
            let rows = Numbers::of(block, "db.rows")?;
            filtered_and_not(block, "phi.access", "audit.log", |row| {
                rows.get(row).is_some_and(|rows| rows >= least as i64)
            })
        }
    }
}

fn role_without_audit(block: &Block, role: usize) -> Result<Counts, BlockError> {
    let role = symbol(block, ROLES.get(role).copied().unwrap_or_default())?;
    let roles = Cells::of(block, "user.role")?;
    filtered_and_not(block, "phi.access", "audit.log", |row| {
        roles.get(row) == Some((kind::STRING, u64::from(role)))
    })
}

/// `NAME.where(filter) and not ABSENT`.
fn filtered_and_not(
    block: &Block,
    name: &str,
    absent: &str,
    filter: impl Fn(usize) -> bool,
) -> Result<Counts, BlockError> {
    let names = block.names()?;
    let (wanted, absent) = (symbol(block, name)?, symbol(block, absent)?);
    tally(block, |start, end| {
        let (mut is_there, mut is_excused) = (false, false);
        let of_trace = names.get(start..end).unwrap_or_default();
        for (row, name) in (start..).zip(of_trace) {
            is_excused |= *name == absent;
            if *name == wanted {
                is_there |= filter(row);
            }
        }
        match (is_there, is_excused) {
            (true, false) => Verdict::Violated,
            (true, true) => Verdict::Held,
            (false, _) => Verdict::NotApplicable,
        }
    })
}

/// `when { NAME } always { every NAME ... }`.
fn every(block: &Block, name: &str, holds: impl Fn(usize) -> bool) -> Result<Counts, BlockError> {
    let (names, wanted) = (block.names()?, symbol(block, name)?);
    tally(block, |start, end| {
        let mut verdict = Verdict::NotApplicable;
        for row in named(names, wanted, start, end) {
            if !holds(row) {
                return Verdict::Violated;
            }
            verdict = Verdict::Held;
        }
        verdict
    })
}

/// Every read of records comes after some check has ended.
fn order(block: &Block) -> Result<Counts, BlockError> {
    let (names, starts, ends) = (block.names()?, block.starts()?, block.ends()?);
    let (access, check) = (symbol(block, "phi.access")?, symbol(block, "auth.check")?);
    tally(block, |start, end| {
        let (mut first_access, mut first_check) = (None, u64::MAX);
        let of_trace = names.get(start..end).unwrap_or_default();
        for (row, name) in (start..).zip(of_trace) {
            if *name == access && first_access.is_none() {
                // Rows ascend by start.
                first_access = starts.get(row).copied();
            }
            if *name == check {
                first_check = first_check.min(ends.get(row).copied().unwrap_or(u64::MAX));
            }
        }
        match first_access {
            None => Verdict::NotApplicable,
            Some(access) if first_check <= access => Verdict::Held,
            Some(_) => Verdict::Violated,
        }
    })
}

/// A route of the administration, matched by hand once for each text.
fn regex(block: &Block) -> Result<Counts, BlockError> {
    let (names, strings) = (block.names()?, block.strings()?);
    let server = symbol(block, "http.server")?;
    let routes = Cells::of(block, "http.route")?;
    let mut known: Vec<Option<bool>> = vec![None; strings.len() as usize];
    let mut matches = |symbol: u64| -> Result<bool, BlockError> {
        let Some(known) = known.get_mut(symbol as usize) else {
            return Ok(false);
        };
        if let Some(matches) = *known {
            return Ok(matches);
        }
        let matches = is_admin(strings.get(symbol as u32)?);
        *known = Some(matches);
        Ok(matches)
    };
    let mut counts = [0; 4];
    let mut start = 0;
    for &end in block.trace_ends()? {
        let mut verdict = Verdict::NotApplicable;
        for row in named(names, server, start, end as usize) {
            let is_text = routes.get(row).filter(|(kind, _)| *kind == kind::STRING);
            let found = match is_text {
                Some((_, symbol)) => matches(symbol)?,
                None => false,
            };
            if found {
                verdict = Verdict::Violated;
            } else if verdict == Verdict::NotApplicable {
                verdict = Verdict::Held;
            }
        }
        count(&mut counts, verdict);
        start = end as usize;
    }
    Ok(counts)
}

/// `^/api/v[0-9]+/admin/[789]$`
fn is_admin(route: &str) -> bool {
    let Some(version) = route.strip_prefix("/api/v") else {
        return false;
    };
    let rest = version.trim_start_matches(|c: char| c.is_ascii_digit());
    rest.len() < version.len() && ["/admin/7", "/admin/8", "/admin/9"].contains(&rest)
}

fn violated_if(condition: bool) -> Verdict {
    if condition {
        Verdict::Violated
    } else {
        Verdict::Held
    }
}

/// The rows of a trace that have a name.
fn named(names: &[u32], name: u32, start: usize, end: usize) -> impl Iterator<Item = usize> + '_ {
    let of_trace = names.get(start..end).unwrap_or_default();
    let rows = (start..).zip(of_trace);
    rows.filter(move |(_, of_row)| **of_row == name)
        .map(|(row, _)| row)
}

fn tally(block: &Block, verdict: impl Fn(usize, usize) -> Verdict) -> Result<Counts, BlockError> {
    let mut counts = [0; 4];
    let mut start = 0;
    for &end in block.trace_ends()? {
        count(&mut counts, verdict(start, end as usize));
        start = end as usize;
    }
    Ok(counts)
}

fn count(counts: &mut Counts, verdict: Verdict) {
    if let Some(count) = counts.get_mut(verdict as usize) {
        *count += 1;
    }
}

fn symbol(block: &Block, text: &str) -> Result<u32, BlockError> {
    Ok(block.strings()?.lookup(text)?.unwrap_or(NO_SYMBOL))
}

/// An attribute of spans, which nearly all of them have.
struct Cells<'a> {
    column: Option<&'a AttributeColumn>,
    is_dense: bool,
}

impl<'a> Cells<'a> {
    fn of(block: &'a Block, key: &str) -> Result<Self, BlockError> {
        let column = block.attribute(AttributeScope::Span, key)?;
        let n_spans = block.meta().n_spans as usize;
        Ok(Self {
            column,
            is_dense: column.is_some_and(|column| column.rows.len() == n_spans),
        })
    }

    fn get(&self, row: usize) -> Option<(u8, u64)> {
        let column = self.column?;
        if self.is_dense {
            return Some((*column.kinds.get(row)?, *column.values.get(row)?));
        }
        column.get(row as u32)
    }
}

/// An attribute of which the ints are read.
struct Numbers<'a>(Cells<'a>);

impl<'a> Numbers<'a> {
    fn of(block: &'a Block, key: &str) -> Result<Self, BlockError> {
        Cells::of(block, key).map(Self)
    }

    fn get(&self, row: usize) -> Option<i64> {
        let (kind, value) = self.0.get(row)?;
        (kind == kind::INT).then_some(value.cast_signed())
    }
}
