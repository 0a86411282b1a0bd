//! Every construct of a filter becomes a module that is valid. What it answers, the oracle test says.

use crate::{
    ir::{
        Arithmetic, Body, Compare, Cond, Expr, Field, Filter, Number, Order, Pack, Part, Pattern,
        Place, Rule, Scope, Selector, Severity, SpanSet, Table, Term, Test, TextIntrinsic, Value,
        Whole, Zone,
    },
    pattern::Tables,
    reads::pack_reads,
};

fn attribute(scope: Scope) -> Field {
    Field::Attribute {
        scope,
        key: "k".to_owned(),
    }
}

fn rule(filter: Filter) -> Rule {
    let parts = vec![Part {
        selector: Selector::Any,
        filter,
    }];
    Rule {
        id: "r".to_owned(),
        signal: "R".to_owned(),
        severity: Severity::Low,
        summary: String::new(),
        message: Vec::new(),
        controls: Vec::new(),
        labels: Vec::new(),
        zone: Some(Zone {
            name: "Nowhere".to_owned(),
            offsets: vec![(i64::MIN, -3_600), (1_772_323_200, 7_200)],
        }),
        sets: vec![SpanSet { parts }],
        body: Body::Match {
            situation: Cond::All(Vec::new()),
            condition: Cond::Exists(0),
        },
    }
}

fn equal_fields(left: &Field, right: &Field) -> Test {
    Test::EqualFields {
        left: left.clone(),
        right: right.clone(),
        negated: false,
    }
}

/// Two fields in every test that takes two, and one in every other.
fn tests_of(left: &Field, right: &Field) -> Vec<Test> {
    let (field, text) = (left.clone(), "a".to_owned());
    let literals = [
        Value::Text("1e3".to_owned()),
        Value::Text(text.clone()),
        Value::Number(Number::Int(3)),
    ];
    let sum = Expr::Binary {
        op: Arithmetic::Add,
        left: Box::new(Expr::Term(Term::Field(left.clone()))),
        right: Box::new(Expr::Number(Number::double(0.5))),
    };
    let mut tests = vec![
        Test::Exists(field.clone()),
        Test::In {
            field: field.clone(),
            values: vec![Value::Text(text.clone())],
            negated: true,
        },
        Test::Text {
            field: field.clone(),
            at: Place::End,
            text: text.clone(),
        },
        Test::Contains {
            field,
            value: Value::Text(text.clone()),
            text,
        },
        Test::Matches {
            field: left.clone(),
            pattern: Pattern("^a|b$".to_owned()),
        },
        Test::ContainsFolded {
            field: left.clone(),
            string: Pattern("(?i)a".to_owned()),
            element: Pattern("(?i)^a$".to_owned()),
        },
        Test::Compute {
            left: sum,
            op: Compare::Unequal,
            right: Expr::Term(Term::Field(right.clone())),
        },
        Test::TextFields {
            left: left.clone(),
            at: Place::Anywhere,
            right: right.clone(),
        },
        Test::TextFields {
            left: left.clone(),
            at: Place::End,
            right: right.clone(),
        },
        equal_fields(left, right),
        Test::OrderFields {
            left: left.clone(),
            op: Order::LessOrEqual,
            right: right.clone(),
        },
    ];
    for value in literals {
        tests.push(Test::Order {
            field: left.clone(),
            op: Order::Less,
            value,
        });
    }
    tests
}

fn assert_valid(tests: Vec<Test>) {
    let tests = Filter::Any(tests.into_iter().map(Filter::Test).collect());
    let some = |table, filter| Filter::Some {
        table,
        filter: Box::new(filter),
    };
    let filter = Filter::Not(Box::new(some(Table::Events, some(Table::Links, tests))));
    let pack = Pack {
        rules: vec![rule(filter)],
    };
    let module = super::emit(&pack, &pack_reads(&pack), &mut Tables::default()).unwrap();
    wasmparser::validate(&module).unwrap();
}

#[test]
fn every_test_of_every_field_is_valid() {
    let attributes = [
        Scope::Any,
        Scope::Span,
        Scope::Resource,
        Scope::Instrumentation,
        Scope::Event,
        Scope::Link,
    ];
    let mut fields: Vec<Field> = attributes.map(attribute).into();
    fields.push(Field::Intrinsic(TextIntrinsic::EventName));
    fields.push(Field::Intrinsic(TextIntrinsic::Name));
    for left in &fields {
        for right in &fields {
            assert_valid(tests_of(left, right));
        }
    }
}

#[test]
fn every_whole_number_is_valid() {
    let wholes = [
        Whole::Kind,
        Whole::Status,
        Whole::Start,
        Whole::End,
        Whole::Duration,
        Whole::Children,
        Whole::Depth,
        Whole::SelfDuration,
        Whole::Hour,
        Whole::Minute,
        Whole::Weekday,
        Whole::Date,
    ];
    for whole in wholes {
        let term = || Expr::Term(Term::Whole(whole));
        assert_valid(vec![
            Test::Whole {
                left: whole,
                op: Compare::Order(Order::Less),
                value: Number::Int(3),
            },
            Test::WholePair {
                left: whole,
                op: Compare::Equal,
                right: whole,
            },
            Test::Compute {
                left: Expr::Binary {
                    op: Arithmetic::Divide,
                    left: Box::new(term()),
                    right: Box::new(term()),
                },
                op: Compare::Equal,
                right: term(),
            },
        ]);
    }
}
