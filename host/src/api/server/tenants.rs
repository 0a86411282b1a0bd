//! The routes of operators.

use axum::{extract::Path, response::Response};

use super::{body::Body, caller::Operator};
use crate::{
    api::{
        error::ApiError,
        wire::{ChangeLimits, ChangeTrust, CreateTenant, RotateToken},
    },
    tenant::TenantId,
};

pub(super) async fn tenants(operator: Operator) -> Result<Response, ApiError> {
    operator.ask(|tenants| tenants.tenants()).await
}

pub(super) async fn create(
    operator: Operator,
    request: Body<CreateTenant>,
) -> Result<Response, ApiError> {
    operator
        .ask(move |tenants| tenants.create_tenant(&request))
        .await
}

pub(super) async fn rotate_token(
    operator: Operator,
    Path(name): Path<String>,
    request: Body<RotateToken>,
) -> Result<Response, ApiError> {
    let tenant = tenant(&name)?;
    operator
        .ask(move |tenants| tenants.rotate_token(&tenant, &request))
        .await
}

pub(super) async fn change_limits(
    operator: Operator,
    Path(name): Path<String>,
    request: Body<ChangeLimits>,
) -> Result<Response, ApiError> {
    let tenant = tenant(&name)?;
    operator
        .ask(move |tenants| tenants.change_limits(&tenant, &request))
        .await
}

pub(super) async fn change_trust(
    operator: Operator,
    Path(name): Path<String>,
    request: Body<ChangeTrust>,
) -> Result<Response, ApiError> {
    let tenant = tenant(&name)?;
    operator
        .ask(move |tenants| tenants.change_trust(&tenant, &request))
        .await
}

pub(super) async fn remove(
    operator: Operator,
    Path(name): Path<String>,
) -> Result<Response, ApiError> {
    let tenant = tenant(&name)?;
    operator
        .ask(move |tenants| tenants.remove_tenant(&tenant))
        .await
}

pub(super) async fn admin_token(
    operator: Operator,
    request: Body<RotateToken>,
) -> Result<Response, ApiError> {
    operator
        .ask(move |tenants| tenants.admin_token(&request))
        .await
}

/// What cannot be a tenant's name names none.
fn tenant(name: &str) -> Result<TenantId, ApiError> {
    TenantId::try_new(name).ok_or_else(|| ApiError::not_found("tenant", name))
}
