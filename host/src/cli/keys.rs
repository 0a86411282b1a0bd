//! `betrace keys`, and key files as other commands name them.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use anyhow::Context;
use clap::Subcommand;

use super::{
    console::Console,
    exit::{Exit, Failure, Outcome},
};
use crate::signature::{PublicKey, SecretKey};

/// The largest file that is read as a key.
const KEY_FILE_BYTES_MAX: u64 = 64 << 10;

/// Make keys to sign components with, and show the public ones.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Keys are Ed25519 in PEM (PKCS #8), as `openssl genpkey -algorithm ed25519` makes them too.

Examples:
  betrace keys new release.key           release.key to sign with, release.key.pub for who checks
  betrace keys show release.key          the public key of it")]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    New(NewArgs),
    Show(ShowArgs),
}

/// Make a key: a private one that only you can read, and a public one beside it.
///
/// No file is overwritten. Whoever has the private key signs as you.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  betrace keys new release.key
  betrace tenants trust acme --key release.key.pub --require-signatures")]
pub struct NewArgs {
    /// Where to write the private key; the public one is written to FILE.pub.
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// Show the public key of a private or a public one, and its id.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  betrace keys show release.key > release.key.pub")]
pub struct ShowArgs {
    /// The key.
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// Runs the subcommand.
pub fn run(args: &Args, console: &mut Console) -> Outcome {
    match &args.command {
        Command::New(args) => make(args, console),
        Command::Show(args) => show(args, console),
    }
}

fn make(args: &NewArgs, console: &mut Console) -> Outcome {
    let (key, text) = SecretKey::generate()
        .context("failed to make a key")
        .map_err(Failure::usage)?;
    let mut public = args.file.clone().into_os_string();
    public.push(".pub");
    let public = PathBuf::from(public);
    write_new(&args.file, &text, Readers::Owner)?;
    write_new(&public, &key.public().to_pem(), Readers::All)?;
    console.line(format_args!(
        "{}  the key {}; {} is for who checks",
        args.file.display(),
        key.public().id(),
        public.display()
    ))?;
    Ok(Exit::Fine)
}

fn show(args: &ShowArgs, console: &mut Console) -> Outcome {
    let text = read_text(&args.file)?;
    let public = match SecretKey::from_pem(&text) {
        Ok(key) => key.public(),
        Err(_) => public_of(&args.file, &text)?,
    };
    console.note(format_args!("the key {}", public.id()));
    for line in public.to_pem().lines() {
        console.line(line)?;
    }
    Ok(Exit::Fine)
}

/// Reads a file of a public key.
pub(super) fn read_public(file: &Path) -> Result<PublicKey, Failure> {
    public_of(file, &read_text(file)?)
}

/// Reads a file of a private key.
pub(super) fn read_secret(file: &Path) -> Result<SecretKey, Failure> {
    SecretKey::from_pem(&read_text(file)?)
        .with_context(|| format!("failed to use `{}`", file.display()))
        .map_err(|error| Failure::wrong(error).help("make one with `betrace keys new FILE`"))
}

fn public_of(file: &Path, text: &str) -> Result<PublicKey, Failure> {
    PublicKey::from_pem(text)
        .with_context(|| format!("failed to use `{}`", file.display()))
        .map_err(|error| {
            Failure::wrong(error)
                .help("`betrace keys show FILE` shows the public key of a private one")
        })
}

fn read_text(file: &Path) -> Result<String, Failure> {
    let read = fs::File::open(file).and_then(|file| {
        let mut text = String::new();
        std::io::Read::read_to_string(
            &mut std::io::Read::take(file, KEY_FILE_BYTES_MAX),
            &mut text,
        )?;
        Ok(text)
    });
    read.with_context(|| format!("failed to read `{}`", file.display()))
        .map_err(Failure::wrong)
}

/// Who may read a file.
#[derive(Clone, Copy)]
enum Readers {
    Owner,
    All,
}

/// Writes a file that is not there yet. A key that is overwritten is lost.
fn write_new(file: &Path, text: &str, readers: Readers) -> Result<(), Failure> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(match readers {
            Readers::Owner => 0o600,
            Readers::All => 0o644,
        });
    }
    #[cfg(not(unix))]
    let _whoever_reads_the_folder = readers;
    options
        .open(file)
        .and_then(|mut opened| opened.write_all(text.as_bytes()))
        .with_context(|| format!("failed to write `{}`", file.display()))
        .map_err(Failure::usage)
}
