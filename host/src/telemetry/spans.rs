//! What the host says of its own work in traces: which spans there are, and what each says.
//!
//! They are kept apart from the logs by their target: where nobody asked for traces they cost a load from memory each.
//! Each piece of work is a trace of its own, since what is judged together came from many requests.

use tracing::{Span, field::Empty};

use crate::tenant::TenantId;

/// The target of all spans.
pub const SPANS: &str = "betrace::spans";

/// A request of ingest, from its decoded spans until they are durable.
pub fn ingest(tenant: &TenantId, n_spans: usize) -> Span {
    tracing::info_span!(target: SPANS, "ingest", otel.kind = "server", otel.status_code = Empty,
        betrace.tenant.id = %tenant, betrace.spans = n_spans)
}

/// Traces that settled, from open to listed.
pub fn seal(n_traces: usize) -> Span {
    tracing::info_span!(target: SPANS, "seal", betrace.traces = n_traces)
}

/// A group of blocks of one tenant, from the store to their verdicts.
pub fn judge(tenant: &TenantId, n_blocks: usize) -> Span {
    tracing::info_span!(target: SPANS, "judge", betrace.tenant.id = %tenant, betrace.blocks = n_blocks)
}

/// Verdicts of groups, made durable.
pub fn record(n_groups: usize) -> Span {
    tracing::info_span!(target: SPANS, "record", betrace.groups = n_groups)
}

/// Rules over stored traces.
pub fn replay(tenant: &TenantId, n_rules: usize) -> Span {
    tracing::info_span!(target: SPANS, "replay", betrace.tenant.id = %tenant, betrace.rules = n_rules)
}

/// A request of the API. `route` is its pattern, not what was asked for: ids are not for a span's name.
pub fn request(method: &str, route: &str) -> Span {
    tracing::info_span!(target: SPANS, "request", otel.name = format!("{method} {route}"), otel.kind = "server",
        otel.status_code = Empty, http.request.method = method, http.route = route,
        http.response.status_code = Empty)
}

/// Says that what a span is about failed.
pub fn failed(span: &Span) {
    span.record("otel.status_code", "ERROR");
}

#[cfg(test)]
mod tests {
    /// What the page lists is what there is, with what it says.
    #[test]
    fn the_page_lists_what_spans_there_are() {
        let (_metrics, page) = include_str!("../../METRICS.md")
            .split_once("\n## Traces\n")
            .unwrap();
        let (source, _tests) = include_str!("spans.rs").split_once("#[cfg(test)]").unwrap();
        let spans: Vec<&str> = source
            .split("info_span!(target: SPANS, \"")
            .skip(1)
            .collect();
        let rows = || page.lines().filter(|line| line.starts_with("| `"));
        assert_eq!(rows().count(), spans.len());
        for span in spans {
            let (name, rest) = span.split_once('"').unwrap();
            let (fields, _) = rest.split_once(")\n}").unwrap();
            let shown = match name {
                "request" => "METHOD /api/...",
                name => name,
            };
            let row = rows().find(|row| row.starts_with(&format!("| `{shown}`")));
            let row = row.unwrap_or_else(|| panic!("`{shown}` is not listed"));
            let said = fields.split([',', '\n']).filter_map(|field| {
                let (key, _value) = field.trim().split_once(" = ")?;
                (!key.starts_with("otel.")).then_some(key)
            });
            for key in said {
                assert!(row.contains(&format!("`{key}`")), "`{shown}` says `{key}`");
            }
        }
    }
}
