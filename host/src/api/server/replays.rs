//! A replay as a request: its answer is lines of JSON, how far it is and at last what it found.
//!
//! What is wrong before the first line is an HTTP status; after it, an `error` line. A client that goes
//! away stops its replay at the next line, and so does a server that is told to end: its report is then partial.

use std::{convert::Infallible, ops::ControlFlow, sync::Arc};

use axum::{
    body::{Body as HttpBody, Bytes},
    http::header,
    response::{IntoResponse, Response},
};
use tokio::{sync::mpsc, task::spawn_blocking};
use tokio_stream::{StreamExt, once, wrappers::ReceiverStream};

use super::{body::Body, caller::Caller};
use crate::{
    api::{
        Host, Operations,
        error::{ApiError, ErrorCode},
        limits::REPLAY_LINES_QUEUED_MAX,
        wire::{ReplayLine, ReplayRequest},
    },
    share::Held,
};

pub(super) async fn replay(
    caller: Caller,
    request: Body<ReplayRequest>,
) -> Result<Response, ApiError> {
    let place = caller.place(&caller.shared.replays, "replays are running")?;
    let (lines, mut receiver) = mpsc::channel(REPLAY_LINES_QUEUED_MAX);
    let (operations, host) = (caller.operations, Arc::clone(&caller.shared.host));
    // Detached: it ends with the replay, or with its reader.
    let _running = spawn_blocking(move || run((&*operations, &*host), &request, &lines, place));
    let first = match receiver.recv().await {
        // Its causes are logged already.
        Some(ReplayLine::Error(error)) => return Err(error),
        Some(line) => line,
        None => return Err(ApiError::new(ErrorCode::Internal, "the replay failed")),
    };
    let lines = once(first).chain(ReceiverStream::new(receiver));
    let body = lines.map(|line| Ok::<Bytes, Infallible>(text(&line)));
    let kind = [(header::CONTENT_TYPE, "application/x-ndjson")];
    Ok((kind, HttpBody::from_stream(body)).into_response())
}

fn run(
    (operations, host): (&dyn Operations, &dyn Host),
    request: &ReplayRequest,
    lines: &mpsc::Sender<ReplayLine>,
    _place: Held,
) {
    let send = |line| match lines.blocking_send(line) {
        Ok(()) => ControlFlow::Continue(()),
        Err(_gone) => ControlFlow::Break(()),
    };
    let result = operations.replay(request, &mut |progress| {
        let sent = send(ReplayLine::Progress(progress));
        if host.is_ending() {
            ControlFlow::Break(())
        } else {
            sent
        }
    });
    let _gone = send(match result {
        Ok(report) => ReplayLine::Report(report),
        Err(error) => ReplayLine::Error(error.outward()),
    });
}

fn text(line: &ReplayLine) -> Bytes {
    // Strings and numbers always have a JSON form; were there none, the reader misses its last line.
    let mut text = serde_json::to_vec(line).unwrap_or_default();
    text.push(b'\n');
    text.into()
}
