//! What fields, whole numbers and terms say of one span.

use super::{
    View,
    trace::{Attribute, Event, Link, Span},
    tree,
    value::{Num, number_or_decimal},
};
use crate::ir::{Field, Scope, Term, TextIntrinsic, Whole, Zone};

/// Where a filter is asked, or a value read.
#[derive(Clone, Copy)]
pub(super) struct Here<'a> {
    pub(super) view: &'a View<'a>,
    /// The span at hand.
    pub(super) row: usize,
    /// The left span of a join.
    pub(super) left: Option<usize>,
    /// The event and the link at hand.
    pub(super) event: Option<&'a Event>,
    pub(super) link: Option<&'a Link>,
}

impl<'a> Here<'a> {
    pub(super) fn span(&self) -> Option<&'a Span> {
        self.view.trace.spans.get(self.row)
    }

    /// What a field holds, if it is there.
    pub(super) fn read(&self, field: &Field) -> Option<Attribute> {
        match field {
            Field::Attribute { scope, key } => self.attribute(*scope, key),
            Field::Intrinsic(intrinsic) => self.text(*intrinsic),
            Field::Alias { key } => {
                let left = self.view.trace.spans.get(self.left?)?;
                find(&left.attributes, key).or_else(|| find(&left.resource, key))
            }
        }
    }

    fn attribute(&self, scope: Scope, key: &str) -> Option<Attribute> {
        let span = self.span()?;
        match scope {
            Scope::Any => find(&span.attributes, key).or_else(|| find(&span.resource, key)),
            Scope::Span => find(&span.attributes, key),
            Scope::Resource => find(&span.resource, key),
            Scope::Instrumentation => find(&span.scope.attributes, key),
            Scope::Event => find(&self.event?.attributes, key),
            Scope::Link => find(&self.link?.attributes, key),
        }
    }

    fn text(&self, intrinsic: TextIntrinsic) -> Option<Attribute> {
        let span = self.span()?;
        let present = |text: &String| (!text.is_empty()).then(|| text.clone());
        match intrinsic {
            TextIntrinsic::Name => Some(span.name.clone()),
            TextIntrinsic::StatusMessage => present(&span.status_message),
            TextIntrinsic::Id => Some(span.id.clone()),
            TextIntrinsic::Parent => span.parent_id.clone(),
            TextIntrinsic::ScopeName => present(&span.scope.name),
            TextIntrinsic::ScopeVersion => present(&span.scope.version),
            TextIntrinsic::EventName => Some(self.event?.name.clone()),
        }
        .map(Attribute::String)
    }

    /// A whole number that every span has.
    pub(super) fn whole(&self, whole: Whole) -> i128 {
        const DAY: i64 = 86_400;
        let Some(span) = self.span() else {
            return 0;
        };
        let local = local_seconds(span.start, self.view.rule.zone.as_ref());
        let parents = &self.view.parents;
        match whole {
            Whole::Kind => i128::from(span.kind),
            Whole::Status => i128::from(span.status),
            Whole::Start => i128::from(span.start),
            Whole::End => i128::from(span.end),
            Whole::Duration => i128::from(span.end - span.start),
            Whole::Children => tree::children(parents, self.row) as i128,
            Whole::Depth => tree::ancestors(parents, self.row).len() as i128,
            Whole::SelfDuration => i128::from(tree::self_duration(
                &self.view.trace.spans,
                parents,
                self.row,
            )),
            Whole::Hour => i128::from(local.rem_euclid(DAY) / 3_600),
            Whole::Minute => i128::from(local.rem_euclid(3_600) / 60),
            // 1970-01-01 was a Thursday, day 4.
            Whole::Weekday => i128::from((local.div_euclid(DAY) + 3).rem_euclid(7) + 1),
            Whole::Date => i128::from(local.div_euclid(DAY)),
        }
    }

    /// A term as a number.
    pub(super) fn number(&self, term: &Term) -> Option<Num> {
        match term {
            Term::Field(field) => number_or_decimal(&self.read(field)?),
            Term::Whole(whole) => Some(Num::Int(self.whole(*whole))),
        }
    }

    /// A term as itself; a number beyond 64 bits as its decimal text.
    pub(super) fn value(&self, term: &Term) -> Option<Attribute> {
        match term {
            Term::Field(field) => self.read(field),
            Term::Whole(whole) => {
                let whole = self.whole(*whole);
                let text = || Attribute::String(whole.to_string());
                Some(i64::try_from(whole).map_or_else(|_| text(), Attribute::Int))
            }
        }
    }
}

fn find(attributes: &[(String, Attribute)], key: &str) -> Option<Attribute> {
    let mut found = attributes.iter().filter(|(name, _)| name == key);
    found.next().map(|(_, value)| value.clone())
}

/// What a clock in the zone shows, in seconds since it showed the beginning of 1970.
fn local_seconds(start_ns: u64, zone: Option<&Zone>) -> i64 {
    let seconds = (start_ns / 1_000_000_000) as i64;
    let offsets = zone.map_or(&[][..], |zone| &zone.offsets);
    let mut latest_first = offsets.iter().rev();
    let held = latest_first.find(|(since, _)| *since <= seconds);
    seconds + held.map_or(0, |(_, offset)| i64::from(*offset))
}

/// Whether a number hangs on spans that may be missing.
pub(super) fn is_of_the_tree(whole: Whole) -> bool {
    match whole {
        Whole::Children | Whole::Depth | Whole::SelfDuration => true,
        Whole::Kind
        | Whole::Status
        | Whole::Start
        | Whole::End
        | Whole::Duration
        | Whole::Hour
        | Whole::Minute
        | Whole::Weekday
        | Whole::Date => false,
    }
}
