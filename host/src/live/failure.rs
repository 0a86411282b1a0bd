//! Whether the pipeline takes spans, and why not.

use std::{
    error::Error,
    fmt,
    sync::{Arc, atomic::Ordering},
    thread,
};

use super::{Live, Shared};

impl Live {
    /// Returns why spans are refused, for operators; `None` where they are not.
    pub fn refuses(&self) -> Option<String> {
        self.failed().or_else(|| {
            let room = self.shared.store.lacks_room()?;
            Some(format!(
                "the disk is nearly full: {} B are left, and {} B are kept for what was acknowledged before",
                room.free,
                room.reserve()
            ))
        })
    }

    /// Returns why the pipeline has to be started again; `None` where it has not.
    pub fn failed(&self) -> Option<String> {
        self.shared.failed()
    }

    /// Waits until [`Self::failed`] says why. Only what opens the store again, and starts anew, helps then.
    pub async fn until_failed(&self) {
        let (mut store, mut own) = (self.shared.store.failed(), self.shared.failed.subscribe());
        // Neither ends before this: what is waited for is borrowed from here.
        tokio::select! {
            _ = store.wait_for(Option::is_some) => {}
            _ = own.wait_for(Option::is_some) => {}
        }
    }
}

impl Shared {
    pub(super) fn fail(&self, error: &dyn Error) {
        tracing::error!(error = %Chain(error), "the pipeline stopped: spans are refused until it is started again");
        self.set_failed(Chain(error).to_string());
    }

    fn set_failed(&self, why: String) {
        // The first failure is the one to tell of.
        self.failed.send_if_modified(|failed| {
            let is_first = failed.is_none();
            failed.get_or_insert(why);
            is_first
        });
    }

    /// Whether there is room for what arrives. Says it when that changes.
    pub(super) fn has_room(&self) -> bool {
        let lacks = self.store.lacks_room();
        let was_full = self.is_full.swap(lacks.is_some(), Ordering::Relaxed);
        match lacks {
            Some(room) if !was_full => {
                let (free_bytes, reserve_bytes) = (room.free, room.reserve());
                tracing::error!(
                    free_bytes,
                    reserve_bytes,
                    "the disk is nearly full: spans are refused until it is not"
                );
            }
            None if was_full => tracing::info!("there is room on the disk again"),
            Some(_) | None => {}
        }
        lacks.is_none()
    }

    /// Returns why spans are refused; `None` where they are not.
    pub(super) fn failed(&self) -> Option<String> {
        let own = self.failed.borrow().clone();
        own.or_else(|| Some(Chain(self.store.failed().borrow().as_ref()?).to_string()))
    }
}

/// A thread that ends by a panic stops the pipeline: what it no longer does is not to go unnoticed.
pub(super) struct Watch(pub(super) Arc<Shared>);

impl Drop for Watch {
    fn drop(&mut self) {
        if thread::panicking() {
            let name = thread::current().name().unwrap_or("unnamed").to_owned();
            tracing::error!(thread = name, "a thread of the pipeline panicked");
            let why = format!("the thread `{name}` panicked");
            self.0.set_failed(why);
        }
    }
}

/// An error with its causes, in one line.
pub(super) struct Chain<'a>(pub(super) &'a dyn Error);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut source = self.0.source();
        while let Some(cause) = source {
            write!(f, ": {cause}")?;
            source = cause.source();
        }
        Ok(())
    }
}
