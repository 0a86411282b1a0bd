//! A rule after checking: names resolved, types known, nothing left that could be wrong.
//!
//! Everything here is plain data that can be compared and hashed, so that equal span sets are found and numbered once.
//! Literals stand as they were written (an integer stays an integer): what they mean against each type of value is
//! `codegen`'s to work out, and `oracle`'s once more.

use std::cmp::Ordering;

/// A pack: the rules of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pack {
    pub(crate) rules: Vec<Rule>,
}

/// One rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rule {
    pub(crate) id: String,
    pub(crate) signal: String,
    pub(crate) severity: Severity,
    pub(crate) summary: String,
    pub(crate) message: Vec<MessagePart>,
    pub(crate) controls: Vec<String>,
    pub(crate) labels: Vec<(String, String)>,
    /// In which `timestamp.*` is read; `None`: UTC.
    pub(crate) zone: Option<Zone>,
    /// The span sets that `body` speaks of, each once.
    pub(crate) sets: Vec<SpanSet>,
    pub(crate) body: Body,
}

/// How grave a violation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Of little consequence.
    Low,
    /// The default.
    Medium,
    /// Serious.
    High,
    /// Wakes someone up.
    Critical,
}

impl Severity {
    /// All severities, from the least to the gravest.
    pub const ALL: [Self; 5] = [
        Self::Info,
        Self::Low,
        Self::Medium,
        Self::High,
        Self::Critical,
    ];

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

/// A part of a violation's message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum MessagePart {
    Text(String),
    /// An attribute of the first witness of that name; of the first witness at all where the name is empty.
    Value {
        name: String,
        key: String,
    },
}

/// A timezone: its offset from UTC, and every change of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Zone {
    pub(crate) name: String,
    /// Since when (Unix time in seconds, ascending; the first is `i64::MIN`) which offset holds, in seconds east of UTC.
    pub(crate) offsets: Vec<(i64, i32)>,
}

/// What a rule asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Body {
    /// Violated where `condition` is true, not applicable where `situation` is false.
    Match { situation: Cond, condition: Cond },
    /// At least one of `always` and `never` is there.
    ///
    /// A false `always` is explained from its top, through `All` and `Any` to those of their operands that are false, but
    /// never into `Not`. What is met there of relations and `Each` shows its spans: `Every` the left spans without a partner
    /// (of `Each`: for which the comparison is false), `No` both spans of every pair (of `Each`: the left spans for which it is
    /// true, and what its amounts read). Where no span is shown so, the spans of `when` are the witnesses.
    Clauses {
        when: Cond,
        always: Option<Cond>,
        never: Option<Cond>,
    },
}

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

/// Two amounts compared; false where one of them has no value, `!=` too.
///
/// At most one `Quantity::Groups` is in it: then it is true if it is true of any one group.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Comparison {
    pub(crate) left: Expr<Quantity>,
    pub(crate) op: Compare,
    pub(crate) right: Expr<Quantity>,
}

/// Which way an amount can move when what is missing comes to light.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Drift {
    Fixed,
    Up,
    Down,
    Any,
}

impl Drift {
    fn flipped(self) -> Self {
        match self {
            Self::Up => Self::Down,
            Self::Down => Self::Up,
            Self::Fixed | Self::Any => self,
        }
    }

    /// Of a sum of two.
    fn plus(self, other: Self) -> Self {
        match (self, other) {
            (Self::Fixed, drift) | (drift, Self::Fixed) => drift,
            (Self::Up, Self::Up) => Self::Up,
            (Self::Down, Self::Down) => Self::Down,
            (Self::Up | Self::Down | Self::Any, Self::Up | Self::Down | Self::Any) => Self::Any,
        }
    }
}

