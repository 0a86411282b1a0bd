//! What filters become.

use crate::{
    Source, front,
    ir::{
        Arithmetic, Body, Compare, Cond, Expr, Field, Filter, Number, Order, Pattern, Place, Scope,
        Table, Term, Test, TextIntrinsic, Value, Whole,
    },
    pattern::Tables,
};

/// The filter of the one set of a source.
fn set_filter(text: &str) -> Filter {
    let source = Source {
        name: "x.btr",
        text: text.as_bytes(),
    };
    let (front, diagnostics) = front(&source, &mut Tables::default());
    let (pack, _) = front.unwrap_or_else(|| panic!("{text}: {diagnostics:?}"));
    let [rule] = pack.rules.as_slice() else {
        panic!("{text}: more than one rule");
    };
    assert!(
        matches!(
            &rule.body,
            Body::Match {
                condition: Cond::Exists(0),
                ..
            }
        ),
        "{text}"
    );
    rule.sets[0].parts[0].filter.clone()
}

fn filter(text: &str) -> Filter {
    set_filter(&format!("a.where({text})"))
}

fn attribute(scope: Scope, key: &str) -> Field {
    Field::Attribute {
        scope,
        key: key.to_owned(),
    }
}

fn any(key: &str) -> Field {
    attribute(Scope::Any, key)
}

