//! `betrace tenants list`, and the limits of one.

use std::io;

use super::ListArgs;
use crate::{
    api::wire::{TenantList, TenantView, TokenView},
    cli::{
        console::Console,
        exit::{Exit, Outcome},
        table::Table,
        target::Format,
    },
    tenant::Limit,
};

pub(super) fn list(args: &ListArgs, console: &mut Console) -> Outcome {
    let list = args.target.open_tenants()?.tenants()?;
    match args.output {
        Format::Human => print(&list, console)?,
        Format::Json => console.json(&list)?,
        Format::Ndjson => {
            let mut tenants = list.tenants.iter();
            tenants.try_for_each(|tenant| console.json_line(tenant))?;
        }
    }
    Ok(Exit::Fine)
}

fn print(list: &TenantList, console: &mut Console) -> io::Result<()> {
    let mut table = Table::new(&["TENANT", "SINCE", "STORED", "TOKENS"]);
    for tenant in &list.tenants {
        table.row(vec![
            tenant.name.clone(),
            tenant.since.clone(),
            format!("{} B", tenant.stored_bytes),
            tokens(&tenant.tokens),
        ]);
    }
    table.print(console)?;
    if list.tenants.is_empty() {
        console.note("there are no tenants; create one with `betrace tenants create NAME`");
    }
    if !list.admin_tokens.is_empty() {
        let tokens = tokens(&list.admin_tokens);
        console.note(format_args!("tokens of operators: {tokens}"));
    }
    Ok(())
}

fn tokens(tokens: &[TokenView]) -> String {
    let each = tokens.iter().map(|token| match &token.expires {
        None => token.name.clone(),
        Some(expires) => format!("{} (until {expires})", token.name),
    });
    let all: Vec<String> = each.collect();
    if all.is_empty() {
        "none".to_owned()
    } else {
        all.join(", ")
    }
}

pub(super) fn print_limits(tenant: &TenantView, console: &mut Console) -> io::Result<()> {
    let mut table = Table::new(&["LIMIT", "MOST"]);
    for limit in Limit::ALL {
        let value = tenant.limits.get(&limit).copied().flatten();
        let unit = if limit.is_age() { " s" } else { "" };
        let value = value.map_or_else(|| "unlimited".to_owned(), |value| format!("{value}{unit}"));
        table.row(vec![limit.name().replace('_', "-"), value]);
    }
    table.print(console)
}
