//! `betrace check --fix`: the edits that the compiler is sure of, made.

use std::{fs, path::Path};

use anyhow::Context;
use betrace_dsl::{Diagnostic, Fix, Source, check};

use crate::cli::exit::Failure;

/// How often a source is mended and checked again: a mended mistake may have hidden another.
const PASSES_MAX: usize = 8;

/// Mends a file's text, and writes it where that changed it. Returns the text, and how many edits were made.
pub(super) fn file(path: &Path, name: &str, text: Vec<u8>) -> Result<(Vec<u8>, usize), Failure> {
    let (mended, n_edits) = text_of(name, text);
    if n_edits > 0 {
        fs::write(path, &mended)
            .with_context(|| format!("failed to write `{}`", path.display()))
            .map_err(Failure::usage)?;
    }
    Ok((mended, n_edits))
}

/// Applies what can be applied, as long as that leaves less to say: an edit that makes matters worse is not kept.
fn text_of(name: &str, mut text: Vec<u8>) -> (Vec<u8>, usize) {
    let mut n_edits = 0;
    let mut diagnostics = check(&Source { name, text: &text });
    for _pass in 0..PASSES_MAX {
        let fixes = apart(&diagnostics);
        if fixes.is_empty() {
            break;
        }
        let mended = apply(&text, &fixes);
        let after = check(&Source {
            name,
            text: &mended,
        });
        let fixable = |diagnostics: &[Diagnostic]| {
            let with_fix = diagnostics.iter().filter(|said| said.fix.is_some());
            with_fix.count()
        };
        if fixable(&after) >= fixable(&diagnostics) && after.len() >= diagnostics.len() {
            break;
        }
        n_edits += fixes.len();
        (text, diagnostics) = (mended, after);
    }
    (text, n_edits)
}

/// Returns the fixes in order, without any that touch one another.
fn apart(diagnostics: &[Diagnostic]) -> Vec<&Fix> {
    let mut fixes: Vec<&Fix> = diagnostics
        .iter()
        .filter_map(|said| said.fix.as_ref())
        .collect();
    fixes.sort_by_key(|fix| (fix.span, fix.replacement.as_str()));
    fixes.dedup();
    let touches = |a: &Fix, b: &Fix| a.span.start <= b.span.end && b.span.start <= a.span.end;
    fixes
        .iter()
        .enumerate()
        .filter(|(at, fix)| {
            let mut others = fixes.iter().enumerate().filter(|(other, _)| other != at);
            !others.any(|(_, other)| touches(fix, other))
        })
        .map(|(_, fix)| *fix)
        .collect()
}

fn apply(text: &[u8], fixes: &[&Fix]) -> Vec<u8> {
    let mut mended = Vec::with_capacity(text.len());
    let mut done = 0;
    for fix in fixes {
        let kept = text.get(done..fix.span.start as usize);
        mended.extend_from_slice(kept.unwrap_or_default());
        mended.extend_from_slice(fix.replacement.as_bytes());
        done = fix.span.end as usize;
    }
    mended.extend_from_slice(text.get(done..).unwrap_or_default());
    mended
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mended(text: &str) -> (String, usize) {
        let (text, n_edits) = text_of("x.btr", text.as_bytes().to_vec());
        (String::from_utf8(text).unwrap(), n_edits)
    }

    #[test]
    fn what_is_sure_is_mended_and_the_rest_left() {
        assert_eq!(
            mended(
                "a.where(span:durration > 5s) && b.where(span:status == eror) and c.where(x > y)"
            ),
            (
                "a.where(span:duration > 5s) and b.where(span:status == error) and c.where(x > y)"
                    .to_owned(),
                3
            )
        );
        let fine = "a and not b";
        assert_eq!(mended(fine), (fine.to_owned(), 0));
    }

    #[test]
    fn fixes_that_touch_are_not_applied() {
        let source = Source {
            name: "x.btr",
            text: b"a && b",
        };
        let mut diagnostics = check(&source);
        assert_eq!(apart(&diagnostics).len(), 1);
        let mut other = diagnostics[0].clone();
        other.fix.as_mut().unwrap().replacement = "or".to_owned();
        diagnostics.push(other);
        assert_eq!(apart(&diagnostics), Vec::<&Fix>::new());
    }
}
