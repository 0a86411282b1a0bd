//! The operations of a server, over HTTP.

use std::{
    io::{BufRead, BufReader},
    ops::ControlFlow,
    time::Duration,
};

use serde::{Serialize, de::DeserializeOwned};
use ureq::{
    Agent, Body,
    http::Response,
    tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem},
};

use crate::{
    api::{
        OnProgress, Operations, TenantOperations,
        error::{ApiError, ErrorBody, ErrorCode},
        wire::{
            AddHold, ApplyReport, ApplyRequest, ChangeLimits, ChangeTrust, ChangesQuery,
            CreateTenant, HoldRemoved, HoldView, ReplayLine, ReplayReport, ReplayRequest,
            RotateToken, RuleAction, RuleChanged, RuleCoverage, RuleDetail, RuleView,
            SignalChanges, SignalPage, SignalQuery, SignalView, TenantList, TenantRemoved,
            TenantView, TokenIssued, TraceList, TraceQuery, TraceView,
        },
    },
    rule_id::RuleId,
    signal::SignalId,
    tenant::TenantId,
    trace::TraceId,
};

/// Where `betrace serve` answers unless it is told otherwise.
pub const SERVER_DEFAULT: &str = "http://127.0.0.1:4320";

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long an answer may take to begin: longer than a server waits for a change, or compiles packs.
const ANSWER_TIMEOUT: Duration = Duration::from_mins(2);

/// The largest answer: a trace of the most spans, as JSON.
const ANSWER_BYTES_MAX: u64 = 256 << 20;

/// Why spans were not taken.
#[derive(Clone, Debug)]
pub enum ExportError {
    /// The server has no room; later it may.
    Busy(ApiError),
    /// It will not take them.
    Refused(ApiError),
}

/// A server. Clones share its connections.
#[derive(Clone, Debug)]
pub struct Client {
    agent: Agent,
    base: String,
    token: Option<String>,
}

impl Client {
    /// Takes a server's address; `Err` says what is wrong with it. Under https the server's certificate must lead to one of
    /// the authorities that browsers know.
    pub fn try_new(server: &str, token: Option<&str>) -> Result<Self, String> {
        Self::try_trusting(server, token, None)
    }

    /// As [`Self::try_new`], but under https the certificate must lead to one of those in `ca_cert`, which is PEM.
    pub fn try_trusting(
        server: &str,
        token: Option<&str>,
        ca_cert: Option<&[u8]>,
    ) -> Result<Self, String> {
        let (scheme, host) = match server.split_once("://") {
            Some((scheme @ ("http" | "https"), host)) => (scheme, host),
            Some(_) | None => ("http", server),
        };
        let host = host.trim_end_matches('/');
        let legal = |c: char| c.is_ascii_alphanumeric() || "-._:[]/".contains(c);
        if host.is_empty()
            || host.contains("//")
            || host.starts_with(['/', ':'])
            || !host.chars().all(legal)
        {
            return Err(format!(
                "`{server}` is not the address of a server; write it like {SERVER_DEFAULT}"
            ));
        }
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .timeout_recv_response(Some(ANSWER_TIMEOUT));
        if let Some(pem) = ca_cert {
            let roots = RootCerts::new_with_certs(&certificates(pem)?);
            config = config.tls_config(TlsConfig::builder().root_certs(roots).build());
        }
        Ok(Self {
            agent: config.build().into(),
            base: format!("{scheme}://{host}"),
            token: token.map(str::to_owned),
        })
    }

    /// Returns the server's address.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Sends one OTLP request (protobuf). When it returns, the server has made its spans durable.
    pub fn export(&self, request: &[u8]) -> Result<(), ExportError> {
        let post = self.agent.post(format!("{}/v1/traces", self.base));
        let post = self
            .authorized(post)
            .header("content-type", "application/x-protobuf");
        let response = post
            .send(request)
            .map_err(|error| ExportError::Refused(self.unreachable(&error)))?;
        let status = response.status();
        let refused =
            |code, what: &str| ApiError::new(code, format!("{} {what} ({status})", self.base));
        match status.as_u16() {
            200..300 => Ok(()),
            // The statuses after which OTLP/HTTP says to try again.
            429 | 502 | 503 | 504 => Err(ExportError::Busy(refused(
                ErrorCode::Unavailable,
                "takes no spans just now",
            ))),
            401 | 403 => Err(ExportError::Refused(refused(
                ErrorCode::Unauthorized,
                "does not know this token",
            ))),
            404 | 405 => Err(ExportError::Refused(refused(
                ErrorCode::BadRequest,
                "takes no OTLP at /v1/traces; is that a BeTrace server?",
            ))),
            507 => Err(ExportError::Refused(refused(
                ErrorCode::Conflict,
                "stores as much of this tenant as it may have, and takes no more spans",
            ))),
            413 => Err(ExportError::Refused(refused(
                ErrorCode::TooLarge,
                "takes no request that large",
            ))),
            _ => Err(ExportError::Refused(refused(
                ErrorCode::BadRequest,
                "refused the spans",
            ))),
        }
    }

