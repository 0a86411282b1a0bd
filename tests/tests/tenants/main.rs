//! Scenario: a server with two tenants and an operator is asked everything that it can be asked, by everybody.
//!
//! Guarantees: without a token that is known nothing is told and nothing is taken, and a missing and a wrong token are
//! answered alike, byte for byte; what a tenant asks about another's data is answered, byte for byte, as it was before
//! that data existed; an operator's token reads no data, and a tenant's makes no tenants. The rows are held against the
//! server's own list of routes and methods: one that is served and not asked here fails the test.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod rows;
mod world;

use std::collections::{BTreeMap, BTreeSet};

use betrace::{
    api::{Who, route_list},
    ingest,
};
use tonic::Code;

use rows::{Row, rows};
use world::{Answer, World};

/// What a server answers to each row.
type Answers = BTreeMap<String, Answer>;

fn ask_all(world: &World, rows: &[Row], token: Option<&str>) -> Answers {
    let ask = |row: &Row| {
        let answer = world.ask(row, token);
        (row.name(), answer)
    };
    rows.iter().map(ask).collect()
}

#[test]
fn every_route_has_rows() {
    let asked: BTreeSet<(String, String)> = rows()
        .iter()
        .map(|row| (row.method.to_owned(), row.route.to_owned()))
        .collect();
    let api = route_list().into_iter();
    let api = api.map(|route| (route.method.to_owned(), route.path.to_owned()));
    let otlp = ingest::http::PATHS.map(|path| ("POST".to_owned(), path.to_owned()));
    let served: BTreeSet<(String, String)> = api.chain(otlp).collect();
    assert_eq!(asked, served);
    for row in rows() {
        let listed = route_list()
            .into_iter()
            .find(|route| (route.method, route.path) == (row.method, row.route));
        let who = listed.map_or(Who::Tenant, |route| route.who);
        assert_eq!(row.who, who, "{}", row.name());
    }
}

#[test]
fn no_token_and_a_wrong_token_are_answered_alike_and_told_nothing() {
    let world = World::start();
    world.fill();
    let rows = rows();
    let without = ask_all(&world, &rows, None);
    for token in [
        "btr_wrong",
        "",
        "btr_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        &world.acme[..world.acme.len() - 1],
        &world.acme.to_uppercase(),
    ] {
        let wrong = ask_all(&world, &rows, Some(token));
        assert_eq!(without, wrong, "{token}");
    }
    for row in &rows {
        let answer = &without[&row.name()];
        match row.who {
            Who::Anyone => assert_eq!(answer.status, 200, "{}", row.name()),
            Who::Tenant | Who::Operator | Who::Either => {
                assert_eq!(answer.status, 401, "{}", row.name());
                let challenge = answer.challenge.as_deref();
                assert_eq!(challenge, Some("Bearer realm=\"betrace\""));
            }
        }
    }
}

#[test]
fn another_tenants_data_is_answered_as_if_it_were_not_there() {
    let world = World::start();
    let rows: Vec<Row> = rows().into_iter().filter(|row| !row.changes_own).collect();
    let before = ask_all(&world, &rows, Some(&world.globex));
    world.fill();
    let after = ask_all(&world, &rows, Some(&world.globex));
    for row in &rows {
        let (before, after) = (&before[&row.name()], &after[&row.name()]);
        assert_eq!(before, after, "{}", row.name());
        let status = match row.who {
            Who::Tenant => row.status_of_other,
            Who::Operator => 403,
            Who::Anyone | Who::Either => 200,
        };
        assert_eq!(after.status, status, "{}: {}", row.name(), after.body);
        assert!(!after.body.contains("acme"), "{}", row.name());
    }
}

#[test]
fn the_right_token_is_answered_with_its_tenants_data() {
    let world = World::start();
    world.fill();
    for row in rows() {
        let answer = world.ask(&row, Some(&world.acme));
        let status = match row.who {
            Who::Tenant | Who::Anyone | Who::Either => row.status,
            Who::Operator => 403,
        };
        assert_eq!(answer.status, status, "{}: {}", row.name(), answer.body);
        for word in &row.shows {
            assert!(
                answer.body.contains(word),
                "{} does not say `{word}`: {}",
                row.name(),
                answer.body
            );
        }
    }
}

#[test]
fn an_operators_token_makes_tenants_and_reads_no_data() {
    let world = World::start();
    world.fill();
    for row in rows() {
        let answer = world.ask(&row, Some(&world.admin));
        let status = match (row.who, row.is_otlp()) {
            (Who::Tenant, false) => 403,
            (Who::Tenant, true) => 401,
            (Who::Operator, _) => row.status_of_operator,
            (Who::Anyone | Who::Either, _) => 200,
        };
        assert_eq!(answer.status, status, "{}: {}", row.name(), answer.body);
        if row.who == Who::Tenant {
            assert!(!answer.body.contains("acme"), "{}", row.name());
        }
    }
    let metrics = world.get("/metrics", Some(&world.admin)).body;
    for word in ["tenant=\"acme\"", "betrace_assemble_open_spans "] {
        assert!(metrics.contains(word), "{metrics}");
    }
    let metrics = world.get("/metrics", Some(&world.globex)).body;
    assert!(!metrics.contains("betrace_assemble_open_spans "));
}

#[test]
fn every_grpc_method_asks_for_a_token_and_keeps_tenants_apart() {
    let world = World::start();
    assert_eq!(
        ingest::grpc::METHODS,
        ["/opentelemetry.proto.collector.trace.v1.TraceService/Export"]
    );
    let refused = |token: Option<&str>| {
        let status = world.export(token, "phi.access").unwrap_err();
        (
            status.code(),
            status.message().to_owned(),
            status.details().to_vec(),
        )
    };
    let without = refused(None);
    assert_eq!(without.0, Code::Unauthenticated);
    for token in ["btr_wrong", "", &world.admin] {
        assert_eq!(refused(Some(token)), without);
    }
    world.export(Some(&world.acme), "phi.access").unwrap();
    world.export(Some(&world.globex), "harmless").unwrap();
    world.judged();
    let names = |token: &str| world.get(&rows::trace_path(), Some(token)).body;
    let (of_acme, of_globex) = (names(&world.acme), names(&world.globex));
    assert!(of_acme.contains("phi.access") && !of_acme.contains("harmless"));
    assert!(of_globex.contains("harmless") && !of_globex.contains("phi.access"));
    // What is not served is so for everybody.
    for token in [None, Some("btr_wrong"), Some(world.acme.as_str())] {
        let answer = world.unknown_method(token);
        assert_eq!(answer.code(), Code::Unimplemented);
    }
}
