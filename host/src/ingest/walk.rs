//! From the bytes of a request to its spans, in one walk that leaves the spans as bytes.
//!
//! What the walk lets pass means the same to whoever reads the bytes field by field as to `prost`: known fields have
//! their wire types, texts are UTF-8, and no field that holds a message is given twice, nor two fields of a choice, which
//! `prost` would merge. Everything else is [`Stop::Unusual`], whatever is wrong with it: the caller then asks `prost`.
//!
//! What a request costs is counted as [`super::wire`] counts it.

use std::sync::Arc;

use bytes::Bytes;

use super::{
    decode::Decoded,
    limits::{REQUEST_SPANS_MAX, SENT_SPAN_MEMORY_BYTES},
    reject::{Place, RejectReason},
};
use crate::trace::{
    SentContext, SentSpan, SpanId, TraceId,
    wire::{Fields, NotPlain, Wire},
};

mod check;

use check::{Header, Items};

/// Why a walk ended early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// The request is wrong, or right in a way of its own.
    Unusual,
    /// A text is not UTF-8: `prost` would refuse it too.
    NotUtf8,
    /// Messages are nested deeper than `prost` reads them.
    TooDeep,
    /// There is no room for its spans.
    NoRoom,
}

impl From<NotPlain> for Stop {
    fn from(NotPlain: NotPlain) -> Self {
        Self::Unusual
    }
}

type Walked<T = ()> = Result<T, Stop>;

/// Walks a request. `admit` is asked before memory is taken, with how much.
pub(super) fn walk(otlp: &Bytes, admit: &mut dyn FnMut(usize) -> bool) -> Walked<Decoded> {
    let mut walk = Walk {
        otlp,
        admit,
        decoded: Decoded::default(),
        n_spans: 0,
        items: Items::default(),
    };
    walk.request()?;
    Ok(walk.decoded)
}

struct Walk<'a> {
    otlp: &'a Bytes,
    admit: &'a mut dyn FnMut(usize) -> bool,
    decoded: Decoded,
    n_spans: usize,
    items: Items,
}

impl Walk<'_> {
    fn request(&mut self) -> Walked {
        self.items.count(1);
        let mut place = Place::default();
        for field in Fields::of(self.otlp) {
            match field? {
                (1, Wire::Bytes(message)) => {
                    self.resource_spans(message, place)?;
                    place.resource += 1;
                }
                (1, _) => return Err(Stop::Unusual),
                _ => {}
            }
        }
        self.items.check()
    }

    fn resource_spans(&mut self, message: &[u8], place: Place) -> Walked {
        let parts = Parts::of(message, &mut self.items)?;
        let of_resource = parts.context(self.admit, |message| self.items.resource(message))?;
        let mut n_scopes = 0;
        for field in Fields::of(message) {
            if let (2, Wire::Bytes(message)) = field? {
                let scope = Some(n_scopes);
                self.scope_spans(message, &of_resource, Place { scope, ..place })?;
                n_scopes += 1;
            }
        }
        Ok(())
    }

    fn scope_spans(&mut self, message: &[u8], resource: &Arc<SentContext>, place: Place) -> Walked {
        let parts = Parts::of(message, &mut self.items)?;
        let scope = parts.context(self.admit, |message| self.items.scope(message))?;
        self.n_spans += parts.n_children;
        if self.n_spans > REQUEST_SPANS_MAX {
            return Err(Stop::Unusual);
        }
        if !(self.admit)(parts.n_children * SENT_SPAN_MEMORY_BYTES) {
            return Err(Stop::NoRoom);
        }
        self.decoded.records.reserve(parts.n_children);
        let mut n_spans = 0;
        for field in Fields::of(message) {
            if let (2, Wire::Bytes(message)) = field? {
                let header = self.items.span(message)?;
                match self.sent(&header, message, resource, &scope) {
                    Ok(span) => self.decoded.records.push(span),
                    Err(reason) => {
                        let span = Some(n_spans);
                        // The reason says it all.
                        self.decoded
                            .reject(Place { span, ..place }, reason, String::new);
                    }
                }
                n_spans += 1;
            }
        }
        Ok(())
    }

    /// Checks a span's ids; those of its links are kept as they are. A parent id of zeros is what some write for none.
    fn sent(
        &self,
        header: &Header<'_>,
        message: &[u8],
        resource: &Arc<SentContext>,
        scope: &Arc<SentContext>,
    ) -> Result<SentSpan, RejectReason> {
        let parent_span_id = SpanId::from_bytes(header.parent_span_id);
        let (trace_id, span_id) = (
            TraceId::from_bytes(header.trace_id).ok_or(RejectReason::TraceId)?,
            SpanId::from_bytes(header.span_id).ok_or(RejectReason::SpanId)?,
        );
        if !matches!(header.parent_span_id.len(), 0 | 8) {
            return Err(RejectReason::ParentSpanId);
        }
        Ok(SentSpan {
            trace_id,
            span_id,
            parent_span_id,
            start_time_unix_nano: header.start,
            end_time_unix_nano: header.end,
            kind: header.kind,
            dropped: header.dropped,
            message: self.otlp.slice_ref(message),
            resource: Arc::clone(resource),
            scope: Arc::clone(scope),
        })
    }
}

/// The fields of a `ResourceSpans` or `ScopeSpans`, which have the same numbers.
struct Parts<'a> {
    context: Option<&'a [u8]>,
    n_children: usize,
    schema_url: &'a str,
}

impl<'a> Parts<'a> {
    fn of(message: &'a [u8], items: &mut Items) -> Walked<Self> {
        items.count(1);
        let mut parts = Self {
            context: None,
            n_children: 0,
            schema_url: "",
        };
        for field in Fields::of(message) {
            match field? {
                (1, Wire::Bytes(message)) => once(&mut parts.context, message)?,
                (2, Wire::Bytes(_)) => parts.n_children += 1,
                (3, Wire::Bytes(url)) => parts.schema_url = text(url)?,
                (1..=3, _) => return Err(Stop::Unusual),
                _ => {}
            }
        }
        Ok(parts)
    }

    fn context(
        &self,
        admit: &mut dyn FnMut(usize) -> bool,
        check: impl FnOnce(&[u8]) -> Walked<bool>,
    ) -> Walked<Arc<SentContext>> {
        let message = self.context.unwrap_or_default();
        let attributes_dropped = self.context.is_some() && check(message)?;
        if !admit(size_of::<SentContext>() + message.len() + self.schema_url.len()) {
            return Err(Stop::NoRoom);
        }
        Ok(Arc::new(SentContext {
            // A slice would keep the whole request for as long as a trace is open.
            message: Bytes::copy_from_slice(message),
            schema_url: self.schema_url.to_owned(),
            attributes_dropped,
        }))
    }
}

/// Keeps what may be given once.
fn once<T>(slot: &mut Option<T>, value: T) -> Walked {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(Stop::Unusual),
    }
}

fn check_text(bytes: &[u8]) -> Walked {
    text(bytes).map(|_| ())
}

fn text(bytes: &[u8]) -> Walked<&str> {
    std::str::from_utf8(bytes).map_err(|_| Stop::NotUtf8)
}
