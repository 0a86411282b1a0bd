//! An explanation for people.

use std::io;

use super::report::{PieceView, Report};
use crate::{
    cli::{
        console::{Console, Paint},
        spans,
        table::{counted, one_line},
    },
    verdict::{Verdict, WITNESSES_MAX},
};

/// How many spans of a part are named.
const SPANS_SHOWN_MAX: usize = 8;

pub(super) fn print(report: &Report, console: &mut Console) -> io::Result<()> {
    let paint = console.paint();
    let word = match report.verdict {
        Verdict::Violated => paint.red(report.verdict.name()),
        Verdict::Held => paint.green(report.verdict.name()),
        Verdict::Inconclusive => paint.yellow(report.verdict.name()),
        Verdict::NotApplicable => paint.bold(report.verdict.name()),
    };
    let why = report.clause.or(report.reason);
    let why = why.map_or_else(String::new, |why| format!(" ({why})"));
    console.line(format_args!("{}: {word}{why}", paint.bold(&report.rule)))?;
    if let Some(message) = &report.message {
        console.line(format_args!("  {}", one_line(message)))?;
    }
    if let Some(unexplained) = &report.unexplained {
        console.line(format_args!("  {unexplained}"))?;
    }
    if !report.clauses.is_empty() {
        console.line("")?;
    }
    for clause in &report.clauses {
        print_piece(clause, 0, paint, console)?;
    }
    console.line(format_args!(
        "\n{}",
        paint.bold(format_args!("trace {}", report.trace_id))
    ))?;
    for missing in &report.missing {
        console.line(format_args!("  {} {missing}", paint.yellow("incomplete:")))?;
    }
    for line in spans::lines(&report.trace, paint) {
        console.line(line)?;
    }
    Ok(())
}

fn print_piece(
    piece: &PieceView,
    depth: usize,
    paint: Paint,
    console: &mut Console,
) -> io::Result<()> {
    let indent = depth * 2;
    let mark = match piece.truth {
        Some(true) => paint.green('\u{2713}'),
        Some(false) => paint.red('\u{2717}'),
        None => paint.yellow('?'),
    };
    let role = match piece.role {
        "operand" => String::new(),
        "set" => "spans ".to_owned(),
        "unfiltered" => "all ".to_owned(),
        "passing" => "where ".to_owned(),
        role => format!("{role} "),
    };
    let spans = match piece.spans.as_slice() {
        [] if piece.role == "set" && piece.truth == Some(false) => "  none".to_owned(),
        [] => String::new(),
        // How many there are is what a count is about.
        spans if piece.role == "set" => {
            let more = if spans.len() >= WITNESSES_MAX {
                " or more"
            } else {
                ""
            };
            let n_spans = counted(spans.len() as u64, "span");
            format!(
                "  {}",
                paint.dim(format_args!("{n_spans}{more}: {}", listed(spans)))
            )
        }
        spans => format!("  {}", paint.dim(listed(spans))),
    };
    let text = one_line(&piece.text);
    console.line(format_args!(
        "{:indent$}{mark} {}{text}{spans}",
        "",
        paint.dim(role)
    ))?;
    if !piece.broken_by.is_empty() {
        let spans = listed(&piece.broken_by);
        console.line(format_args!("{:indent$}    broken by {spans}", ""))?;
    }
    if let Some(closest) = &piece.closest {
        let fails: Vec<String> = closest.fails.iter().map(|text| one_line(text)).collect();
        console.line(format_args!(
            "{:indent$}    closest: {}, which fails {}",
            "",
            closest.span,
            fails.join(", ")
        ))?;
    }
    let shown = piece.parts.iter().filter(|part| is_telling(piece, part));
    for part in shown {
        print_piece(part, depth + 1, paint, console)?;
    }
    Ok(())
}

/// Whether a part says more than the line above it: how a set is chosen where it is empty, and what is so instead of what
/// is not.
fn is_telling(piece: &PieceView, part: &PieceView) -> bool {
    match part.role {
        "unfiltered" | "passing" => piece.truth != Some(true),
        "instead" => piece.truth != Some(true) && part.truth == Some(true),
        _role => true,
    }
}

fn listed(spans: &[String]) -> String {
    let shown: Vec<&str> = spans
        .iter()
        .map(String::as_str)
        .take(SPANS_SHOWN_MAX)
        .collect();
    let more = if spans.len() > SPANS_SHOWN_MAX {
        " ..."
    } else {
        ""
    };
    format!("{}{more}", shown.join(" "))
}
