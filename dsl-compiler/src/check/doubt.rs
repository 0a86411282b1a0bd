//! Warnings of conditions that mean something, and probably not what was meant: one where each was, and clauses that
//! say the same.

use super::Checker;
use crate::{
    ast::{self, Clause, ClauseKind, Operand, Relation, Set},
    diagnostic::{Code, Diagnostic},
    ir::{Cond, Quantifier},
    source::Span,
};

/// Whether one of two conditions is the negation of the other.
fn are_opposites(one: &Cond, other: &Cond) -> bool {
    let negates = |one: &Cond, other: &Cond| matches!(one, Cond::Not(inner) if **inner == *other);
    negates(one, other) || negates(other, one)
}

/// With how many operands of one `and` each is compared with each.
const OPERANDS_MAX: usize = 64;

impl Checker<'_> {
    /// Warns of what is doubtful in a rule whose clauses are in order.
    pub(super) fn warn_doubts(&mut self, clauses: &[(&Clause, &Cond)]) {
        let find = |kind| {
            clauses
                .iter()
                .find(|(clause, _)| clause.kind == kind)
                .copied()
        };
        let (when, always, never) = (
            find(ClauseKind::When),
            find(ClauseKind::Always),
            find(ClauseKind::Never),
        );
        if let (Some(always), Some(never)) = (always, never) {
            self.warn_repeated(always, never);
        }
        if let (Some(when), Some(always)) = (when, always) {
            self.warn_given(when, always);
            self.warn_identity(&when.0.condition, &always.0.condition);
        }
        for (clause, _) in clauses {
            let mut relations = Vec::new();
            positive_relations(&clause.condition, &mut relations);
            for relation in relations {
                self.warn_quantifier(clause.kind, relation);
            }
        }
    }

    /// `never` asks for what `always` asks for, or for its opposite, which says the same again.
    fn warn_repeated(&mut self, always: (&Clause, &Cond), never: (&Clause, &Cond)) {
        if operands(always.1)
            .iter()
            .any(|demand| are_opposites(demand, never.1))
        {
            let diagnostic = Diagnostic::warning(
                Code::RepeatedClause,
                never.0.span,
                "`never` says again what `always` says",
                "the opposite of what is demanded",
            )
            .also(always.0.span, "demanded here");
            return self.report(diagnostic.help("leave it out"));
        }
        if never.1 != always.1 && !operands(always.1).contains(&never.1) {
            return;
        }
        let diagnostic = Diagnostic::warning(
            Code::ConstantCondition,
            never.0.span,
            "`never` forbids what `always` demands: the rule is violated wherever it applies",
            "never fulfilled together",
        )
        .also(always.0.span, "demanded here");
        self.report(diagnostic.help("leave out one of the two"));
    }

    /// `always` asks for what `when` says already.
    fn warn_given(&mut self, when: (&Clause, &Cond), always: (&Clause, &Cond)) {
        let given = operands(when.1);
        let demanded = operands(always.1);
        if demanded.is_empty() || !demanded.iter().all(|demand| given.contains(demand)) {
            return;
        }
        let diagnostic = Diagnostic::warning(
            Code::ConstantCondition,
            always.0.span,
            "`always` demands what `when` says already: it is never broken",
            "always true here",
        )
        .also(when.0.span, "said here");
        self.report(diagnostic.help("demand something else of such a trace"));
    }

    /// Warns where `when` looks for spans with an identity, and `always` asks for one span whatever its identity.
    fn warn_identity(&mut self, when: &ast::Cond, always: &ast::Cond) {
        let (mut given, mut demanded) = (Vec::new(), Vec::new());
        positive_sets(when, &mut given);
        positive_sets(always, &mut demanded);
        let Some((left, key)) = given
            .iter()
            .find_map(|set| Some((*set, identity(&set.filters)?)))
        else {
            return;
        };
        for set in demanded {
            if speaks_of(&set.filters, key) {
                continue;
            }
            let (left, right) = (
                self.source(left.selector.span),
                self.source(set.selector.span),
            );
            let diagnostic = Diagnostic::warning(
                Code::OneForMany,
                set.selector.span,
                format!("this asks for one `{right}`, however many spans `when` finds"),
                format!("whatever its `{key}`"),
            );
            self.report(diagnostic.help(format!(
                "for one of each, write `every {left}.where(...) as x with {right}.where({key} == x.{key})`, or a relation of time in place of `with`"
            )));
        }
    }

    /// Warns of a relation whose quantifier is missing, or holds of no spans at all.
    fn warn_quantifier(&mut self, kind: ClauseKind, relation: &Relation) {
        let quantifier = relation.quantifier.as_ref();
        let every = quantifier.filter(|quantifier| quantifier.value == Quantifier::Every);
        let left = self.source(relation.left.span);
        let diagnostic = match (kind, quantifier, every) {
            (ClauseKind::Always, None, _) => Diagnostic::warning(
                Code::OneForMany,
                relation.span,
                format!("one `{left}` for which this holds is enough"),
                "asks for one, and not for each",
            )
            .help(format!(
                "write `every {left} ...` if it must hold for each, or `no {left} ...` if for none"
            )),
            (ClauseKind::Match | ClauseKind::Never, _, Some(every)) => Diagnostic::warning(
                Code::OneForMany,
                every.span,
                format!("this is a violation where it holds for every `{left}`, and where there is none"),
                "true of no spans, too",
            )
            .help(format!("for a violation where it does not hold for some `{left}`, write `not every {left} ...`; where it holds for one, leave out `every`")),
            (ClauseKind::When | ClauseKind::Always | ClauseKind::Match | ClauseKind::Never, _, _) => return,
        };
        self.report(diagnostic);
    }
}

