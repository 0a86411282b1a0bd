//! What long-running commands say of themselves: logs on stderr, and traces where somebody takes them.

use std::{
    io::{self, IsTerminal},
    time::Duration,
};

use anyhow::Context as _;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::{Resource, trace::SdkTracerProvider};
use tracing_subscriber::{EnvFilter, Layer as _, filter, fmt, prelude::*};

use crate::telemetry::spans::SPANS;

/// How long an export may take, and at the end all that is left of them.
const EXPORT_MAX: Duration = Duration::from_secs(2);

/// The traces on their way out.
#[derive(Debug)]
pub(super) struct Traces(SdkTracerProvider);

impl Traces {
    /// Sends what is left, for no longer than [`EXPORT_MAX`]. Blocks.
    pub(super) fn stop(self) {
        if let Err(error) = self.0.shutdown_with_timeout(EXPORT_MAX) {
            tracing::warn!(%error, "the last of the server's own traces were not sent");
        }
    }
}

/// Starts logging: lines for people on a terminal and in files, `BETRACE_LOG` says what (`info` where it says nothing).
/// With an address of OTLP/gRPC the host's own spans go there. Call it inside a runtime: the exporter uses it.
///
/// # Errors
///
/// Where the address is none.
pub(super) fn start(traces_to: Option<&str>) -> anyhow::Result<Option<Traces>> {
    let filter = EnvFilter::builder()
        .with_env_var("BETRACE_LOG")
        .with_default_directive(tracing::Level::INFO.into())
        .from_env_lossy();
    // Spans are for traces alone.
    let lines = fmt::layer()
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .with_filter(filter)
        .with_filter(filter::filter_fn(|about| about.target() != SPANS));
    let traces = traces_to.map(exporting).transpose()?;
    let spans = traces.as_ref().map(|Traces(provider)| {
        tracing_opentelemetry::layer()
            .with_tracer(provider.tracer("betrace"))
            .with_location(false)
            .with_threads(false)
            .with_filter(filter::filter_fn(|about| about.target() == SPANS))
    });
    // A second start in one process, as in tests, changes nothing.
    let _first = tracing_subscriber::registry()
        .with(lines)
        .with(spans)
        .try_init();
    Ok(traces)
}

/// Makes what collects spans and sends them in batches. Where nobody takes them they are dropped, not kept.
fn exporting(address: &str) -> anyhow::Result<Traces> {
    let expected = "expected http://, a host and a port, such as http://127.0.0.1:4317: traces go in the clear, to a \
                    Collector that is near and speaks TLS to the world";
    anyhow::ensure!(
        address.starts_with("http://"),
        "`{address}` is no address to send traces to; {expected}"
    );
    let exporter = SpanExporter::builder()
        .with_tonic()
        .with_endpoint(address)
        .with_timeout(EXPORT_MAX)
        .build()
        .with_context(|| format!("`{address}` is no address to send traces to; {expected}"))?;
    let version = opentelemetry::KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
    let resource = Resource::builder()
        .with_service_name("betrace")
        .with_attribute(version);
    let provider = SdkTracerProvider::builder()
        .with_resource(resource.build())
        .with_batch_exporter(exporter);
    Ok(Traces(provider.build()))
}
