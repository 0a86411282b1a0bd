//! What a name in a filter reads.

use super::{Checked, Checker};
use crate::{
    ast::{At, Operand},
    diagnostic::{Code, Diagnostic},
    ir::{Field, Scope, Table, TextIntrinsic, Whole},
    source::Span,
    suggest::suggest,
};

/// Something that is read of a span.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Subject {
    Field(Field),
    Whole(Whole),
}

const SPAN_INTRINSICS: [&str; 13] = [
    "name",
    "kind",
    "status",
    "status_message",
    "duration",
    "start",
    "end",
    "id",
    "parent",
    "service",
    "children",
    "depth",
    "self_duration",
];

/// Keys of span attributes that begin like a scope: of the Elastic Common Schema, of `OpenTracing` and of Datadog.
const KEYS_LIKE_SCOPES: [&str; 10] = [
    "event.action",
    "event.category",
    "event.dataset",
    "event.domain",
    "event.kind",
    "event.module",
    "event.name",
    "event.outcome",
    "span.kind",
    "resource.name",
];

impl Checker<'_> {
    pub(super) fn check_operand(&mut self, operand: &At<Operand>) -> Checked<Subject> {
        let span = operand.span;
        let attribute = |scope, key: &str| {
            Ok(Subject::Field(Field::Attribute {
                scope,
                key: key.to_owned(),
            }))
        };
        self.warn_prefixed(operand);
        match &operand.value {
            Operand::Key(key) => {
                self.warn_alias_on_left(key, span);
                attribute(Scope::Any, key)
            }
            Operand::Scoped {
                prefix: "span",
                key,
            } => attribute(Scope::Span, key),
            Operand::Scoped {
                prefix: "resource",
                key,
            } => attribute(Scope::Resource, key),
            Operand::Scoped {
                prefix: "scope",
                key,
            } => attribute(Scope::Instrumentation, key),
            Operand::Scoped {
                prefix: "timestamp",
                key,
            } => self.check_timestamp(key, span),
            Operand::Scoped {
                prefix: "event",
                key,
            } => attribute(Scope::Event, key),
            // The parser splits off no other prefix but `link`.
            Operand::Scoped { prefix: _, key } => attribute(Scope::Link, key),
            Operand::Intrinsic { of, name } => self.check_intrinsic(of, name, span),
        }
    }

    /// Warns once of a key that begins like a scope, and is known as the name of a span's attribute.
    fn warn_prefixed(&mut self, operand: &At<Operand>) {
        let Operand::Scoped { prefix, key } = &operand.value else {
            return;
        };
        let whole = format!("{prefix}.{key}");
        let is_known = KEYS_LIKE_SCOPES.contains(&whole.as_str());
        let is_bare = self.source(operand.span) == whole;
        let mut said = self.diagnostics.iter();
        if !is_known || !is_bare || said.any(|said| said.code == Code::PrefixedKey) {
            return;
        }
        // Inside `event.where( )` there is no doubt what `event.` means.
        if *prefix == "event" && self.tables.contains(&Table::Events) {
            return;
        }
        let of = match *prefix {
            "event" => "of the span's events",
            "resource" => "of the resource alone",
            _ => "of the span",
        };
        let message = format!("`{whole}` reads the attribute `{key}` {of}");
        let label = "not the attribute of that whole name";
        let meant = if *prefix == "event" {
            format!(", or `event.where({whole} ...)` if an event is meant")
        } else {
            format!(", or `{prefix}.\"{key}\"` if that is meant")
        };
        self.report(
            Diagnostic::warning(Code::PrefixedKey, operand.span, message, label).help(format!(
                "write `\"{whole}\"` for the attribute of that name{meant}"
            )),
        );
    }

    fn check_timestamp(&mut self, key: &str, span: Span) -> Checked<Subject> {
        match key {
            "hour" => Ok(Subject::Whole(Whole::Hour)),
            "minute" => Ok(Subject::Whole(Whole::Minute)),
            "weekday" => Ok(Subject::Whole(Whole::Weekday)),
            "date" => Ok(Subject::Whole(Whole::Date)),
            _ => self.refuse_intrinsic(
                "timestamp.",
                key,
                &["hour", "minute", "weekday", "date"],
                span,
            ),
        }
    }

    fn check_intrinsic(&mut self, of: &str, name: &str, span: Span) -> Checked<Subject> {
        let text = |intrinsic| Ok(Subject::Field(Field::Intrinsic(intrinsic)));
        match (of, name) {
            ("span", "name") => text(TextIntrinsic::Name),
            ("span", "status_message") => text(TextIntrinsic::StatusMessage),
            ("span", "id") => text(TextIntrinsic::Id),
            ("span", "parent") => text(TextIntrinsic::Parent),
            ("scope", "name") => text(TextIntrinsic::ScopeName),
            ("scope", "version") => text(TextIntrinsic::ScopeVersion),
            ("span", "service") => Ok(Subject::Field(Field::Attribute {
                scope: Scope::Resource,
                key: "service.name".to_owned(),
            })),
            ("span", "kind") => Ok(Subject::Whole(Whole::Kind)),
            ("span", "status") => Ok(Subject::Whole(Whole::Status)),
            ("span", "start") => Ok(Subject::Whole(Whole::Start)),
            ("span", "end") => Ok(Subject::Whole(Whole::End)),
            ("span", "duration") => Ok(Subject::Whole(Whole::Duration)),
            ("span", "children") => Ok(Subject::Whole(Whole::Children)),
            ("span", "depth") => Ok(Subject::Whole(Whole::Depth)),
            ("span", "self_duration") => Ok(Subject::Whole(Whole::SelfDuration)),
            ("event", "name") => text(TextIntrinsic::EventName),
            ("event", _) => self.refuse_intrinsic("event:", name, &["name"], span),
            ("link", _) => {
                let diagnostic = Diagnostic::error(
                    Code::UnknownIntrinsic,
                    span,
                    format!("there is no `link:{name}`"),
                    "of links, only attributes are read",
                );
                self.refuse(
                    diagnostic.help(format!("write `link.{name}` for an attribute of a link")),
                )
            }
            ("span", _) => self.refuse_intrinsic("span:", name, &SPAN_INTRINSICS, span),
            ("scope", _) => self.refuse_intrinsic("scope:", name, &["name", "version"], span),
            ("trace", _) => {
                let diagnostic = Diagnostic::error(
                    Code::MisplacedIntrinsic,
                    span,
                    format!("`trace:{name}` belongs to the whole trace"),
                    "this is inside a filter, which sees one span",
                );
                self.refuse(diagnostic.help(format!(
                    "write it beside the filter: `name.where(...) and trace:{name} ...`"
                )))
            }
            (_, _) => {
                let diagnostic = Diagnostic::error(
                    Code::UnknownIntrinsic,
                    span,
                    format!("there is nothing before `:` named `{of}`"),
                    "expected `span:` or `scope:`",
                );
                self.refuse(diagnostic.help(format!("an attribute is written with a dot, `{of}.{name}`, or quoted, `\"{of}:{name}\"`")))
            }
        }
    }

    fn refuse_intrinsic(
        &mut self,
        prefix: &str,
        name: &str,
        known: &[&str],
        span: Span,
    ) -> Checked<Subject> {
        let diagnostic = Diagnostic::error(
            Code::UnknownIntrinsic,
            span,
            format!("there is no `{prefix}{name}`"),
            format!("expected one of {}", known.join(", ")),
        );
        let quoted = format!("for an attribute of that name, write `\"{prefix}{name}\"`");
        self.refuse(match suggest(name, known) {
            Some(near) => diagnostic
                .help(format!("did you mean `{prefix}{near}`?"))
                .fix(span, format!("{prefix}{near}")),
            None => diagnostic.help(quoted),
        })
    }
}
