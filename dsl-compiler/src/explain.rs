//! Why a rule gives a trace its verdict: the rule taken apart into rules that the sandbox judges as it judges any other.
//!
//! There is one way to evaluate a rule, and this is no second one. Each condition of the rule, each span set in it and each
//! condition of a filter becomes a rule `match { ... }` of a pack of its own: violated where it is true of the trace, with the
//! spans that make it so as witnesses; inconclusive where what is missing decides. What `every` and `no` ask becomes an
//! `always` too, whose witnesses are the spans that break it. Reading the verdicts is for whoever asked.

use crate::{
    Diagnostic, Source, codegen, component,
    ir::{
        Amount, Body, Cond, Filter, Pack, Part, Quantifier, Quantity, Relation, RelationKind, Rule,
        SetId, Severity, SpanSet,
    },
    pattern::Tables,
    reads,
};

mod rewrite;
mod text;

use rewrite::{alone, with_sets};
use text::Text;

/// How many pieces are judged; what goes beyond is shown without a verdict of its own.
const PIECES_MAX: usize = 512;

/// A rule taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// A pack whose rules judge the pieces.
    pub component: Vec<u8>,
    /// The rule's clauses, in order of evaluation.
    pub clauses: Vec<Piece>,
}

/// A part of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// What it is of the part above it.
    pub role: Role,
    /// It, in the words of the language.
    pub text: String,
    /// The rule of the pack, by its place, that is violated where this is true. `None` of what is too much to judge.
    pub rule: Option<usize>,
    /// The rule of the pack that is violated where this is false, and whose witnesses are the spans that break it.
    pub broken_by: Option<usize>,
    /// What it is made of.
    pub parts: Vec<Piece>,
}

/// What a piece is of the part above it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The situation of a bare condition, where it is not every trace.
    Situation,
    /// The condition of a bare rule.
    Match,
    /// `when { }`
    When,
    /// `always { }`
    Always,
    /// `never { }`
    Never,
    /// An operand of `and`, `or` or `not`.
    Operand,
    /// A span set: true if it has spans.
    Set,
    /// The spans of a set before its filter.
    Unfiltered,
    /// Those of them that pass one condition of the filter.
    Passing,
    /// A condition near the one above, which shows how that one failed.
    Instead,
}

/// Takes a rule of a source apart; `None` where the source does not compile, or has no such rule.
pub fn explain(source: &Source<'_>, rule: &str) -> (Option<Explanation>, Vec<Diagnostic>) {
    let (compiled, diagnostics) = crate::compile(source);
    if compiled.is_none() {
        return (None, diagnostics);
    }
    let mut tables = Tables::default();
    let pack = crate::front(source, &mut tables).0.map(|(pack, _)| pack);
    let found = pack.and_then(|pack| pack.rules.into_iter().find(|found| found.id == rule));
    (
        found.and_then(|rule| take_apart(&rule, &mut tables)),
        diagnostics,
    )
}

fn take_apart(rule: &Rule, tables: &mut Tables) -> Option<Explanation> {
    let mut builder = Builder {
        rule,
        rules: Vec::new(),
    };
    let mut clauses = Vec::new();
    match &rule.body {
        Body::Match {
            situation,
            condition,
        } => {
            if !matches!(situation, Cond::All(all) if all.is_empty()) {
                clauses.push(builder.condition(Role::Situation, situation));
            }
            clauses.push(builder.condition(Role::Match, condition));
        }
        Body::Clauses {
            when,
            always,
            never,
        } => {
            clauses.push(builder.condition(Role::When, when));
            if let Some(always) = always {
                clauses.push(builder.condition(Role::Always, always));
            }
            if let Some(never) = never {
                clauses.push(builder.condition(Role::Never, never));
            }
        }
    }
    let pack = Pack {
        rules: builder.rules,
    };
    let module = codegen::emit(&pack, &reads::pack_reads(&pack), tables).ok()?;
    Some(Explanation {
        component: component::encode(module, None).ok()?,
        clauses,
    })
}

/// Makes the rules of the pack, as the pieces need them.
struct Builder<'r> {
    rule: &'r Rule,
    rules: Vec<Rule>,
}

