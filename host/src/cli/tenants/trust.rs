//! `betrace tenants trust` and `distrust`.

use std::{
    io,
    path::{Path, PathBuf},
};

use anyhow::anyhow;

use crate::{
    api::{
        error::ApiError,
        wire::{ChangeTrust, NewKey, TenantView},
    },
    cli::{
        console::Console,
        exit::{Exit, Failure, Outcome},
        keys,
        table::Table,
        target::{Format, TargetArgs},
    },
    signature::PublicKey,
    tenant::KeyName,
};

/// Trust a key's signatures for a tenant, require signatures, or show what is trusted.
///
/// Where signatures are required, rules that are not signed by a trusted key, or were altered since, are refused:
/// published, rolled back to or enabled. What judges already goes on to judge.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  betrace tenants trust acme --key release.key.pub
  betrace tenants trust acme --key audit.key.pub --name auditors --require-signatures
  betrace tenants trust acme --allow-unsigned
  betrace tenants trust acme               show what it trusts")]
pub(super) struct TrustArgs {
    /// The tenant's name.
    #[arg(value_name = "NAME")]
    name: String,
    /// A public key to trust, as `betrace keys new` makes it.
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// What the key is called, in histories too [default: after its file].
    #[arg(long = "name", value_name = "NAME", requires = "key")]
    key_name: Option<String>,
    /// From now on take only what is signed by a trusted key.
    #[arg(long, conflicts_with = "allow_unsigned")]
    require_signatures: bool,
    /// Take unsigned rules too.
    #[arg(long)]
    allow_unsigned: bool,
    /// How to print.
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    output: Format,
    #[command(flatten)]
    target: TargetArgs,
}

/// Trust a key no longer.
///
/// What it had signed and is published goes on to judge: see `betrace rules history`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  betrace tenants distrust acme release")]
pub(super) struct DistrustArgs {
    /// The tenant's name.
    #[arg(value_name = "NAME")]
    name: String,
    /// What the key is called.
    #[arg(value_name = "KEY")]
    key: String,
    /// How to print.
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    output: Format,
    #[command(flatten)]
    target: TargetArgs,
}

pub(super) fn trust(args: &TrustArgs, console: &mut Console) -> Outcome {
    let tenant = super::tenant(&args.name)?;
    let key = args.key.as_ref();
    let key = key.map(|file| new_key(file, args.key_name.as_deref()));
    let request = ChangeTrust {
        add: Vec::from_iter(key.transpose()?),
        remove: Vec::new(),
        requires_signatures: match (args.require_signatures, args.allow_unsigned) {
            (true, _) => Some(true),
            (false, true) => Some(false),
            (false, false) => None,
        },
    };
    let tenants = args.target.make_tenants()?;
    let view = if request == ChangeTrust::default() {
        let mut all = tenants.tenants()?.tenants.into_iter();
        let found = all.find(|view| view.name == tenant.as_str());
        found.ok_or_else(|| ApiError::not_found("tenant", &tenant))?
    } else {
        tenants.change_trust(&tenant, &request)?
    };
    show(&view, args.output, console)
}

pub(super) fn distrust(args: &DistrustArgs, console: &mut Console) -> Outcome {
    let tenant = super::tenant(&args.name)?;
    let request = ChangeTrust {
        remove: vec![args.key.clone()],
        ..ChangeTrust::default()
    };
    let tenants = args.target.open_tenants()?;
    let view = tenants.change_trust(&tenant, &request)?;
    show(&view, args.output, console)
}

fn new_key(file: &Path, name: Option<&str>) -> Result<NewKey, Failure> {
    // Read here, so that a private key that is named by mistake stays here.
    let key = keys::read_public(file)?;
    let name = match name {
        Some(name) => name.to_owned(),
        None => name_after(file, &key)?,
    };
    Ok(NewKey {
        name,
        public_key: key.to_pem(),
    })
}

/// `release.key.pub` holds the key `release`.
fn name_after(file: &Path, key: &PublicKey) -> Result<String, Failure> {
    let file_name = file.file_name().unwrap_or_default().to_string_lossy();
    let first = file_name.split('.').next().unwrap_or_default();
    let name = first.to_ascii_lowercase();
    if KeyName::try_new(&name).is_some() {
        return Ok(name);
    }
    let error = anyhow!(
        "no name can be made of `{}` for the key {}",
        file.display(),
        key.id()
    );
    Err(Failure::usage(error).help("pass --name NAME"))
}

fn show(view: &TenantView, output: Format, console: &mut Console) -> Outcome {
    match output {
        Format::Human => print(view, console)?,
        Format::Json => console.json(&view.trust)?,
        Format::Ndjson => console.json_line(&view.trust)?,
    }
    Ok(Exit::Fine)
}

fn print(view: &TenantView, console: &mut Console) -> io::Result<()> {
    let trust = &view.trust;
    let mut table = Table::new(&["KEY", "ID", "SINCE"]);
    for key in &trust.keys {
        table.row(vec![key.name.clone(), key.id.clone(), key.since.clone()]);
    }
    table.print(console)?;
    console.note(if trust.requires_signatures {
        format!(
            "tenant {} takes only what is signed by one of these keys",
            view.name
        )
    } else if trust.keys.is_empty() {
        format!(
            "tenant {} trusts no key, and takes unsigned rules",
            view.name
        )
    } else {
        format!(
            "tenant {} takes unsigned rules too; --require-signatures ends that",
            view.name
        )
    });
    Ok(())
}
