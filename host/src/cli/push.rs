//! `betrace push`.

use std::path::PathBuf;

use anyhow::Context;

use super::{
    console::Console,
    exit::{Exit, Failure, Outcome},
    oci::{Place, Registry, RegistryArgs},
    packs,
    target::one_shot_sandbox,
};

/// Push a component to an OCI registry.
///
/// What a server would not load is not pushed. The digest that is printed is what it can be pulled by, and is the same
/// whoever pushes the component when.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The artifact is that of the WebAssembly OCI convention, which `wkg` and others pull:
config application/vnd.wasm.config.v0+json, layer application/wasm.

Examples:
  betrace push hipaa.wasm oci://ghcr.io/acme/hipaa:1.4.0
  betrace push hipaa.wasm oci://localhost:5000/hipaa:latest
  echo $PASSWORD | betrace push hipaa.wasm oci://ghcr.io/acme/hipaa:1.4.0 --username ci --password-stdin")]
pub struct Args {
    /// The component (.wasm).
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Where to.
    #[arg(value_name = "PLACE", help = "Where to: oci://REGISTRY/REPOSITORY:TAG")]
    place: String,
    #[command(flatten)]
    registry: RegistryArgs,
}

/// Pushes the component.
pub fn run(args: &Args, console: &mut Console) -> Outcome {
    let place = Place::parse(&args.place)?;
    let component = packs::read_file(&args.file)?;
    one_shot_sandbox()?
        .load(&component)
        .with_context(|| format!("`{}` would not be loaded", args.file.display()))
        .map_err(Failure::wrong)?;
    let registry = Registry::open(place, &args.registry)?;
    let pinned = registry.push(&component, console)?;
    console.line(pinned)?;
    Ok(Exit::Fine)
}
