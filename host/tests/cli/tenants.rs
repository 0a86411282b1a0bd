//! `betrace tenants`, and what a server does once there are tokens.

use std::path::Path;

use serde_json::Value;

use super::{
    run::{Run, betrace_in},
    server::{Server, folder},
};

/// Runs a command over the store of a folder, and returns the one line of its stdout.
fn made(folder: &Path, args: &[&str]) -> String {
    let mut args = args.to_vec();
    args.extend(["--data", "data"]);
    let run = betrace_in(folder, &args, b"").exits(0);
    let token = run.stdout.trim().to_owned();
    assert!(
        token.starts_with("btr_") && !token.contains('\n'),
        "{run:?}"
    );
    token
}

fn with_token(server: &Server, token: &str, args: &[&str]) -> Run {
    let mut args = args.to_vec();
    args.extend(["--token", token]);
    server.run(&args)
}

fn json(server: &Server, token: &str, args: &[&str]) -> Value {
    let mut args = args.to_vec();
    args.extend(["-o", "json"]);
    let run = with_token(server, token, &args).exits(0);
    serde_json::from_str(&run.stdout).unwrap()
}

#[test]
fn tenants_made_over_a_store_and_over_its_server_see_their_own_data_alone() {
    let folder = folder();
    let acme = made(folder.path(), &["tenants", "create", "acme"]);
    let ops = made(
        folder.path(),
        &["tenants", "admin-token", "--token-name", "ops"],
    );
    let server = Server::start_in(folder, &["--api", "127.0.0.1:0"]);
    for run in [
        server.run(&["rules", "list"]),
        with_token(&server, "btr_wrong", &["rules", "list"]),
    ] {
        run.exits(3)
            .says(&["the bearer token is missing or unknown", "--token"]);
    }
    let globex = json(&server, &ops, &["tenants", "create", "globex"]);
    let globex = globex["token"].as_str().unwrap();

    with_token(&server, &acme, &["rules", "apply", "phi.btr"]).exits(0);
    with_token(&server, &acme, &["import", "traces.jsonl"]).exits(0);
    with_token(&server, globex, &["import", "traces.jsonl"]).exits(0);
    with_token(&server, "btr_wrong", &["import", "traces.jsonl"])
        .exits(3)
        .says(&["does not know this token"]);
    server.signals_of(Some(&acme), 1);
    let signals = |token| json(&server, token, &["signals", "list"]);
    assert_eq!(signals(&acme).as_array().unwrap().len(), 1);
    assert_eq!(signals(globex).as_array().unwrap().len(), 0);
    with_token(&server, globex, &["rules", "show", "phi-is-audited"])
        .exits(2)
        .says(&["there is no rule `phi-is-audited`"]);
    let history = json(&server, &acme, &["rules", "show", "phi-is-audited"]);
    assert_eq!(history["versions"][0]["published_by"], "default");

    with_token(&server, &ops, &["rules", "list"])
        .exits(3)
        .says(&["an operator's token"]);
    with_token(&server, &acme, &["tenants", "list"])
        .exits(3)
        .says(&["this needs an operator's token"]);
    let list = json(&server, &ops, &["tenants", "list"]);
    let names: Vec<&Value> = list["tenants"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tenant| &tenant["name"])
        .collect();
    assert_eq!(names, ["acme", "globex"]);
    assert_eq!(list["admin_tokens"][0]["name"], "ops");
}