impl Builder<'_> {
    fn condition(&mut self, role: Role, condition: &Cond) -> Piece {
        // An `and` of one operand is that operand.
        if let Cond::All(several) | Cond::Any(several) = condition
            && let [one] = several.as_slice()
        {
            return self.condition(role, one);
        }
        let sets = &self.rule.sets;
        let text = Text(sets).condition(condition);
        let rule = self.judged(condition, sets);
        let broken_by = asks_of_each(condition)
            .then(|| self.push(condition, sets, Form::Always))
            .flatten();
        Piece {
            role,
            text,
            rule,
            broken_by,
            parts: self.parts(condition),
        }
    }

    fn parts(&mut self, condition: &Cond) -> Vec<Piece> {
        match condition {
            Cond::All(several) | Cond::Any(several) => several
                .iter()
                .map(|one| self.condition(Role::Operand, one))
                .collect(),
            Cond::Not(inner) => vec![self.condition(Role::Operand, inner)],
            Cond::Exists(set) => self.parts_of_set(*set),
            Cond::Count { left, right, .. } => [left, right]
                .into_iter()
                .filter_map(|amount| match amount {
                    Amount::Count(set) => Some(self.set(*set)),
                    Amount::Number(_) => None,
                })
                .collect(),
            Cond::Compare(comparison) => {
                let sets = quantity_sets(comparison);
                sets.into_iter().map(|set| self.set(set)).collect()
            }
            Cond::Root(_) => Vec::new(),
            Cond::Relation(relation) => self.parts_of_relation(relation),
            Cond::Each(each) => {
                let mut sets = vec![each.left];
                sets.extend(quantity_sets(&each.comparison));
                sets.into_iter().map(|set| self.set(set)).collect()
            }
            Cond::Chain(sets) => {
                let mut parts: Vec<Piece> = sets.iter().map(|set| self.set(*set)).collect();
                // How far the chain comes.
                for end in 2..sets.len() {
                    let begun = sets.get(..end).unwrap_or_default().to_vec();
                    parts.push(self.instead(&Cond::Chain(begun)));
                }
                parts
            }
        }
    }

    fn parts_of_relation(&mut self, relation: &Relation) -> Vec<Piece> {
        let mut parts = vec![self.set(relation.left), self.set(relation.right)];
        let some = Relation {
            quantifier: Quantifier::Some,
            ..relation.clone()
        };
        if relation.quantifier != Quantifier::Some {
            parts.push(self.instead(&Cond::Relation(some.clone())));
        }
        if relation.within.is_some() {
            let unbounded = Relation {
                within: None,
                ..some.clone()
            };
            parts.push(self.instead(&Cond::Relation(unbounded)));
        }
        for kind in near(relation.kind) {
            let other = Relation {
                kind: *kind,
                within: None,
                ..some.clone()
            };
            parts.push(self.instead(&Cond::Relation(other)));
        }
        parts
    }

    fn instead(&mut self, condition: &Cond) -> Piece {
        let sets = &self.rule.sets;
        Piece {
            role: Role::Instead,
            text: Text(sets).condition(condition),
            rule: self.judged(condition, sets),
            broken_by: None,
            parts: Vec::new(),
        }
    }

    /// A set on its own: of one that is joined, without what joins it.
    fn set(&mut self, id: SetId) -> Piece {
        let Some(set) = self.rule.sets.get(id) else {
            return self.of_set(Role::Set, SpanSet { parts: Vec::new() }, Vec::new());
        };
        let set = alone(set);
        let parts = self.parts_of(&set);
        self.of_set(Role::Set, set, parts)
    }

    fn parts_of_set(&mut self, id: SetId) -> Vec<Piece> {
        let set = self.rule.sets.get(id).map(alone);
        set.map_or_else(Vec::new, |set| self.parts_of(&set))
    }

    fn parts_of(&mut self, set: &SpanSet) -> Vec<Piece> {
        let one = |part: &Part| SpanSet {
            parts: vec![part.clone()],
        };
        match set.parts.as_slice() {
            [part] => self.parts_of_part(part),
            several => several
                .iter()
                .map(|part| {
                    let parts = self.parts_of_part(part);
                    self.of_set(Role::Set, one(part), parts)
                })
                .collect(),
        }
    }

    /// The spans of the name, and those of them that pass each condition of the filter.
    fn parts_of_part(&mut self, part: &Part) -> Vec<Piece> {
        let filters: Vec<Filter> = match &part.filter {
            Filter::All(all) if all.is_empty() => return Vec::new(),
            Filter::All(all) => all.clone(),
            one @ (Filter::Any(_) | Filter::Not(_) | Filter::Test(_) | Filter::Some { .. }) => {
                vec![one.clone()]
            }
        };
        let with = |filter: Filter| SpanSet {
            parts: vec![Part {
                selector: part.selector.clone(),
                filter,
            }],
        };
        let unfiltered = with(Filter::All(Vec::new()));
        let mut pieces = vec![self.of_set(Role::Unfiltered, unfiltered, Vec::new())];
        for filter in filters {
            let text = text::filter(&filter);
            let mut piece = self.of_set(Role::Passing, with(filter), Vec::new());
            piece.text = text;
            pieces.push(piece);
        }
        pieces
    }

    fn of_set(&mut self, role: Role, set: SpanSet, parts: Vec<Piece>) -> Piece {
        let sets = [set];
        Piece {
            role,
            text: Text(&sets).set(0),
            rule: self.judged(&Cond::Exists(0), &sets),
            broken_by: None,
            parts,
        }
    }

    fn judged(&mut self, condition: &Cond, sets: &[SpanSet]) -> Option<usize> {
        self.push(condition, sets, Form::Match)
    }

    /// Adds a rule that speaks of the condition's sets alone: what others read must not make it inconclusive.
    fn push(&mut self, condition: &Cond, sets: &[SpanSet], form: Form) -> Option<usize> {
        let at = self.rules.len();
        if at >= PIECES_MAX {
            return None;
        }
        let (condition, sets) = with_sets(condition, sets);
        let always = || Cond::All(Vec::new());
        self.rules.push(Rule {
            id: format!("piece-{at}"),
            signal: format!("PIECE_{at}"),
            severity: Severity::Info,
            summary: String::new(),
            message: Vec::new(),
            controls: Vec::new(),
            labels: Vec::new(),
            zone: self.rule.zone.clone(),
            sets,
            body: match form {
                Form::Match => Body::Match {
                    situation: always(),
                    condition,
                },
                Form::Always => Body::Clauses {
                    when: always(),
                    always: Some(condition),
                    never: None,
                },
            },
        });
        Some(at)
    }
}

