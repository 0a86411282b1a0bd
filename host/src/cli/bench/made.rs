//! The store that the bench measures: made once, of blocks that are built on all cores, and used again where it is kept.
//!
//! ```text
//! DIR/bench.json   what the store was made of; written last
//! DIR/…            a store as any other
//! ```

use std::{
    fs, io,
    num::NonZeroU64,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use anyhow::{Context, anyhow};
use crossbeam_channel::{Receiver, bounded};
use indicatif::ProgressBar;
use serde::{Deserialize, Serialize};

use super::traces::TraceMaker;
use crate::{
    block::{BlockBuilder, EncodedBlock},
    cli::{exit::Failure, interrupt::Interrupt},
    clock::SystemClock,
    live::BLOCK_SPANS_MAX,
    store::{Listing, Store},
    tenant::TenantId,
};

/// What is written beside a store that is kept.
const MARK: &str = "bench.json";

/// Blocks that are put together: some 10 MB.
const BLOCKS_PUT_MAX: usize = 8;

/// What a store is made of. A store of other parameters is another store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Parameters {
    /// Counts up when other traces are made for the same numbers.
    generator: u32,
    pub(super) traces: u64,
    pub(super) spans_per_trace: u32,
}

impl Parameters {
    pub(super) fn new(traces: NonZeroU64, spans_per_trace: u32) -> Self {
        Self {
            generator: 1,
            traces: traces.get(),
            spans_per_trace,
        }
    }

    pub(super) fn spans(&self) -> u64 {
        self.traces * u64::from(self.spans_per_trace)
    }

    fn traces_per_block(&self) -> u64 {
        (BLOCK_SPANS_MAX as u64 / u64::from(self.spans_per_trace)).max(1)
    }
}

/// A store of the bench.
#[derive(Debug)]
pub(super) struct Made {
    pub(super) store: Store,
    pub(super) dir: PathBuf,
    pub(super) parameters: Parameters,
    /// Whether it was made just now.
    pub(super) is_fresh: bool,
}

/// Opens the store of a folder, or makes it. `None` where the user wants it to end.
pub(super) fn open_or_make(
    dir: &Path,
    parameters: Parameters,
    threads: usize,
    bar: &ProgressBar,
    interrupt: &Interrupt,
) -> Result<Option<Made>, Failure> {
    let mark = dir.join(MARK);
    let clock = Arc::new(SystemClock::new());
    let open = || {
        let opened = Store::open(dir, clock);
        opened.map_err(|error| Failure::usage(anyhow::Error::new(error)))
    };
    let made = |store, is_fresh| Made {
        store,
        dir: dir.to_owned(),
        parameters,
        is_fresh,
    };
    match fs::read(&mark) {
        Ok(text) => {
            check(&text, parameters, dir)?;
            return Ok(Some(made(open()?, false)));
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => refuse_what_is_there(dir)?,
        Err(error) => {
            let error = anyhow!(error).context(format!("failed to read `{}`", mark.display()));
            return Err(Failure::usage(error));
        }
    }
    let store = open()?;
    if !put_all(&store, parameters, threads, bar, interrupt)? {
        return Ok(None);
    }
    let text = serde_json::to_vec_pretty(&parameters).map_err(Failure::usage)?;
    fs::write(&mark, text)
        .with_context(|| format!("failed to write `{}`", mark.display()))
        .map_err(Failure::usage)?;
    Ok(Some(made(store, true)))
}

fn check(text: &[u8], parameters: Parameters, dir: &Path) -> Result<(), Failure> {
    let of_store: Option<Parameters> = serde_json::from_slice(text).ok();
    if of_store == Some(parameters) {
        return Ok(());
    }
    let has = of_store.map_or("something else".to_owned(), |of_store| {
        format!(
            "{} traces of {} spans (generator {})",
            of_store.traces, of_store.spans_per_trace, of_store.generator
        )
    });
    Err(Failure::usage(anyhow!(
        "the store in `{}` was made of {has}, not of {} traces of {} spans (generator {})",
        dir.display(),
        parameters.traces,
        parameters.spans_per_trace,
        parameters.generator,
    ))
    .help("name another folder, or give the numbers that it was made with"))
}

/// A store of something else is neither measured nor written to, nor one of which only a part was made.
fn refuse_what_is_there(dir: &Path) -> Result<(), Failure> {
    let is_empty = match fs::read_dir(dir) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    };
    if is_empty {
        return Ok(());
    }
    Err(Failure::usage(anyhow!(
        "`{}` holds something that is not a whole store of `betrace bench`",
        dir.display()
    ))
    .help("name a folder that is empty or not there"))
}

/// Builds all blocks and puts them. Whether it came to the end.
fn put_all(
    store: &Store,
    parameters: Parameters,
    threads: usize,
    bar: &ProgressBar,
    interrupt: &Interrupt,
) -> Result<bool, Failure> {
    let maker = TraceMaker::new(parameters.spans_per_trace);
    let per_block = parameters.traces_per_block();
    let n_blocks = parameters.traces.div_ceil(per_block);
    let (next, stopped) = (AtomicU64::new(0), AtomicBool::new(false));
    let (sender, receiver) = bounded(threads * 2);
    let put = std::thread::scope(|scope| {
        for _ in 0..threads {
            let (sender, maker, next, stopped) = (sender.clone(), &maker, &next, &stopped);
            scope.spawn(move || {
                loop {
                    let block = next.fetch_add(1, Ordering::Relaxed);
                    if block >= n_blocks || stopped.load(Ordering::Relaxed) {
                        return;
                    }
                    let end = parameters.traces.min((block + 1) * per_block);
                    let mut builder = BlockBuilder::new(TenantId::default_tenant());
                    (block * per_block..end).for_each(|number| builder.push(maker.sealed(number)));
                    if sender.send(builder.finish()).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        let put = put_received(store, &receiver, bar, interrupt);
        stopped.store(true, Ordering::Relaxed);
        // Lets go whoever waits to hand on a block.
        drop(receiver);
        put
    });
    put.map_err(|error| Failure::usage(anyhow::Error::new(error)))?;
    Ok(!interrupt.asked())
}

fn put_received(
    store: &Store,
    receiver: &Receiver<EncodedBlock>,
    bar: &ProgressBar,
    interrupt: &Interrupt,
) -> Result<(), crate::store::StoreError> {
    let listing = Listing::default();
    while let Ok(first) = receiver.recv() {
        if interrupt.asked() {
            return Ok(());
        }
        let mut blocks = vec![first];
        blocks.extend(receiver.try_iter().take(BLOCKS_PUT_MAX - 1));
        let listed: Vec<_> = blocks.iter().map(|block| (block, &listing)).collect();
        store.put_blocks(&listed)?;
        let n_traces = blocks.iter().map(|block| u64::from(block.meta.n_traces));
        bar.inc(n_traces.sum());
    }
    Ok(())
}

/// Returns the bytes of all files of a folder, which has no folders in it.
pub(super) fn disk_bytes(dir: &Path) -> Result<u64, Failure> {
    let bytes = || {
        let mut bytes = 0;
        for entry in fs::read_dir(dir)? {
            bytes += entry?.metadata()?.len();
        }
        Ok::<_, io::Error>(bytes)
    };
    bytes().map_err(|error| {
        Failure::usage(anyhow!(error).context(format!("failed to list `{}`", dir.display())))
    })
}
