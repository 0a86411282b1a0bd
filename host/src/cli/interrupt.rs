//! Ctrl-C, for commands that have something to keep or to say before they end.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use rustix::process::{Signal, getpid, kill_process};
use tokio::{
    runtime,
    signal::unix::{SignalKind, signal},
};

use super::console::Console;

/// Whether the user has asked the command to end.
#[derive(Clone, Debug, Default)]
pub(super) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Listens from now on: the first Ctrl-C says `what` happens then, the second ends the process at once.
    /// Where that cannot be had, Ctrl-C ends the command as it ends any other.
    pub(super) fn listen(console: &Console, what: &'static str) -> Self {
        let interrupt = Self::default();
        let Ok(runtime) = runtime::Builder::new_current_thread().enable_all().build() else {
            return interrupt;
        };
        let listening = {
            let _inside = runtime.enter();
            signal(SignalKind::interrupt())
        };
        let Ok(mut asked) = listening else {
            return interrupt;
        };
        let (told, paint) = (interrupt.clone(), console.paint_err());
        let listen = move || {
            runtime.block_on(async {
                if asked.recv().await.is_some() {
                    told.0.store(true, Ordering::Relaxed);
                    Console::say(format_args!("{} {what}", paint.yellow("interrupted:")));
                }
                if asked.recv().await.is_some() {
                    // The store is made for worse. There is no other safe way to end from here.
                    let _gone = kill_process(getpid(), Signal::TERM);
                }
            });
        };
        // Where no thread can be started the command cannot start its own either, and ends with that.
        let _listener = thread::Builder::new()
            .name("interrupt".to_owned())
            .spawn(listen);
        interrupt
    }

    /// Whether Ctrl-C was pressed.
    pub(super) fn asked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