/// Which verdict a piece's rule gives where its condition is true.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// Violated.
    Match,
    /// Held.
    Always,
}

/// Whether a false condition has witnesses of its own.
fn asks_of_each(condition: &Cond) -> bool {
    let quantifier = match condition {
        Cond::Relation(relation) => relation.quantifier,
        Cond::Each(each) => each.quantifier,
        Cond::All(_)
        | Cond::Any(_)
        | Cond::Not(_)
        | Cond::Exists(_)
        | Cond::Count { .. }
        | Cond::Compare(_)
        | Cond::Root(_)
        | Cond::Chain(_) => Quantifier::Some,
    };
    quantifier != Quantifier::Some
}

fn quantity_sets(comparison: &crate::ir::Comparison) -> Vec<SetId> {
    let mut sets = Vec::new();
    let mut add = |quantity: &Quantity| match quantity {
        Quantity::Count(set) | Quantity::Groups { set, .. } | Quantity::Fold { set, .. } => {
            if !sets.contains(set) {
                sets.push(*set);
            }
        }
        Quantity::Duration => {}
    };
    comparison.left.visit(&mut add);
    comparison.right.visit(&mut add);
    sets
}

/// What the spans of a failed relation may be to each other instead.
fn near(kind: RelationKind) -> &'static [RelationKind] {
    match kind {
        RelationKind::Before => &[RelationKind::After, RelationKind::Overlaps],
        RelationKind::After => &[RelationKind::Before, RelationKind::Overlaps],
        RelationKind::StartsBefore => &[RelationKind::StartsAfter],
        RelationKind::StartsAfter => &[RelationKind::StartsBefore],
        RelationKind::Overlaps => &[RelationKind::Before, RelationKind::After],
        RelationKind::Under => &[RelationKind::Over],
        RelationKind::Over => &[RelationKind::Under],
        RelationKind::ChildOf => &[RelationKind::Under, RelationKind::ParentOf],
        RelationKind::ParentOf => &[RelationKind::Over, RelationKind::ChildOf],
        RelationKind::SiblingOf => &[RelationKind::With],
        RelationKind::With => &[],
    }
}
