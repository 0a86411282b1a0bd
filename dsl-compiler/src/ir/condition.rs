//! Conditions over the trace.

use super::{Compare, Comparison, Filter, Number};

/// The position of a set in its rule's `sets`.
pub(crate) type SetId = usize;

/// A condition over the trace.
///
/// Of an incomplete trace it is false, unknown or true. Where something is missing that concerns the condition (spans,
/// where the trace was cut, has parents missing or is a fragment; else attributes, events or links, where they were
/// dropped and a filter, value or key of the condition reads such), each variant below says what is left of it.
/// Whether a span belongs to a set is itself false, unknown or true there; only spans that surely belong count.
///
/// Its witnesses, where it is true: of `All` and `Any` those of the operands that are true; of `Not`, `Every` and `No` none;
/// else as each variant says. On an incomplete trace too they are among what is surely there.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Cond {
    /// True where all are; so where there are none.
    All(Vec<Cond>),
    /// True where one is.
    Any(Vec<Cond>),
    Not(Box<Cond>),
    /// The set is not empty. Witnesses: its spans.
    Exists(SetId),
    /// Counts and literals alone, which are compared between the least and the most that they can be. Witnesses: the spans
    /// of both sets.
    Count {
        left: Amount,
        op: Compare,
        right: Amount,
    },
    /// Any other comparison of amounts. Incomplete: true if it is true of what is there and more could not undo it
    /// (`Comparison::is_lasting`), else unknown. Witnesses: the spans that its quantities read (see `Quantity`).
    Compare(Comparison),
    /// The root that starts first passes the filter; false where there is none. Incomplete in its spans: unknown.
    /// Witness: that root.
    Root(Filter),
    /// A relation between spans. Incomplete: a pair that is there makes `Some` true and `No` false; all else is unknown.
    /// Witnesses of `Some`: both spans of every pair.
    Relation(Relation),
    /// A comparison for each span of a set. Incomplete: `Some` is true, and `No` false, if the comparison is true of what
    /// is there for one span and lasting; all else is unknown. Witnesses of `Some`: the left spans for which it is true, and
    /// what the comparison reads for each of them.
    Each(Each),
    /// There are spans, one of each set in turn, each ending no later than the next begins, no two neighbours the same span.
    /// Incomplete: true if it is, else unknown. Witnesses: every span that has a place in such a row.
    Chain(Vec<SetId>),
}

/// A number that a trace has, where counts and literals are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Amount {
    Count(SetId),
    Number(Number),
}

/// How many of the spans of a left side a relation asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Quantifier {
    /// At least one.
    Some,
    /// Each; true of no spans.
    Every,
    /// None.
    No,
}

/// `left R right [within D]`, between two different spans.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Relation {
    pub(crate) quantifier: Quantifier,
    pub(crate) left: SetId,
    pub(crate) kind: RelationKind,
    /// In ns: how far the start of the later-starting span may lie behind the end of the other; spans that overlap have gap 0.
    pub(crate) within: Option<u64>,
    /// Its filters may read the left span (`Field::Alias`): then it is another set for each left span.
    pub(crate) right: SetId,
}

/// Which relation; `x R y` as in the table of section 5.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum RelationKind {
    /// `x.end <= y.start`
    Before,
    /// `y.end <= x.start`
    After,
    StartsBefore,
    StartsAfter,
    /// `x.start <= y.end and y.start <= x.end`
    Overlaps,
    /// y is an ancestor of x.
    Under,
    Over,
    ChildOf,
    ParentOf,
    /// The same parent, which is in the trace.
    SiblingOf,
    /// Both are in the trace.
    With,
}

impl RelationKind {
    /// Whether it is read off parents, not times.
    pub(crate) fn is_of_tree(self) -> bool {
        match self {
            Self::Before
            | Self::After
            | Self::StartsBefore
            | Self::StartsAfter
            | Self::Overlaps
            | Self::With => false,
            Self::Under | Self::Over | Self::ChildOf | Self::ParentOf | Self::SiblingOf => true,
        }
    }
}

/// `[every | no] left as NAME with comparison`: the sets of the comparison may read the left span, and have it as a member
/// where it passes: `count(login.where(user.id == l.user.id))` of a login counts itself too.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Each {
    pub(crate) quantifier: Quantifier,
    pub(crate) left: SetId,
    pub(crate) comparison: Comparison,
}
