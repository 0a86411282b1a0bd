//! What conditions over the trace become.

use crate::{
    Source, front,
    ir::{
        Amount, Arithmetic, Body, Compare, Comparison, Cond, Each, Expr, Field, Filter, Fold,
        MessagePart, Number, Order, Quantifier, Quantity, Relation, Rule, Scope, Term, Test,
        TextIntrinsic, Value, Whole,
    },
    pattern::Tables,
};

/// The one rule of a source.
fn rule(text: &str) -> Rule {
    let source = Source {
        name: "x.btr",
        text: text.as_bytes(),
    };
    let (front, diagnostics) = front(&source, &mut Tables::default());
    let (mut pack, _) = front.unwrap_or_else(|| panic!("{text}: {diagnostics:?}"));
    assert_eq!(pack.rules.len(), 1, "{text}");
    pack.rules.remove(0)
}

/// Situation and condition of a bare rule.
fn bare(text: &str) -> (Cond, Cond) {
    let Body::Match {
        situation,
        condition,
    } = rule(text).body
    else {
        panic!("{text}: not a bare condition");
    };
    (situation, condition)
}

fn greater(left: Expr<Quantity>, right: Expr<Quantity>) -> Comparison {
    Comparison {
        left,
        op: Compare::Order(Order::Greater),
        right,
    }
}

fn int(int: i64) -> Expr<Quantity> {
    Expr::Number(Number::Int(int))
}

fn key(key: &str) -> Field {
    Field::Attribute {
        scope: Scope::Any,
        key: key.to_owned(),
    }
}

#[test]
fn two_spellings_are_one_condition() {
    for (one, other) in [
        ("trace:span_count > 3", "count(any) > 3"),
        (
            "trace:errors == 0",
            "count(any.where(span:status == error)) == 0",
        ),
        ("trace:services > 2", "distinct(any, span:service) > 2"),
        (
            "trace.count(a).where(x == 1) > 3",
            "count(a.where(x == 1)) > 3",
        ),
        ("count(a) > 2 * 3", "count(a) > 6"),
        ("count(a)-1 > 2", "count(a) - 1 > 2"),
        (
            "count(a) + 2 * count(b) > 3",
            "count(a) + (2 * count(b)) > 3",
        ),
        (
            "count(a) - count(b) - count(c) > 3",
            "(count(a) - count(b)) - count(c) > 3",
        ),
        ("trace:duration > 2 * 30s", "trace:duration > 1m"),
        ("not a before b and c", "(not (a before b)) and c"),
        ("a or b before c and d", "a or ((b before c) and d)"),
        ("(a) before ((b or c))", "a before (b or c)"),
        ("a.where(x > 1) before b", "(a.x > 1) before b"),
        ("((a or b) then c)", "(a or b) then c"),
        (
            "a as p before b.where(k == p.\"x\")",
            "a as p before b.where(k == p.x)",
        ),
        (
            "a as p before b.where(k == p.x)",
            "a as q before b.where(k == q.x)",
        ),
        (
            "let few = count(b.where(k == p.k)) <= 3 let some = a or c every some as p with few",
            "every (a or c) as p with count(b.where(k == p.k)) <= 3",
        ),
        (
            "let soon = 5m let r = a before b within soon r or c",
            "a before b within 5m or c",
        ),
        ("let n = 1 + count(a) n * 2 > 3", "(1 + count(a)) * 2 > 3"),
        ("then then then", "\"then\" then \"then\""),
    ] {
        let (one_rule, other_rule) = (rule(one), rule(other));
        assert_eq!(
            (one_rule.body, one_rule.sets),
            (other_rule.body, other_rule.sets),
            "{one}"
        );
    }
    assert_ne!(
        bare("(count(a) + 2) * count(b) > 3"),
        bare("count(a) + 2 * count(b) > 3")
    );
}

#[test]
fn every_relation_has_its_kind() {
    for (word, kind) in crate::parser::RELATIONS {
        for (text, quantifier) in [
            ("", Quantifier::Some),
            ("every ", Quantifier::Every),
            ("no ", Quantifier::No),
        ] {
            let relation = |within| {
                Cond::Relation(Relation {
                    quantifier,
                    left: 0,
                    kind,
                    within,
                    right: 1,
                })
            };
            assert_eq!(bare(&format!("{text}a {word} b")).1, relation(None));
            assert_eq!(
                bare(&format!("{text}a {word} b within 2s")).1,
                relation(Some(2_000_000_000))
            );
        }
    }
}

