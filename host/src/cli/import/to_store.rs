//! Requests to a store that this process has open.

use anyhow::anyhow;

use super::Destination;
use crate::{
    api::local::{Local, Rooms},
    cli::exit::Failure,
    ingest::file::FileRequest,
    live::{ImportStopped, Importer, LiveError, Parts},
    telemetry::Telemetry,
};

pub(super) struct ToStore(Importer);

impl ToStore {
    pub(super) fn start(local: &Local) -> Result<Self, Failure> {
        let Rooms {
            store,
            registry,
            sandbox,
            clock,
            open: _,
        } = local.rooms().clone();
        let parts = Parts {
            store,
            registry,
            sandbox,
            clock,
            telemetry: Telemetry::new().into(),
        };
        let importer = Importer::start(parts, local.tenant().clone());
        importer.map(Self).map_err(failed)
    }
}

impl Destination for ToStore {
    fn take(&mut self, request: FileRequest) -> Result<(), Failure> {
        let taken = self.0.add(&request.decoded.records, request.otlp.len());
        taken.map_err(|ImportStopped| Failure::usage(anyhow!("the import cannot go on")))
    }

    fn finish(self: Box<Self>) -> Result<(), Failure> {
        self.0.finish().map(|_stored| ()).map_err(failed)
    }
}

fn failed(error: LiveError) -> Failure {
    Failure::usage(anyhow!(error).context("the import was broken off"))
}
