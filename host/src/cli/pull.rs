//! `betrace pull`.

use std::{fs, path::PathBuf};

use anyhow::Context;

use super::{
    console::Console,
    exit::{Exit, Failure, Outcome},
    oci::{Place, Registry, RegistryArgs},
};

/// Pull a component from an OCI registry, by its tag or its digest.
///
/// What comes is compared with its digests, and is not looked into: `betrace inspect` and `betrace verify` do that.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  betrace pull oci://ghcr.io/acme/hipaa:1.4.0
  betrace pull oci://ghcr.io/acme/hipaa@sha256:9a3f... -o hipaa.wasm
  betrace rules apply oci://ghcr.io/acme/hipaa:1.4.0     publish it without a file")]
pub struct Args {
    /// Where from.
    #[arg(
        value_name = "PLACE",
        help = "Where from: oci://REGISTRY/REPOSITORY:TAG, or ...@sha256:DIGEST"
    )]
    place: String,
    /// Where to write the component [default: REPOSITORY.wasm, here].
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    registry: RegistryArgs,
}

/// Pulls the component.
pub fn run(args: &Args, console: &mut Console) -> Outcome {
    let place = Place::parse(&args.place)?;
    let default = PathBuf::from(format!("{}.wasm", place.name()));
    let output = args.output.as_ref().unwrap_or(&default);
    let pulled = Registry::open(place, &args.registry)?.pull(console)?;
    fs::write(output, &pulled.component)
        .with_context(|| format!("failed to write `{}`", output.display()))
        .map_err(Failure::usage)?;
    console.line(format_args!(
        "{}  {} bytes  {}",
        output.display(),
        pulled.component.len(),
        pulled.pinned
    ))?;
    Ok(Exit::Fine)
}