impl Comparison {
    /// Whether more spans, attributes, events or links could not make a true comparison false.
    ///
    /// Counts, sums, greatest values, distinct values and the trace's duration only grow, least values only shrink, and
    /// averages go anywhere; so a sum that is too large stays too large.
    pub(crate) fn is_lasting(&self) -> bool {
        let (left, right) = (self.left.drift(), self.right.drift());
        let fits = |drift: Drift, wanted: Drift| drift == Drift::Fixed || drift == wanted;
        match self.op {
            Compare::Equal | Compare::Unequal => left == Drift::Fixed && right == Drift::Fixed,
            Compare::Order(Order::Greater | Order::GreaterOrEqual) => {
                fits(left, Drift::Up) && fits(right, Drift::Down)
            }
            Compare::Order(Order::Less | Order::LessOrEqual) => {
                fits(left, Drift::Down) && fits(right, Drift::Up)
            }
        }
    }
}

impl Expr<Quantity> {
    fn drift(&self) -> Drift {
        match self {
            Self::Number(_) => Drift::Fixed,
            Self::Term(Quantity::Fold {
                fold: Fold::Min, ..
            }) => Drift::Down,
            Self::Term(Quantity::Fold {
                fold: Fold::Avg, ..
            }) => Drift::Any,
            Self::Term(
                Quantity::Count(_)
                | Quantity::Groups { .. }
                | Quantity::Duration
                | Quantity::Fold {
                    fold: Fold::Sum | Fold::Max | Fold::Distinct,
                    ..
                },
            ) => Drift::Up,
            Self::Binary { op, left, right } => match op {
                Arithmetic::Add => left.drift().plus(right.drift()),
                Arithmetic::Subtract => left.drift().plus(right.drift().flipped()),
                Arithmetic::Multiply => match (left.sign(), right.sign()) {
                    (Some(factor), _) => right.drift().times(factor),
                    (None, Some(factor)) => left.drift().times(factor),
                    (None, None) => Drift::Any,
                },
                Arithmetic::Divide => match right.sign() {
                    Some(divisor) => left.drift().times(divisor),
                    None => Drift::Any,
                },
            },
        }
    }

    /// Whether a literal is negative; `None` of anything else.
    fn sign(&self) -> Option<bool> {
        match self {
            Self::Number(Number::Int(int)) => Some(*int < 0),
            Self::Number(Number::Double(bits)) => Some(f64::from_bits(*bits) < 0.0),
            Self::Term(_) | Self::Binary { .. } => None,
        }
    }
}

impl Drift {
    /// Of a multiple, by a factor that may be negative.
    fn times(self, negative: bool) -> Self {
        if negative { self.flipped() } else { self }
    }
}

/// A sum, difference, product or quotient.
///
/// Ints are added, subtracted and multiplied exactly, and have no value where 64 bits do not hold the result; `/`, and
/// whatever has a double in it, is computed in doubles (an int becoming the nearest). Division by zero has no value, nor
/// has what comes out as NaN; infinities are values. What is computed of no value has none. An attribute that is NaN has no value here either.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Expr<T> {
    Number(Number),
    Term(T),
    Binary {
        op: Arithmetic,
        left: Box<Expr<T>>,
        right: Box<Expr<T>>,
    },
}

