//! Requests to a server: small ones joined, a few on their way at once.
//!
//! A server acknowledges when spans are durable, which takes a few milliseconds however few they are.

use std::{
    mem,
    sync::{Arc, Mutex, PoisonError},
    thread::{self, JoinHandle},
    time::Duration,
};

use anyhow::Context;
use bytes::Bytes;
use crossbeam_channel::{Receiver, Sender, bounded};

use super::Destination;
use crate::{
    api::error::ApiError,
    cli::{
        client::{Client, ExportError},
        exit::Failure,
    },
    ingest::file::FileRequest,
};

/// How many requests are on their way at once.
const IN_FLIGHT_MAX: usize = 4;

/// From how many bytes on a request is sent.
const BATCH_BYTES_MIN: usize = 512 << 10;

/// How long one batch is tried again while the server is too busy.
const RETRY_MAX: Duration = Duration::from_mins(2);

/// The first pause between two tries; each is twice the one before.
const PAUSE_MIN: Duration = Duration::from_millis(50);

const PAUSE_MAX: Duration = Duration::from_secs(5);

pub(super) struct ToServer {
    sender: Sender<Bytes>,
    workers: Vec<JoinHandle<()>>,
    batch: Vec<u8>,
    failed: Arc<Mutex<Option<ApiError>>>,
}

impl ToServer {
    pub(super) fn start(client: &Client) -> Result<Self, Failure> {
        let (sender, receiver) = bounded(IN_FLIGHT_MAX);
        let failed = Arc::default();
        let mut workers = Vec::with_capacity(IN_FLIGHT_MAX);
        for _ in 0..IN_FLIGHT_MAX {
            let (client, receiver, failed) =
                (client.clone(), receiver.clone(), Arc::clone(&failed));
            let worker = thread::Builder::new()
                .name("import".to_owned())
                .spawn(move || send_all(&client, &receiver, &failed))
                .context("failed to start a thread")
                .map_err(Failure::usage)?;
            workers.push(worker);
        }
        Ok(Self {
            sender,
            workers,
            batch: Vec::new(),
            failed,
        })
    }

    fn send(&mut self) -> Result<(), Failure> {
        let batch = Bytes::from(mem::take(&mut self.batch));
        // The workers go away only after a failure.
        let sent = self.sender.send(batch);
        match self
            .failed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
        {
            Some(error) => Err(error.into()),
            None => sent
                .context("the import was broken off")
                .map_err(Failure::usage),
        }
    }
}

impl Destination for ToServer {
    fn take(&mut self, request: FileRequest) -> Result<(), Failure> {
        // Two requests one after the other are, as protobuf, one request with the parts of both.
        self.batch.extend_from_slice(&request.otlp);
        if self.batch.len() >= BATCH_BYTES_MIN {
            self.send()?;
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<(), Failure> {
        if !self.batch.is_empty() {
            self.send()?;
        }
        let Self {
            sender,
            workers,
            batch: _,
            failed,
        } = *self;
        drop(sender);
        for worker in workers {
            if worker.join().is_err() {
                return Err(Failure::usage(anyhow::anyhow!("the import was broken off")));
            }
        }
        match failed.lock().unwrap_or_else(PoisonError::into_inner).take() {
            Some(error) => Err(error.into()),
            None => Ok(()),
        }
    }
}

fn send_all(client: &Client, receiver: &Receiver<Bytes>, failed: &Mutex<Option<ApiError>>) {
    for batch in receiver {
        if let Err(error) = send_one(client, &batch) {
            *failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
            return;
        }
    }
}

fn send_one(client: &Client, batch: &[u8]) -> Result<(), ApiError> {
    let mut waited = Duration::ZERO;
    let mut pause = PAUSE_MIN;
    loop {
        match client.export(batch) {
            Ok(()) => return Ok(()),
            Err(ExportError::Busy(_)) if waited < RETRY_MAX => {
                thread::sleep(pause);
                waited += pause;
                pause = (pause * 2).min(PAUSE_MAX);
            }
            Err(ExportError::Busy(error) | ExportError::Refused(error)) => return Err(error),
        }
    }
}