    fn get<T: DeserializeOwned>(&self, path: &str, query: &impl Serialize) -> Result<T, ApiError> {
        let mut get = self.agent.get(format!("{}/api/v1/{path}", self.base));
        for (key, value) in pairs(query) {
            get = get.query(key, value);
        }
        let response = self.checked(self.authorized(get).call())?;
        self.read(response)
    }

    fn post(&self, path: &str, body: &impl Serialize) -> Result<Response<Body>, ApiError> {
        let post = self.agent.post(format!("{}/api/v1/{path}", self.base));
        self.checked(self.authorized(post).send_json(body))
    }

    fn delete<T: DeserializeOwned>(&self, path: &str) -> Result<T, ApiError> {
        let url = format!("{}/api/v1/{path}", self.base);
        let response = self.checked(self.authorized(self.agent.delete(url)).call())?;
        self.read(response)
    }

    fn authorized<B>(&self, request: ureq::RequestBuilder<B>) -> ureq::RequestBuilder<B> {
        match &self.token {
            Some(token) => request.header("authorization", format!("Bearer {token}")),
            None => request,
        }
    }

    /// Tells an answer from an error.
    fn checked(
        &self,
        sent: Result<Response<Body>, ureq::Error>,
    ) -> Result<Response<Body>, ApiError> {
        let mut response = sent.map_err(|error| self.unreachable(&error))?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let text = response.body_mut().read_to_string().unwrap_or_default();
        Err(match serde_json::from_str::<ErrorBody>(&text) {
            Ok(body) => body.error,
            Err(_) => ApiError::new(
                ErrorCode::Internal,
                format!(
                    "{} answered {status}; is that the API of a BeTrace server?",
                    self.base
                ),
            ),
        })
    }

    fn read<T: DeserializeOwned>(&self, mut response: Response<Body>) -> Result<T, ApiError> {
        let body = response.body_mut().with_config().limit(ANSWER_BYTES_MAX);
        body.read_json().map_err(|error| {
            ApiError::new(
                ErrorCode::Internal,
                format!("the answer of {} makes no sense: {error}", self.base),
            )
        })
    }

    fn unreachable(&self, error: &ureq::Error) -> ApiError {
        let cause = if let ureq::Error::Io(io) = error {
            // The outer text says `io: ` first.
            io.to_string()
        } else {
            error.to_string()
        };
        ApiError {
            cause: Some(cause),
            ..ApiError::new(
                ErrorCode::Unavailable,
                format!("failed to reach the server at {}", self.base),
            )
        }
    }
}

/// Reads the certificates of a PEM file.
fn certificates(pem: &[u8]) -> Result<Vec<Certificate<'static>>, String> {
    let parts = parse_pem(pem).filter_map(|part| match part {
        Ok(PemItem::Certificate(certificate)) => Some(certificate),
        Ok(_) | Err(_) => None,
    });
    let certificates: Vec<_> = parts.collect();
    if certificates.is_empty() {
        return Err("it holds no certificate: it is to be PEM, with a part that begins `-----BEGIN CERTIFICATE-----`".to_owned());
    }
    Ok(certificates)
}

/// Returns the fields of a query that say something.
fn pairs(query: &impl Serialize) -> Vec<(String, String)> {
    let Ok(serde_json::Value::Object(fields)) = serde_json::to_value(query) else {
        return Vec::new();
    };
    fields
        .into_iter()
        .filter_map(|(key, value)| match value {
            serde_json::Value::String(text) => Some((key, text)),
            serde_json::Value::Number(number) => Some((key, number.to_string())),
            serde_json::Value::Bool(truth) => Some((key, truth.to_string())),
            serde_json::Value::Null
            | serde_json::Value::Array(_)
            | serde_json::Value::Object(_) => None,
        })
        .collect()
}

impl Operations for Client {
    fn rules(&self) -> Result<Vec<RuleView>, ApiError> {
        self.get("rules", &())
    }

    fn rule(&self, id: &RuleId) -> Result<RuleDetail, ApiError> {
        self.get(&format!("rules/{id}"), &())
    }

    fn apply(&self, request: &ApplyRequest) -> Result<ApplyReport, ApiError> {
        self.read(self.post("rules", request)?)
    }

    fn change_rule(&self, id: &RuleId, action: &RuleAction) -> Result<RuleChanged, ApiError> {
        self.read(self.post(&format!("rules/{id}"), action)?)
    }

    fn signals(&self, query: &SignalQuery) -> Result<SignalPage, ApiError> {
        self.get("signals", query)
    }

