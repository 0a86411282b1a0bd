//! Components in OCI registries, as `push`, `pull` and `rules apply` reach them. The only user of oci-client.
//!
//! | step | file |
//! |---|---|
//! | `oci://REGISTRY/REPOSITORY:TAG` to a place | `place` |
//! | who asks: options, or what `docker login` left | `credentials` |
//! | a component to a manifest and its config, and back | `artifact` |
//! | the requests, and what comes of one that fails | `transfer`, `failure` |
//!
//! The form is that of CNCF TAG-runtime's "Wasm OCI Artifact layout", as `wkg` and containerd's shims read it. What the
//! component means is not known here.

mod artifact;
mod credentials;
mod failure;
mod place;
mod transfer;

pub(super) use place::Place;
pub(super) use transfer::{Pulled, Registry};

/// How a registry is spoken to.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Registry")]
pub(super) struct RegistryArgs {
    /// Who asks the registry [default: as `docker login` left it].
    #[arg(long, value_name = "NAME", requires = "password_stdin")]
    username: Option<String>,
    /// Read the password from standard input.
    #[arg(long, requires = "username")]
    password_stdin: bool,
    /// Speak to the registry in the clear; one on this machine's loopback is spoken to so anyway.
    #[arg(long)]
    plain_http: bool,
}