impl<T> Expr<T> {
    /// Calls `visit` with every term, from left to right.
    pub(crate) fn visit<'e>(&'e self, visit: &mut impl FnMut(&'e T)) {
        match self {
            Self::Number(_) => {}
            Self::Term(term) => visit(term),
            Self::Binary { left, right, .. } => {
                left.visit(visit);
                right.visit(visit);
            }
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
}

/// A number that a trace has.
///
/// The spans that it reads, which are witnesses: of `Count` those of the set; of `Groups` those of the groups of which the
/// comparison is true; of `Fold` those of the set whose value is not skipped; of `Duration` all.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Quantity {
    /// How many spans the set has.
    Count(SetId),
    /// How many spans of the set have one and the same value of `key`: one number for each such value.
    /// Values are the same as `Fold::Distinct` says; spans without the key form no group.
    Groups { set: SetId, key: Term },
    /// Of the values of the set's spans, in order of row. Values that are missing, NaN or no numbers are skipped.
    Fold { fold: Fold, set: SetId, value: Term },
    /// The latest end minus the earliest start, in ns; of a trace without spans: no value.
    Duration,
}

impl Quantity {
    /// The set that it is a number of.
    pub(crate) fn set(&self) -> Option<SetId> {
        match self {
            Self::Count(set) | Self::Groups { set, .. } | Self::Fold { set, .. } => Some(*set),
            Self::Duration => None,
        }
    }
}

/// How values become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Fold {
    /// Ints in 128 bits, doubles in order of row. Without a double: the int, or the nearest double where 64 bits do not
    /// hold it. With one: the nearest double of the sum of ints, plus the sum of doubles. Of nothing: 0.
    Sum,
    /// By mathematical value; of equal ones the first. Of nothing: no value, as of `Max` and `Avg`.
    Min,
    Max,
    /// The sum as a double, divided by how many there were.
    Avg,
    /// How many different values, 0 of nothing. Strings and ints are the same where their texts are (an int's is its
    /// canonical decimal), ints and doubles where their values are, booleans where they are; and what is the same as one
    /// and the same int in the set is the same. NaN, bytes, arrays and key-value lists are skipped.
    Distinct,
}

/// Something of a span that is a number, or that groups are made by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Term {
    /// An attribute as a number: an int, a double, or a string that is wholly a decimal number. (For `Distinct` and
    /// `Groups`: as itself.)
    Field(Field),
    Whole(Whole),
}

/// The spans that belong to at least one of the parts.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct SpanSet {
    pub(crate) parts: Vec<Part>,
}

/// The spans of a name, or all, that pass a filter.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Part {
    pub(crate) selector: Selector,
    pub(crate) filter: Filter,
}

/// Which spans a filter is asked about.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Selector {
    Name(String),
    Any,
}

/// A condition on one span.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Filter {
    /// True where all are; so where there are none.
    All(Vec<Filter>),
    Any(Vec<Filter>),
    Not(Box<Filter>),
    Test(Test),
    /// It is true of at least one event, or link, of the span. Inside, fields of that table are read of the one at hand,
    /// and all else of the span. Where events (or links) were dropped, false becomes unknown.
    Some {
        table: Table,
        filter: Box<Filter>,
    },
}

/// What a span has several of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Table {
    Events,
    Links,
}

impl Filter {
    /// The filter that every span passes.
    pub(crate) fn is_trivial(&self) -> bool {
        matches!(self, Self::All(all) if all.is_empty())
    }
}

/// One comparison. Where a field of it is missing, it is false.
///
/// Of an incomplete trace, it is unknown where attributes were dropped and an attribute that it reads (of the span, an
/// event, a link or the left span) is missing, and where spans are missing and it reads `Children`, `Depth` or `SelfDuration`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Test {
    /// The field is there.
    Exists(Field),
    /// The field equals one of the values; with `negated`, it is there and equals none.
    In {
        field: Field,
        values: Vec<Value>,
        negated: bool,
    },
    /// The field stands in this order to the value, a number or a text.
    Order {
        field: Field,
        op: Order,
        value: Value,
    },
    /// The field is a string that has this text somewhere.
    Text {
        field: Field,
        at: Place,
        text: String,
    },
    /// The field is a string with `text` in it, or an array with an element equal to `value`.
    Contains {
        field: Field,
        value: Value,
        text: String,
    },
    /// The field is a string that the pattern matches somewhere.
    Matches { field: Field, pattern: Pattern },
    /// As `Contains` of a text, but for case: the field is a string in which `string` matches, or an array with a string
    /// element that `element` matches.
    ContainsFolded {
        field: Field,
        string: Pattern,
        element: Pattern,
    },
    /// `contains`, `starts_with` or `ends_with` another field: both are strings and `left` has the text of `right` there;
    /// for `Anywhere` also: `left` is an array with an element that equals `right` as two fields are equal.
    TextFields {
        left: Field,
        at: Place,
        right: Field,
    },
    /// Two numbers, at least one of them computed, compared by mathematical value; false where one has no value.
    Compute {
        left: Expr<Term>,
        op: Compare,
        right: Expr<Term>,
    },
    /// Two fields are equal; with `negated`, both are there and differ.
    EqualFields {
        left: Field,
        right: Field,
        negated: bool,
    },
    OrderFields {
        left: Field,
        op: Order,
        right: Field,
    },
    /// A whole number that every span has, against a literal.
    Whole {
        left: Whole,
        op: Compare,
        value: Number,
    },
    /// The same against another of its kind.
    WholePair {
        left: Whole,
        op: Compare,
        right: Whole,
    },
}