#[test]
fn the_filters_of_the_right_side_read_the_left_span() {
    let joined = rule("every a as p after b.where(user.id == p.user.id)");
    assert_eq!(
        joined.sets[1].parts[0].filter,
        Filter::Test(Test::EqualFields {
            left: key("user.id"),
            right: Field::Alias {
                key: "user.id".to_owned()
            },
            negated: false,
        })
    );
    let computed = rule("a as p before b.where(x > p.x + 1 and y in [1, p.y])");
    let Filter::All(tests) = &computed.sets[1].parts[0].filter else {
        panic!("{computed:?}");
    };
    let alias = |key: &str| Field::Alias {
        key: key.to_owned(),
    };
    assert_eq!(
        tests[0],
        Filter::Test(Test::Compute {
            left: Expr::Term(Term::Field(key("x"))),
            op: Compare::Order(Order::Greater),
            right: Expr::Binary {
                op: Arithmetic::Add,
                left: Box::new(Expr::Term(Term::Field(alias("x")))),
                right: Box::new(Expr::Number(Number::Int(1))),
            },
        })
    );
    let Filter::Any(either) = &tests[1] else {
        panic!("{tests:?}");
    };
    assert!(
        either.contains(&Filter::Test(Test::EqualFields {
            left: key("y"),
            right: alias("y"),
            negated: false,
        })),
        "{either:?}"
    );
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn amounts_that_are_no_counts_are_comparisons_of_their_own() {
    let fold = |fold, value| {
        Expr::Term(Quantity::Fold {
            fold,
            set: 0,
            value,
        })
    };
    let duration = || Term::Whole(Whole::Duration);
    for (text, expected) in [
        (
            "sum(a, x) > 3",
            greater(fold(Fold::Sum, Term::Field(key("x"))), int(3)),
        ),
        (
            "max(a, span:duration) > 2s",
            greater(fold(Fold::Max, duration()), int(2_000_000_000)),
        ),
        (
            "min(a, span:depth) > 2",
            greater(fold(Fold::Min, Term::Whole(Whole::Depth)), int(2)),
        ),
        (
            "avg(a, span:duration) / 1ms > 2",
            greater(
                Expr::Binary {
                    op: Arithmetic::Divide,
                    left: Box::new(fold(Fold::Avg, duration())),
                    right: Box::new(int(1_000_000)),
                },
                int(2),
            ),
        ),
        (
            "distinct(a, span:name) > 1",
            greater(
                fold(
                    Fold::Distinct,
                    Term::Field(Field::Intrinsic(TextIntrinsic::Name)),
                ),
                int(1),
            ),
        ),
        (
            "count(a by order.id) > 3",
            greater(
                Expr::Term(Quantity::Groups {
                    set: 0,
                    key: Term::Field(key("order.id")),
                }),
                int(3),
            ),
        ),
        (
            "trace:duration > 5s",
            greater(Expr::Term(Quantity::Duration), int(5_000_000_000)),
        ),
    ] {
        assert_eq!(bare(text).1, Cond::Compare(expected), "{text}");
    }
    assert_eq!(
        bare("3 < count(a)").1,
        Cond::Count {
            left: Amount::Number(Number::Int(3)),
            op: Compare::Order(Order::Less),
            right: Amount::Count(0),
        }
    );
    assert_eq!(
        bare("no a as p with count(b.where(k == p.k)) > 3").1,
        Cond::Each(Each {
            quantifier: Quantifier::No,
            left: 0,
            comparison: greater(Expr::Term(Quantity::Count(1)), int(3)),
        })
    );
    assert_eq!(bare("a then b then a").1, Cond::Chain(vec![0, 1, 0]));
    assert_eq!(
        bare("trace:root not in [x, \"y z\"]").1,
        Cond::Root(Filter::Test(Test::In {
            field: Field::Intrinsic(TextIntrinsic::Name),
            values: vec![Value::Text("x".to_owned()), Value::Text("y z".to_owned())],
            negated: true,
        }))
    );
}

#[test]
fn the_situation_is_what_is_not_negated() {
    for (text, situation) in [
        ("a and not b", "a"),
        ("a and no b before c and d", "a and d"),
        ("a and (b before c and not d)", "a and b before c"),
        ("a and (not b)", "a"),
        ("let x = not b a and x", "a"),
        ("let x = no b under c let y = a and x y and d", "a and d"),
        (
            "count(a) > 3 and every b under c and not d then e",
            "count(a) > 3 and every b under c",
        ),
    ] {
        let (_, expected) = bare(situation);
        let expected = if let Cond::All(all) = expected {
            all
        } else {
            vec![expected]
        };
        // The numbers of the sets are those of the whole rule, in which what stands first is numbered first.
        let (Cond::All(found), condition) = bare(text) else {
            panic!("{text}");
        };
        assert_eq!(found.len(), expected.len(), "{text}");
        let Cond::All(operands) = condition else {
            panic!("{text}");
        };
        assert!(
            found.iter().all(|operand| operands.contains(operand)),
            "{text}"
        );
        let same_kind = |(one, other): (&Cond, &Cond)| {
            std::mem::discriminant(one) == std::mem::discriminant(other)
        };
        assert!(found.iter().zip(&expected).all(same_kind), "{text}");
    }
    for text in [
        "a and b",
        "a or not b",
        "not a",
        "no a before b",
        "not (a and not b)",
        "a and every b before c",
        "a and (b or not c)",
    ] {
        assert_eq!(bare(text).0, Cond::All(Vec::new()), "{text}");
    }
}

#[test]
fn an_alias_in_a_message_is_filled_from_its_left_side() {
    let named = |name: &str| {
        vec![MessagePart::Value {
            name: name.to_owned(),
            key: "user.id".to_owned(),
        }]
    };
    let head = "rule r { message \"{p.user.id}\"";
    for (clauses, expected) in [
        ("match { a.b as p before c.where(k == p.k) }", "a.b"),
        (
            "when { x } always { every (a.where(x == 1) or a) as p before c.where(k == p.k) and d }",
            "a",
        ),
        (
            "when { x } always { every (a or b) as p before c.where(k == p.k) }",
            "",
        ),
        (
            "when { x } always { every ~\"^a\" as p before c.where(k == p.k) }",
            "",
        ),
    ] {
        assert_eq!(
            rule(&format!("{head} {clauses} }}")).message,
            named(expected),
            "{clauses}"
        );
    }
    // The longest name is meant, be it of spans or given by `as`.
    assert_eq!(
        rule(&format!(
            "{head} match {{ p.user and a as p before c.where(k == p.k) }} }}"
        ))
        .message,
        [MessagePart::Value {
            name: "p.user".to_owned(),
            key: "id".to_owned(),
        }]
    );
}