#[test]
fn a_rotated_token_ends_at_once_or_after_its_grace() {
    let folder = folder();
    let first = made(folder.path(), &["tenants", "create", "acme"]);
    let ops = made(folder.path(), &["tenants", "admin-token"]);
    let server = Server::start_in(folder, &["--api", "127.0.0.1:0"]);
    let rotate = |args: &[&str]| {
        let args = [&["tenants", "rotate-token", "acme"], args].concat();
        json(&server, &ops, &args)["token"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let second = rotate(&["--grace", "1h"]);
    for token in [&first, &second] {
        with_token(&server, token, &["rules", "list"]).exits(0);
    }
    let third = rotate(&[]);
    for (token, status) in [(&first, 3), (&second, 3), (&third, 0)] {
        with_token(&server, token, &["rules", "list"]).exits(status);
    }
    with_token(&server, &ops, &["tenants", "rotate-token", "nobody"])
        .exits(2)
        .says(&["there is no tenant `nobody`"]);
}

#[test]
fn limits_are_set_shown_and_go_back_to_their_defaults() {
    let folder = folder();
    let limit = |args: &[&str]| {
        let args = [&["tenants", "limit", "acme", "--data", "data"], args].concat();
        betrace_in(folder.path(), &args, b"")
    };
    let create = ["tenants", "create", "acme", "--limit", "rules=7"];
    made(folder.path(), &create);
    let shown = limit(&["stored-bytes=2GiB"]).exits(0).stdout;
    for words in ["rules             7", "stored-bytes      2147483648"] {
        assert!(shown.contains(words), "{shown}");
    }
    let shown = limit(&["rules=default", "-o", "json"]).exits(0).stdout;
    let shown: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(shown["limits"]["rules"], 2_500);
    assert_eq!(shown["limits"]["spans_per_second"], Value::Null);
    limit(&["cpu=1"]).exits(3).says(&["spans-per-second"]);
    betrace_in(
        folder.path(),
        &["tenants", "create", "acme", "--data", "data"],
        b"",
    )
    .exits(2)
    .says(&["rotate-token"]);
}

#[test]
fn without_tokens_only_this_machine_is_served_and_tenants_are_made_beside_the_store() {
    let folder = folder();
    let beyond = ["serve", "--data", "data", "--api", "0.0.0.0:0"];
    betrace_in(folder.path(), &beyond, b"").exits(3).says(&[
        "--api 0.0.0.0:0 is not a loopback address",
        "betrace tenants create NAME --data data",
    ]);
    assert!(!folder.path().join("data").exists());
    let server = Server::start_in(folder, &["--api", "127.0.0.1:0"]);
    server
        .run(&["tenants", "create", "acme"])
        .exits(3)
        .says(&["betrace tenants admin-token --data DIR"]);
}

#[test]
fn with_tokens_other_machines_are_served_too() {
    let folder = folder();
    let token = made(folder.path(), &["tenants", "create", "acme"]);
    let server = Server::start_in(folder, &["--api", "0.0.0.0:0"]);
    assert!(server.api.starts_with("0.0.0.0:"));
    with_token(&server, &token, &["rules", "list"]).exits(0);
}

#[test]
fn a_removed_tenant_is_gone_from_a_running_server_and_from_a_store() {
    let folder = folder();
    let acme = made(folder.path(), &["tenants", "create", "acme"]);
    let ops = made(folder.path(), &["tenants", "admin-token"]);
    made(folder.path(), &["tenants", "create", "globex"]);
    let server = Server::start_in(folder, &["--api", "127.0.0.1:0"]);
    with_token(&server, &acme, &["rules", "apply", "phi.btr"]).exits(0);
    with_token(&server, &acme, &["import", "traces.jsonl"]).exits(0);
    server.signals_of(Some(&acme), 1);
    with_token(&server, &ops, &["tenants", "remove", "acme"])
        .exits(3)
        .says(&["cannot be undone", "--yes"]);
    let removed = with_token(&server, &ops, &["tenants", "remove", "acme", "--yes"]).exits(0);
    assert_eq!(removed.stdout, "acme  removed\n");
    with_token(&server, &acme, &["signals", "list"]).exits(3);
    with_token(&server, &ops, &["tenants", "remove", "acme", "--yes"])
        .exits(2)
        .says(&["there is no tenant `acme`"]);
    let again = json(&server, &ops, &["tenants", "create", "acme"]);
    let again = again["token"].as_str().unwrap();
    for list in ["signals", "traces", "rules"] {
        assert_eq!(json(&server, again, &[list, "list"]), Value::Array(vec![]));
    }
    let folder = server.stop();
    let args = ["tenants", "remove", "globex", "--yes", "--data", "data"];
    betrace_in(folder.path(), &args, b"").exits(0);
    let args = ["tenants", "list", "-o", "json", "--data", "data"];
    let list: Value =
        serde_json::from_str(&betrace_in(folder.path(), &args, b"").exits(0).stdout).unwrap();
    assert_eq!(list["tenants"].as_array().unwrap().len(), 1);
}

#[test]
fn a_command_over_a_store_is_about_the_tenant_that_it_names() {
    let folder = folder();
    let of = |tenant: &str, args: &[&str]| {
        let args = [args, &["--data", "data", "--tenant", tenant]].concat();
        betrace_in(folder.path(), &args, b"")
    };
    of("acme", &["rules", "apply", "phi.btr"]).exits(0);
    of("acme", &["import", "traces.jsonl"]).exits(0);
    let signals = |tenant: &str| {
        let listed = of(tenant, &["signals", "list", "-o", "json"]).exits(0);
        let signals: Value = serde_json::from_str(&listed.stdout).unwrap();
        signals.as_array().unwrap().len()
    };
    assert_eq!((signals("acme"), signals("default")), (1, 0));
    of("No Name", &["rules", "list"]).exits(3);
    of("acme", &["tenants", "list"])
        .exits(3)
        .says(&["--tenant says whose data"]);
    let server = ["rules", "list", "--tenant", "acme"];
    betrace_in(folder.path(), &server, b"").exits(3);
}