/// The operands of an `and`, or the condition alone.
fn operands(condition: &Cond) -> Vec<&Cond> {
    match condition {
        // More are a list that was generated, and comparing each with each takes long.
        Cond::All(all) if all.len() > OPERANDS_MAX => Vec::new(),
        Cond::All(all) => all.iter().collect(),
        Cond::Any(_)
        | Cond::Not(_)
        | Cond::Exists(_)
        | Cond::Count { .. }
        | Cond::Compare(_)
        | Cond::Root(_)
        | Cond::Relation(_)
        | Cond::Each(_)
        | Cond::Chain(_) => vec![condition],
    }
}

/// The relations that no `not` turns over.
fn positive_relations<'c>(condition: &'c ast::Cond, relations: &mut Vec<&'c Relation>) {
    match condition {
        ast::Cond::And(conditions) | ast::Cond::Or(conditions) => {
            for condition in conditions {
                positive_relations(condition, relations);
            }
        }
        ast::Cond::Relation(relation) => relations.push(relation),
        ast::Cond::Not(_)
        | ast::Cond::Set(_)
        | ast::Cond::Compare { .. }
        | ast::Cond::Root { .. }
        | ast::Cond::Then(_) => {}
    }
}

/// The sets of which one span is asked for.
fn positive_sets<'c>(condition: &'c ast::Cond, sets: &mut Vec<&'c Set>) {
    match condition {
        ast::Cond::And(conditions) | ast::Cond::Or(conditions) => {
            for condition in conditions {
                positive_sets(condition, sets);
            }
        }
        ast::Cond::Set(set) => sets.push(set),
        ast::Cond::Not(_)
        | ast::Cond::Compare { .. }
        | ast::Cond::Root { .. }
        | ast::Cond::Relation(_)
        | ast::Cond::Then(_) => {}
    }
}

/// The first attribute of filters that is an identity: `user.id`.
fn identity(filters: &[ast::Filter]) -> Option<&str> {
    let mut found = None;
    for filter in filters {
        visit_keys(filter, &mut |key| {
            if found.is_none() && key.rsplit_once('.').is_some_and(|(_, last)| last == "id") {
                found = Some(key);
            }
        });
    }
    found
}

fn speaks_of(filters: &[ast::Filter], wanted: &str) -> bool {
    let mut found = false;
    for filter in filters {
        visit_keys(filter, &mut |key| found |= key == wanted);
    }
    found
}

/// Calls `visit` with every attribute on the left of a comparison.
fn visit_keys<'f>(filter: &'f ast::Filter, visit: &mut impl FnMut(&'f str)) {
    match filter {
        ast::Filter::And(filters) | ast::Filter::Or(filters) => {
            for filter in filters {
                visit_keys(filter, visit);
            }
        }
        ast::Filter::Not(inner) => visit_keys(inner, visit),
        ast::Filter::Truth(operand)
        | ast::Filter::Exists(operand)
        | ast::Filter::Compare { left: operand, .. } => match &operand.value {
            Operand::Key(key) | Operand::Scoped { key, .. } => visit(key),
            Operand::Intrinsic { .. } => {}
        },
        // Of events and links there are several, and what is computed with is no identity.
        ast::Filter::Compute { .. } | ast::Filter::Some { .. } => {}
    }
}

/// The place of a condition.
pub(super) fn span_of(condition: &ast::Cond) -> Span {
    let of_all = |conditions: &[ast::Cond]| {
        let first = conditions.first().map(span_of).unwrap_or_default();
        first.to(conditions.last().map(span_of).unwrap_or_default())
    };
    match condition {
        ast::Cond::And(conditions) | ast::Cond::Or(conditions) => of_all(conditions),
        ast::Cond::Not(inner) => span_of(inner),
        ast::Cond::Set(set) => set.selector.span,
        ast::Cond::Compare { left, right, .. } => left.span().to(right.span()),
        ast::Cond::Root { right, span, .. } => span.to(right.span),
        ast::Cond::Relation(relation) => relation.span,
        ast::Cond::Then(links) => {
            let first = links.first().map(|link| link.span).unwrap_or_default();
            first.to(links.last().map(|link| link.span).unwrap_or_default())
        }
    }
}