/// A regular expression that was found good: syntax of the `regex` crate, Unicode, but `\b` in ASCII.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Pattern(pub(crate) String);

/// Where in a string a text is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Place {
    Start,
    Anywhere,
    End,
}

/// Something of a span that may be missing and has a type of its own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Field {
    Attribute {
        scope: Scope,
        key: String,
    },
    Intrinsic(TextIntrinsic),
    /// An attribute of the left span of a join, or of its resource where the span has none.
    Alias {
        key: String,
    },
}

impl Field {
    /// Whether it is an attribute, which may have been dropped and may hold anything.
    pub(crate) fn is_attribute(&self) -> bool {
        match self {
            Self::Attribute { .. } | Self::Alias { .. } => true,
            Self::Intrinsic(_) => false,
        }
    }
}

/// Whose attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Scope {
    /// The span's, or the resource's where the span has none.
    Any,
    Span,
    Resource,
    Instrumentation,
    /// Of the event or link at hand, inside `Filter::Some`.
    Event,
    Link,
}

/// A text that the span itself carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum TextIntrinsic {
    Name,
    StatusMessage,
    Id,
    Parent,
    ScopeName,
    ScopeVersion,
    /// Of the event at hand.
    EventName,
}

/// A whole number that every span has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Whole {
    /// The number of the kind in OTLP.
    Kind,
    /// The number of the status code in OTLP.
    Status,
    /// In nanoseconds since 1970, as are `End` and `Duration` in nanoseconds.
    Start,
    End,
    Duration,
    /// How many spans have it as their parent, as the column `parent` says.
    Children,
    /// How many ancestors it has; 0 of a root.
    Depth,
    /// In ns: the part of it that no child covers.
    SelfDuration,
    /// Of the start, in the rule's timezone, in which it may lie before 1970.
    Hour,
    Minute,
    /// 1 Monday to 7 Sunday.
    Weekday,
    /// Days since 1970-01-01; may be negative.
    Date,
}

/// A literal.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Value {
    Text(String),
    Number(Number),
    Bool(bool),
}

/// A number as it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Number {
    Int(i64),
    /// The bits of a finite double.
    Double(u64),
}

impl Number {
    pub(crate) fn double(value: f64) -> Self {
        Self::Double(value.to_bits())
    }
}

/// A comparison of two things that have an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Compare {
    Equal,
    Unequal,
    Order(Order),
}

/// One of the four orderings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Order {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Compare {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Equal => "==",
            Self::Unequal => "!=",
            Self::Order(order) => order.as_str(),
        }
    }

    /// The comparison that says the same with its sides exchanged.
    pub(crate) fn flipped(self) -> Self {
        match self {
            Self::Equal | Self::Unequal => self,
            Self::Order(order) => Self::Order(order.flipped()),
        }
    }
}

impl Order {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        }
    }

    pub(crate) fn flipped(self) -> Self {
        match self {
            Self::Less => Self::Greater,
            Self::LessOrEqual => Self::GreaterOrEqual,
            Self::Greater => Self::Less,
            Self::GreaterOrEqual => Self::LessOrEqual,
        }
    }

    /// Whether things that compare so stand in this order.
    pub(crate) fn admits(self, ordering: Ordering) -> bool {
        match self {
            Self::Less => ordering.is_lt(),
            Self::LessOrEqual => ordering.is_le(),
            Self::Greater => ordering.is_gt(),
            Self::GreaterOrEqual => ordering.is_ge(),
        }
    }
}
