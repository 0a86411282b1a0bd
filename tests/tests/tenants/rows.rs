//! Each request that a server is asked, with acme's ids in it.

use betrace::{
    api::Who::{self, Anyone, Either, Operator, Tenant},
    rule_id::RuleId,
    signal::SignalId,
    tenant::TenantId,
    trace::TraceId,
};

const RULE: &str = "rule phi { match { phi.access and not audit.log } }";

/// The number of acme's one trace.
pub(crate) const TRACE: u128 = 0x7a7a;

/// One request.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) method: &'static str,
    /// The route, as the server lists it.
    pub(crate) route: &'static str,
    /// The path, with ids and a query.
    pub(crate) path: String,
    pub(crate) who: Who,
    pub(crate) content_type: &'static str,
    pub(crate) body: String,
    /// The status for acme.
    pub(crate) status: u16,
    /// The status for a tenant that has none of it.
    pub(crate) status_of_other: u16,
    pub(crate) status_of_operator: u16,
    /// What acme is shown.
    pub(crate) shows: Vec<String>,
    /// Whether the asker's own data change by it.
    pub(crate) changes_own: bool,
}

impl Row {
    pub(crate) fn name(&self) -> String {
        format!("{} {} {}", self.method, self.path, self.body)
    }

    pub(crate) fn is_otlp(&self) -> bool {
        self.route.starts_with("/v1/")
    }

    fn shows(self, words: &[&str]) -> Self {
        let shows = words.iter().map(|word| (*word).to_owned()).collect();
        Self { shows, ..self }
    }

    fn hidden(self) -> Self {
        Self {
            status_of_other: 404,
            ..self
        }
    }

    fn changes(self) -> Self {
        Self {
            changes_own: true,
            ..self
        }
    }

    fn operator_gets(self, status: u16) -> Self {
        Self {
            status_of_operator: status,
            ..self
        }
    }
}

fn get(route: &'static str, path: impl Into<String>, who: Who) -> Row {
    Row {
        method: "GET",
        route,
        path: path.into(),
        who,
        content_type: "application/json",
        body: String::new(),
        status: 200,
        status_of_other: 200,
        status_of_operator: 200,
        shows: Vec::new(),
        changes_own: false,
    }
}

fn post(route: &'static str, path: impl Into<String>, who: Who, body: &str) -> Row {
    Row {
        method: "POST",
        body: body.to_owned(),
        ..get(route, path, who)
    }
}

/// A request for what is there to be read.
pub(crate) fn of_path(path: &str) -> Row {
    get("", path, Tenant)
}

/// The request that publishes the rule.
pub(crate) fn publish() -> Row {
    let body = serde_json::json!({ "packs": [{ "name": "phi.btr", "source": RULE }] });
    post("", "/api/v1/rules", Tenant, &body.to_string())
}

/// The request that makes a hold.
pub(crate) fn hold() -> Row {
    let body = r#"{"from":"2026-03-01","to":"2026-04-01"}"#;
    post("/api/v1/holds", "/api/v1/holds", Tenant, body)
}

fn trace() -> String {
    TraceId(TRACE.to_be_bytes()).to_string()
}

pub(crate) fn trace_path() -> String {
    format!("/api/v1/traces/{}", trace())
}

/// The id of acme's one signal, which can be told before there is one.
fn signal() -> String {
    let (tenant, rule) = (TenantId::try_new("acme"), RuleId::try_new("phi"));
    SignalId::of(
        &tenant.unwrap(),
        &rule.unwrap(),
        TraceId(TRACE.to_be_bytes()),
    )
    .to_string()
}

pub(crate) fn rows() -> Vec<Row> {
    [rules(), data(), tenants(), open()].concat()
}