    fn signal(&self, id: SignalId) -> Result<SignalView, ApiError> {
        self.get(&format!("signals/{id}"), &())
    }

    fn signal_changes(&self, query: &ChangesQuery) -> Result<SignalChanges, ApiError> {
        self.get("signals/changes", query)
    }

    fn traces(&self, query: &TraceQuery) -> Result<TraceList, ApiError> {
        self.get("traces", query)
    }

    fn trace(&self, id: TraceId) -> Result<TraceView, ApiError> {
        self.get(&format!("traces/{id}"), &())
    }

    fn replay(
        &self,
        request: &ReplayRequest,
        progress: &mut OnProgress<'_>,
    ) -> Result<ReplayReport, ApiError> {
        let response = self.post("replays", request)?;
        let lines = BufReader::new(response.into_body().into_reader());
        for line in lines.lines() {
            let line = line.map_err(|error| self.unreachable(&error.into()))?;
            let line: ReplayLine = serde_json::from_str(&line).map_err(|error| {
                ApiError::new(
                    ErrorCode::Internal,
                    format!("the answer of {} makes no sense: {error}", self.base),
                )
            })?;
            match line {
                ReplayLine::Progress(how_far) => {
                    if progress(how_far) == ControlFlow::Break(()) {
                        break;
                    }
                }
                ReplayLine::Report(report) => return Ok(report),
                ReplayLine::Error(error) => return Err(error),
            }
        }
        Err(ApiError::new(
            ErrorCode::Unavailable,
            format!("{} ended the replay before its report", self.base),
        ))
    }

    fn coverage(&self) -> Result<Vec<RuleCoverage>, ApiError> {
        self.get("coverage", &())
    }

    fn holds(&self) -> Result<Vec<HoldView>, ApiError> {
        self.get("holds", &())
    }

    fn add_hold(&self, request: &AddHold) -> Result<HoldView, ApiError> {
        self.read(self.post("holds", request)?)
    }

    fn remove_hold(&self, id: u64) -> Result<HoldRemoved, ApiError> {
        self.delete(&format!("holds/{id}"))
    }
}

impl TenantOperations for Client {
    fn tenants(&self) -> Result<TenantList, ApiError> {
        self.get("tenants", &())
    }

    fn create_tenant(&self, request: &CreateTenant) -> Result<TokenIssued, ApiError> {
        self.read(self.post("tenants", request)?)
    }

    fn rotate_token(
        &self,
        tenant: &TenantId,
        request: &RotateToken,
    ) -> Result<TokenIssued, ApiError> {
        self.read(self.post(&format!("tenants/{tenant}/token"), request)?)
    }

    fn change_limits(
        &self,
        tenant: &TenantId,
        request: &ChangeLimits,
    ) -> Result<TenantView, ApiError> {
        self.read(self.post(&format!("tenants/{tenant}/limits"), request)?)
    }

    fn change_trust(
        &self,
        tenant: &TenantId,
        request: &ChangeTrust,
    ) -> Result<TenantView, ApiError> {
        self.read(self.post(&format!("tenants/{tenant}/trust"), request)?)
    }

    fn remove_tenant(&self, tenant: &TenantId) -> Result<TenantRemoved, ApiError> {
        self.delete(&format!("tenants/{tenant}"))
    }

    fn admin_token(&self, request: &RotateToken) -> Result<TokenIssued, ApiError> {
        self.read(self.post("admin-token", request)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_http_with_or_without_saying_so() {
        for (server, base) in [
            ("http://127.0.0.1:4320", "http://127.0.0.1:4320"),
            ("localhost:4320/", "http://localhost:4320"),
            ("http://[::1]:4320", "http://[::1]:4320"),
            ("http://host/betrace", "http://host/betrace"),
            ("https://host:4320/", "https://host:4320"),
        ] {
            assert_eq!(Client::try_new(server, None).unwrap().base(), base);
        }
        for bad in [
            "",
            "http://",
            "https://",
            "ftp://x",
            "a b",
            "http://x?y",
            ":4320",
        ] {
            assert!(Client::try_new(bad, None).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_no_certificate_is_said_to_be_none() {
        for pem in [&b""[..], b"not PEM", b"-----BEGIN CERTIFICATE-----\n!\n"] {
            let error = Client::try_trusting("https://x", None, Some(pem)).unwrap_err();
            assert!(error.contains("holds no certificate"), "{error}");
        }
    }

    #[test]
    fn a_query_holds_what_is_said() {
        let query = SignalQuery {
            rule: Some("a".into()),
            limit: Some(3),
            ..SignalQuery::default()
        };
        let expect = [("limit".into(), "3".into()), ("rule".into(), "a".into())];
        let mut said = pairs(&query);
        said.sort();
        assert_eq!(said, expect);
    }
}
