//! Who asks a registry.

use std::{env, fs, io, path::PathBuf};

use anyhow::{Context, anyhow};
use docker_credential::{CredentialRetrievalError, DockerCredential};
use oci_client::secrets::RegistryAuth;

use super::{Place, RegistryArgs};
use crate::cli::exit::Failure;

/// Returns what the options say, else what `docker login` left for the registry, else nobody's.
pub(super) fn credentials(place: &Place, args: &RegistryArgs) -> Result<RegistryAuth, Failure> {
    if let Some(username) = &args.username {
        return Ok(RegistryAuth::Basic(username.clone(), read_password()?));
    }
    let registry = place.reference.resolve_registry();
    let Some(config) = docker_config() else {
        return Ok(RegistryAuth::Anonymous);
    };
    match docker_credential::get_credential_from_reader(config, registry) {
        Ok(DockerCredential::UsernamePassword(username, password)) => {
            Ok(RegistryAuth::Basic(username, password))
        }
        Ok(DockerCredential::IdentityToken(_)) => Err(unusable(
            registry,
            anyhow!("it is an identity token, which only docker itself can trade in"),
        )),
        Err(CredentialRetrievalError::NoCredentialConfigured) => Ok(RegistryAuth::Anonymous),
        Err(error) => Err(unusable(
            registry,
            anyhow!(error.to_string().trim().to_owned()),
        )),
    }
}

/// Opens the file that `docker login` writes; none where there is none, or nothing that may be read.
fn docker_config() -> Option<fs::File> {
    let at_home = || Some(PathBuf::from(env::var_os("HOME")?).join(".docker"));
    let folder = env::var_os("DOCKER_CONFIG").map(PathBuf::from);
    let folder = folder.or_else(at_home)?;
    fs::File::open(folder.join("config.json")).ok()
}

fn unusable(registry: &str, error: anyhow::Error) -> Failure {
    let error = error.context(format!(
        "failed to use what docker has to log in to `{registry}`"
    ));
    Failure::usage(error).help("pass --username NAME and --password-stdin")
}

fn read_password() -> Result<String, Failure> {
    let mut line = String::new();
    io::stdin()
        .read_line(&mut line)
        .context("failed to read the password")
        .map_err(Failure::usage)?;
    let password = line.trim_end_matches(['\r', '\n']);
    if password.is_empty() {
        return Err(Failure::usage(anyhow!(
            "there is no password on standard input"
        )));
    }
    Ok(password.to_owned())
}