fn rules() -> Vec<Row> {
    let (all, one) = ("/api/v1/rules", "/api/v1/rules/{id}");
    let phi = "/api/v1/rules/phi";
    let dry = format!(
        r#"{{"packs":[{{"name":"other.btr","source":{}}}],"dry_run":true,"take_over":true}}"#,
        serde_json::to_string(RULE).unwrap()
    );
    let wet = dry
        .replace("other.btr", "phi.btr")
        .replace(r#","dry_run":true"#, "");
    let change = |action: &str| {
        let body = format!(r#"{{"action":"{action}"}}"#);
        post(one, phi, Tenant, &body).hidden()
    };
    vec![
        get(all, all, Tenant).shows(&["\"phi\""]),
        // To whoever has none of that name it is an addition.
        post(all, all, Tenant, &dry).shows(&["unchanged"]),
        post(all, all, Tenant, &wet).changes(),
        get(one, phi, Tenant)
            .hidden()
            .shows(&["phi.access and not"]),
        change("disable"),
        change("enable"),
        post(one, phi, Tenant, r#"{"action":"rollback","to":1}"#).hidden(),
    ]
}

fn data() -> Vec<Row> {
    let (trace, signal) = (trace(), signal());
    let replay = r#"{"rules":["phi"]}"#;
    let pack = format!(
        r#"{{"packs":[{{"name":"x.btr","source":{}}}]}}"#,
        serde_json::to_string("rule mine { match { phi.access } }").unwrap()
    );
    let (signals, changes) = ("/api/v1/signals", "/api/v1/signals/changes");
    let (traces, replays) = ("/api/v1/traces", "/api/v1/replays");
    vec![
        get(signals, signals, Tenant).shows(&[&signal]),
        get(signals, format!("{signals}?rule=phi"), Tenant).shows(&[&signal]),
        get(changes, changes, Tenant).shows(&["\"next\":1"]),
        get(changes, format!("{changes}?since=0"), Tenant).shows(&[&signal]),
        get(
            "/api/v1/signals/{id}",
            format!("{signals}/{signal}"),
            Tenant,
        )
        .hidden()
        .shows(&[&trace]),
        get(traces, traces, Tenant).shows(&[&trace]),
        get("/api/v1/traces/{id}", trace_path(), Tenant)
            .hidden()
            .shows(&["phi.access"]),
        post(replays, replays, Tenant, replay)
            .hidden()
            .shows(&[&trace]),
        // Its report says how long it took, which differs.
        post(replays, replays, Tenant, &pack)
            .changes()
            .shows(&[&trace]),
        get("/api/v1/coverage", "/api/v1/coverage", Tenant).shows(&["\"violated\":1"]),
        get("/api/v1/holds", "/api/v1/holds", Tenant).shows(&["\"id\":1", "2026-03-01"]),
        hold().changes().shows(&["\"id\":2"]),
        Row {
            method: "DELETE",
            ..get("/api/v1/holds/{id}", "/api/v1/holds/1", Tenant)
        }
        .hidden()
        .shows(&["\"removed\":1"]),
    ]
}

fn tenants() -> Vec<Row> {
    let all = "/api/v1/tenants";
    let (token, limits) = (
        "/api/v1/tenants/{name}/token",
        "/api/v1/tenants/{name}/limits",
    );
    let trust = "/api/v1/tenants/{name}/trust";
    let set = r#"{"limits":{"rules":9}}"#;
    // The key of RFC 8410.
    let key = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n";
    let release = serde_json::json!({ "add": [{ "name": "release", "public_key": key }] });
    let release = release.to_string();
    let no_key = r#"{"add":[{"name":"release","public_key":"none"}]}"#;
    let another = r#"{"token_name":"another"}"#;
    let on = |route, name: &str, what: &str, body: &str| {
        post(route, format!("{all}/{name}/{what}"), Operator, body)
    };
    let remove = |name: &str| Row {
        method: "DELETE",
        ..get("/api/v1/tenants/{name}", format!("{all}/{name}"), Operator)
    };
    vec![
        get(all, all, Operator),
        post(all, all, Operator, r#"{"name":"initech"}"#),
        post(all, all, Operator, r#"{"name":"acme"}"#).operator_gets(409),
        on(token, "acme", "token", another),
        on(token, "nobody", "token", another).operator_gets(404),
        on(limits, "acme", "limits", set),
        on(limits, "nobody", "limits", set).operator_gets(404),
        on(trust, "acme", "trust", &release),
        on(trust, "acme", "trust", no_key).operator_gets(400),
        on(trust, "nobody", "trust", &release).operator_gets(404),
        remove("nobody").operator_gets(404),
        // Created by a row above.
        remove("initech"),
        post(
            "/api/v1/admin-token",
            "/api/v1/admin-token",
            Operator,
            another,
        ),
    ]
}

fn open() -> Vec<Row> {
    let otlp = format!(
        r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{"traceId":"{:032x}","spanId":"00000000000000aa","name":"a"}}]}}]}}]}}"#,
        TRACE + 1
    );
    let export = ("/v1/traces", "/v1/traces");
    let strange = Row {
        content_type: "text/plain",
        ..post(export.0, "/v1/traces?x", Tenant, "x")
    };
    vec![
        get("/healthz", "/healthz", Anyone),
        get("/readyz", "/readyz", Anyone),
        get("/metrics", "/metrics", Either).shows(&["betrace_ingest_spans_total{tenant=\"acme\"}"]),
        post(export.0, export.1, Tenant, &otlp).changes(),
        // Who is not known is not told what is wrong with the request either.
        Row {
            status: 415,
            status_of_other: 415,
            ..strange
        },
    ]
}