fn equal(field: Field, value: Value) -> Test {
    Test::In {
        field,
        values: vec![value],
        negated: false,
    }
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn some(table: Table, filter: Filter) -> Filter {
    Filter::Some {
        table,
        filter: Box::new(filter),
    }
}

fn term(whole: Whole) -> Expr<Term> {
    Expr::Term(Term::Whole(whole))
}

fn number(key: &str) -> Expr<Term> {
    Expr::Term(Term::Field(any(key)))
}

#[test]
fn patterns_and_texts_in_any_case_are_kept_as_patterns() {
    let matches = |field, pattern: &str| {
        Filter::Test(Test::Matches {
            field,
            pattern: Pattern(pattern.to_owned()),
        })
    };
    assert_eq!(
        filter(r#"path matches "^/\d+\\.x""#),
        matches(any("path"), r"^/\d+\.x")
    );
    let name = Field::Intrinsic(TextIntrinsic::Name);
    assert_eq!(set_filter(r#"~"^GET ""#), matches(name.clone(), "^GET "));
    assert_eq!(
        set_filter(r#"trace.has(~"^GET ").where(x)"#),
        Filter::All(vec![
            matches(name, "^GET "),
            Filter::Test(equal(any("x"), Value::Bool(true)))
        ])
    );
    assert_eq!(
        filter(r#"x contains_i "a.b""#),
        Filter::Test(Test::ContainsFolded {
            field: any("x"),
            string: Pattern(r"(?i)a\.b".to_owned()),
            element: Pattern(r"(?i)\A(?:a\.b)\z".to_owned()),
        })
    );
}

#[test]
fn each_comparison_looks_for_its_own_event_unless_one_is_at_hand() {
    let name = Filter::Test(equal(
        Field::Intrinsic(TextIntrinsic::EventName),
        text("exception"),
    ));
    let kind = Filter::Test(equal(attribute(Scope::Event, "type"), text("a.b")));
    assert_eq!(
        filter(r#"event:name == exception and not event.type == "a.b""#),
        Filter::All(vec![
            some(Table::Events, name.clone()),
            Filter::Not(Box::new(some(Table::Events, kind.clone())))
        ])
    );
    assert_eq!(
        filter(r#"event.where(event:name == exception and event.type == "a.b")"#),
        some(Table::Events, Filter::All(vec![name, kind]))
    );
    assert_eq!(
        filter(r#"exists event."a b" or link.flag or event.where"#),
        Filter::Any(vec![
            some(
                Table::Events,
                Filter::Test(Test::Exists(attribute(Scope::Event, "a b")))
            ),
            some(
                Table::Links,
                Filter::Test(equal(attribute(Scope::Link, "flag"), Value::Bool(true)))
            ),
            some(
                Table::Events,
                Filter::Test(equal(attribute(Scope::Event, "where"), Value::Bool(true)))
            ),
        ])
    );
    let both = Filter::Test(Test::EqualFields {
        left: attribute(Scope::Link, "x"),
        right: attribute(Scope::Event, "y"),
        negated: true,
    });
    assert_eq!(
        filter("link.x != event.y"),
        some(Table::Events, some(Table::Links, both.clone()))
    );
    assert_eq!(
        filter("event.where(link.x != event.y)"),
        some(Table::Events, some(Table::Links, both.clone()))
    );
    assert_eq!(
        filter("event.where(link.where(link.x != event.y))"),
        some(Table::Events, some(Table::Links, both))
    );
}

#[test]
fn lists_hold_attributes_beside_literals() {
    let fields = |left, negated| {
        Filter::Test(Test::EqualFields {
            left,
            right: attribute(Scope::Span, "b"),
            negated,
        })
    };
    let literals = |field, negated| {
        Filter::Test(Test::In {
            field,
            values: vec![text("a"), Value::Number(Number::Int(1))],
            negated,
        })
    };
    assert_eq!(
        filter("x in [a, span.b, 1]"),
        Filter::Any(vec![literals(any("x"), false), fields(any("x"), false)])
    );
    let event = || attribute(Scope::Event, "x");
    assert_eq!(
        filter("event.x not in [span.b, a, 1]"),
        some(
            Table::Events,
            Filter::All(vec![literals(event(), true), fields(event(), true)])
        )
    );
    assert_eq!(
        filter("span:kind not in [server, client]"),
        Filter::All(
            [2, 3]
                .map(|value| Filter::Test(Test::Whole {
                    left: Whole::Kind,
                    op: Compare::Unequal,
                    value: Number::Int(value),
                }))
                .to_vec()
        )
    );
}

#[test]
fn arithmetic_binds_as_usual_and_literals_are_computed_at_once() {
    let binary = |op, left, right| Expr::Binary {
        op,
        left: Box::new(left),
        right: Box::new(right),
    };
    let int = |int| Expr::<Term>::Number(Number::Int(int));
    let greater = Compare::Order(Order::Greater);
    assert_eq!(
        filter("a-b - c * (d + 2) > 2 * 3 - -4"),
        Filter::Test(Test::Compute {
            left: binary(
                Arithmetic::Subtract,
                number("a-b"),
                binary(
                    Arithmetic::Multiply,
                    number("c"),
                    binary(Arithmetic::Add, number("d"), int(2))
                )
            ),
            op: greater,
            right: Expr::Number(Number::Int(10)),
        })
    );
    assert_eq!(
        filter("(a - 1) -1 > 2"),
        Filter::Test(Test::Compute {
            left: binary(
                Arithmetic::Subtract,
                binary(Arithmetic::Subtract, number("a"), int(1)),
                int(1)
            ),
            op: greater,
            right: Expr::Number(Number::Int(2)),
        })
    );
    assert_eq!(
        filter("2 * 500 < amount"),
        Filter::Test(Test::Order {
            field: any("amount"),
            op: Order::Greater,
            value: Value::Number(Number::Int(1_000)),
        })
    );
    assert_eq!(
        filter("3 / 2 != amount"),
        Filter::Test(Test::In {
            field: any("amount"),
            values: vec![Value::Number(Number::double(1.5))],
            negated: true,
        })
    );
    assert_eq!(
        filter("span:end - span:start >= 2 * 250ms"),
        Filter::Test(Test::Compute {
            left: binary(Arithmetic::Subtract, term(Whole::End), term(Whole::Start)),
            op: Compare::Order(Order::GreaterOrEqual),
            right: Expr::Number(Number::Int(500_000_000)),
        })
    );
    assert_eq!(
        filter("5s < span:self_duration"),
        filter("span:self_duration > 5s")
    );
}

#[test]
fn parts_of_time_and_the_tree_are_numbers_that_attributes_compare_with() {
    assert_eq!(
        filter("timestamp.hour < span.closing or span:depth == span:children"),
        Filter::Any(vec![
            Filter::Test(Test::Compute {
                left: term(Whole::Hour),
                op: Compare::Order(Order::Less),
                right: Expr::Term(Term::Field(attribute(Scope::Span, "closing"))),
            }),
            Filter::Test(Test::WholePair {
                left: Whole::Depth,
                op: Compare::Equal,
                right: Whole::Children,
            }),
        ])
    );
    assert_eq!(
        filter("limit <= span:depth"),
        Filter::Test(Test::Compute {
            left: number("limit"),
            op: Compare::Order(Order::LessOrEqual),
            right: term(Whole::Depth),
        })
    );
}

#[test]
fn texts_are_looked_for_in_texts_and_ordered() {
    let fields = |at| {
        Filter::Test(Test::TextFields {
            left: any("x"),
            at,
            right: attribute(Scope::Resource, "y"),
        })
    };
    assert_eq!(filter("x contains resource.y"), fields(Place::Anywhere));
    assert_eq!(filter("x starts_with resource.y"), fields(Place::Start));
    assert_eq!(filter("x ends_with resource.y"), fields(Place::End));
    assert_eq!(
        filter("span:name < \"5\""),
        Filter::Test(Test::Order {
            field: Field::Intrinsic(TextIntrinsic::Name),
            op: Order::Less,
            value: text("5"),
        })
    );
    assert_eq!(
        filter("span:name >= span:service"),
        Filter::Test(Test::OrderFields {
            left: Field::Intrinsic(TextIntrinsic::Name),
            op: Order::GreaterOrEqual,
            right: attribute(Scope::Resource, "service.name"),
        })
    );
}

#[test]
fn numbers_beyond_what_a_double_holds_stay_exact() {
    assert_eq!(
        filter("x == 9007199254740993 or 9007199254740992 + 1 == y"),
        Filter::Any(
            ["x", "y"]
                .map(|key| Filter::Test(equal(
                    any(key),
                    Value::Number(Number::Int(9_007_199_254_740_993))
                )))
                .to_vec()
        )
    );
}
