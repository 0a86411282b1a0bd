//! `betrace lsp`: what editors ask of rules, over the Language Server Protocol 3.17.
//!
//! One thread reads messages, and this one answers them in order. Diagnostics are worked out when nothing is waiting to be
//! answered, so that of many changes in a row only the last is checked. All that it knows is the text that the editor
//! sends: it opens no file and asks no server.

use std::{collections::BTreeMap, io, thread};

use anyhow::anyhow;
use crossbeam_channel::{Receiver, TryRecvError, bounded};

use super::{
    console::Console,
    exit::{Exit, Failure, Outcome},
};
use document::Document;
use server::Server;
use wire::Incoming;

mod answer;
mod complete;
mod diagnose;
mod document;
mod position;
mod server;
mod wire;

/// How many messages wait at most before the reader waits too.
const WAITING_MAX: usize = 64;

/// Answer an editor about rules, over standard input and output.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
An editor starts this itself, and speaks the Language Server Protocol with it: mistakes as they are
made, with their fixes; what a word means; what can be written next; the layout of `betrace fmt`.
How to tell your editor: examples/editors/README.md.

Examples:
  betrace lsp")]
pub struct Args {
    /// What many editors add by themselves: standard input and output, which is all there is.
    #[arg(long)]
    stdio: bool,
}

/// Answers until the editor says `exit`, or has gone.
pub fn run(args: &Args, _console: &mut Console) -> Outcome {
    let Args { stdio: _ } = args;
    let (sender, receiver) = bounded(WAITING_MAX);
    thread::Builder::new()
        .name("lsp-read".to_owned())
        .spawn(move || wire::read_all(&mut io::stdin().lock(), &sender))
        .map_err(Failure::usage)?;
    serve(&receiver, &mut Server::new(io::stdout().lock()))
}

fn serve(receiver: &Receiver<Incoming>, server: &mut Server<impl io::Write>) -> Outcome {
    loop {
        let incoming = match receiver.try_recv() {
            Ok(incoming) => incoming,
            Err(TryRecvError::Disconnected) => return Ok(Exit::Fine),
            Err(TryRecvError::Empty) => {
                server.publish_diagnostics()?;
                match receiver.recv() {
                    Ok(incoming) => incoming,
                    Err(_) => return Ok(Exit::Fine),
                }
            }
        };
        match incoming {
            Incoming::Message(message) => {
                if let Some(exit) = server.take(message)? {
                    return Ok(exit);
                }
            }
            Incoming::Unreadable { id, code, why } => server.refuse_unreadable(&id, code, &why)?,
            Incoming::Broken(why) => {
                return Err(Failure::wrong(anyhow!(
                    "the editor's messages cannot be told apart: {why}"
                )));
            }
        }
    }
}

/// The open documents, by their URI.
type Documents = BTreeMap<String, Document>;
