//! `betrace sign` and `betrace verify`.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context;

use super::{
    console::Console,
    exit::{Exit, Failure, Outcome},
    keys, packs,
};
use crate::signature::{self, PublicKey, SignatureError};

/// Sign a component: the signature becomes a part of the file.
///
/// Signatures that it has stay. A signed component is loaded by every host, and its digest is another.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The format is that of the WebAssembly tool conventions: `wasmsign2 verify` checks it too.

Examples:
  betrace keys new release.key
  betrace sign hipaa.wasm --key release.key
  betrace sign hipaa.wasm --key release.key -o hipaa-signed.wasm")]
pub struct SignArgs {
    /// The component (.wasm).
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The private key.
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// Where to write the signed component [default: FILE itself].
    #[arg(short, long, value_name = "OUT.wasm")]
    output: Option<PathBuf>,
}

/// Check by whom a component is signed.
///
/// All of it must be signed, by one of the keys at least.
///
/// Exit status: 0 it is; 2 it is not signed, or by others, or was altered.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  betrace verify hipaa.wasm --key release.key.pub
  betrace verify hipaa.wasm --key release.key.pub --key audit.key.pub")]
pub struct VerifyArgs {
    /// The component (.wasm).
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// A public key; may be given several times.
    #[arg(long, required = true, value_name = "FILE")]
    key: Vec<PathBuf>,
}

/// Signs the component.
pub fn sign(args: &SignArgs, console: &mut Console) -> Outcome {
    let key = keys::read_secret(&args.key)?;
    let component = packs::read_file(&args.file)?;
    let signed =
        signature::sign(&component, &key).map_err(|error| failed("sign", &args.file, error))?;
    let output = args.output.as_ref().unwrap_or(&args.file);
    fs::write(output, &signed)
        .with_context(|| format!("failed to write `{}`", output.display()))
        .map_err(Failure::usage)?;
    let by = key.public().id();
    console.line(format_args!("{}  signed by the key {by}", output.display()))?;
    Ok(Exit::Fine)
}

/// A public key, and the file it is from.
struct KeyFile<'a> {
    file: &'a Path,
    key: PublicKey,
}

impl AsRef<PublicKey> for KeyFile<'_> {
    fn as_ref(&self) -> &PublicKey {
        &self.key
    }
}

/// Checks the component's signatures.
pub fn verify(args: &VerifyArgs, console: &mut Console) -> Outcome {
    let keys = args.key.iter().map(|file| {
        let key = keys::read_public(file)?;
        Ok(KeyFile { file, key })
    });
    let keys = keys.collect::<Result<Vec<_>, Failure>>()?;
    let component = packs::read_file(&args.file)?;
    let signers = signature::signers(&component, &keys)
        .map_err(|error| failed("verify", &args.file, error))?;
    for signer in signers {
        console.line(format_args!(
            "{}  signed by the key {} ({})",
            args.file.display(),
            signer.key.id(),
            signer.file.display()
        ))?;
    }
    Ok(Exit::Fine)
}

fn failed(doing: &str, file: &Path, error: SignatureError) -> Failure {
    let help = match error {
        SignatureError::NotWasm => {
            Some("make a component with `betrace compile` or `betrace build`")
        }
        SignatureError::Unsigned => Some("sign it with `betrace sign FILE --key PRIVATE_KEY`"),
        SignatureError::Altered => Some("build it again, and sign that"),
        SignatureError::Malformed { .. } | SignatureError::Stranger { .. } => None,
    };
    let error =
        anyhow::Error::new(error).context(format!("failed to {doing} `{}`", file.display()));
    let failure = Failure::wrong(error);
    match help {
        Some(help) => failure.help(help),
        None => failure,
    }
}
