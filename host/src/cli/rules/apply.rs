//! `betrace rules apply`.

use super::ApplyArgs;
use crate::{
    api::wire::{AppliedChange, ApplyRequest},
    cli::{
        console::Console,
        exit::{Exit, Outcome},
        packs,
        table::Table,
        target::Format,
    },
};

pub(super) fn run(args: &ApplyArgs, console: &mut Console) -> Outcome {
    let packs = packs::read(&args.paths, args.deny, console)?;
    let report = args
        .target
        .open_or_make()?
        .operations()
        .apply(&ApplyRequest {
            packs,
            dry_run: args.dry_run,
            take_over: args.take_over,
        })?;
    match args.output {
        Format::Json => console.json(&report)?,
        Format::Ndjson => report
            .rules
            .iter()
            .try_for_each(|rule| console.json_line(rule))?,
        Format::Human => {
            let mut table = Table::new(&["ID", "VERSION", "CHANGE", "DIGEST"]);
            for rule in &report.rules {
                let change = match rule.change {
                    AppliedChange::Added => "added",
                    AppliedChange::Updated => "updated",
                    AppliedChange::Unchanged => "unchanged",
                };
                table.row(vec![
                    rule.id.clone(),
                    rule.version.to_string(),
                    change.to_owned(),
                    rule.digest.clone(),
                ]);
            }
            table.print(console)?;
            if report.dry_run {
                console.note("dry run: nothing was published");
            }
        }
    }
    Ok(Exit::Fine)
}
