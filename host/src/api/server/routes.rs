//! The routes as a list: what is served, and who may call it.
//!
//! The server is built from this list and tests go through it, so that no route is served that the tests of who may call
//! what do not know.

use axum::{
    extract::DefaultBodyLimit,
    routing::{MethodRouter, delete, get, post},
};

use super::{Shared, handlers as h, replays, tenants};
use crate::api::limits::PACKS_BODY_BYTES_MAX;

/// A route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// The HTTP method.
    pub method: &'static str,
    /// The path, as axum writes it.
    pub path: &'static str,
    /// Who may call it.
    pub who: Who,
}

/// Who may call a route, where there are tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// Everybody, token or not.
    Anyone,
    /// Each tenant, who sees its own.
    Tenant,
    /// Operators.
    Operator,
    /// Each tenant, who sees its own, and operators, who see all.
    Either,
}

/// Returns every route of the API.
pub fn route_list() -> Vec<Route> {
    routes().into_iter().map(|(route, _)| route).collect()
}

pub(super) fn routes() -> Vec<(Route, MethodRouter<Shared>)> {
    use Who::{Anyone, Either, Operator, Tenant};
    let packs = DefaultBodyLimit::max(PACKS_BODY_BYTES_MAX);
    vec![
        on("GET", "/api/v1/rules", Tenant, get(h::rules)),
        on("POST", "/api/v1/rules", Tenant, post(h::apply).layer(packs)),
        on("GET", "/api/v1/rules/{id}", Tenant, get(h::rule)),
        on("POST", "/api/v1/rules/{id}", Tenant, post(h::change_rule)),
        on("GET", "/api/v1/signals", Tenant, get(h::signals)),
        on(
            "GET",
            "/api/v1/signals/changes",
            Tenant,
            get(h::signal_changes),
        ),
        on("GET", "/api/v1/signals/{id}", Tenant, get(h::signal)),
        on("GET", "/api/v1/traces", Tenant, get(h::traces)),
        on("GET", "/api/v1/traces/{id}", Tenant, get(h::trace)),
        on(
            "POST",
            "/api/v1/replays",
            Tenant,
            post(replays::replay).layer(packs),
        ),
        on("GET", "/api/v1/coverage", Tenant, get(h::coverage)),
        on("GET", "/api/v1/holds", Tenant, get(h::holds)),
        on("POST", "/api/v1/holds", Tenant, post(h::add_hold)),
        on(
            "DELETE",
            "/api/v1/holds/{id}",
            Tenant,
            delete(h::remove_hold),
        ),
        on("GET", "/api/v1/tenants", Operator, get(tenants::tenants)),
        on("POST", "/api/v1/tenants", Operator, post(tenants::create)),
        on(
            "DELETE",
            "/api/v1/tenants/{name}",
            Operator,
            delete(tenants::remove),
        ),
        on(
            "POST",
            "/api/v1/tenants/{name}/token",
            Operator,
            post(tenants::rotate_token),
        ),
        on(
            "POST",
            "/api/v1/tenants/{name}/limits",
            Operator,
            post(tenants::change_limits),
        ),
        on(
            "POST",
            "/api/v1/tenants/{name}/trust",
            Operator,
            post(tenants::change_trust),
        ),
        on(
            "POST",
            "/api/v1/admin-token",
            Operator,
            post(tenants::admin_token),
        ),
        on("GET", "/healthz", Anyone, get(async || "ok\n")),
        on("GET", "/readyz", Anyone, get(h::ready)),
        on("GET", "/metrics", Either, get(h::metrics)),
    ]
}

fn on(
    method: &'static str,
    path: &'static str,
    who: Who,
    handler: MethodRouter<Shared>,
) -> (Route, MethodRouter<Shared>) {
    (Route { method, path, who }, handler)
}
