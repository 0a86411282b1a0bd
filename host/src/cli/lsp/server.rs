//! The state of a session: what was said to be open, and what each message asks for.

use std::io;

use lsp_server::{ErrorCode, Message, Notification, Request, RequestId, Response};
use lsp_types::{
    CodeActionKind, CodeActionOptions, CodeActionProviderCapability, CompletionOptions,
    HoverProviderCapability, InitializeResult, OneOf, PublishDiagnosticsParams, ServerCapabilities,
    ServerInfo, TextDocumentSyncCapability, TextDocumentSyncKind, Uri,
    notification::{
        DidChangeTextDocument, DidCloseTextDocument, DidOpenTextDocument, Exit as ExitNotice,
        Notification as _, PublishDiagnostics,
    },
    request::{
        CodeActionRequest, Completion, DocumentSymbolRequest, Formatting, GotoDefinition,
        HoverRequest, Initialize, Request as _, Shutdown,
    },
};
use serde_json::{Value, json};

use super::{Documents, Exit, answer, complete, diagnose, document::Document};

/// How far the session is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    New,
    Running,
    ShutDown,
}

/// A session with an editor.
#[derive(Debug)]
pub(super) struct Server<W> {
    out: W,
    state: State,
    documents: Documents,
}

/// Why a request has no result.
#[derive(Debug)]
struct Refusal(ErrorCode, String);

type Answered<T> = Result<T, Refusal>;

impl<W: io::Write> Server<W> {
    pub(super) fn new(out: W) -> Self {
        Self {
            out,
            state: State::New,
            documents: Documents::new(),
        }
    }

    /// Takes a message, and says how to end where it asks for that.
    pub(super) fn take(&mut self, message: Message) -> io::Result<Option<Exit>> {
        match message {
            Message::Request(request) => {
                let response = self.answer(request);
                Message::Response(response).write(&mut self.out)?;
            }
            Message::Notification(notification) if notification.method == ExitNotice::METHOD => {
                // So the protocol wants it: 1 without a request to shut down before.
                let is_fine = self.state == State::ShutDown;
                return Ok(Some(if is_fine { Exit::Fine } else { Exit::Findings }));
            }
            Message::Notification(notification) if self.state == State::Running => {
                self.note(notification)?;
            }
            // Nothing was asked of the editor that it could answer.
            Message::Notification(_) | Message::Response(_) => {}
        }
        Ok(None)
    }

    /// Answers a frame that holds no message.
    pub(super) fn refuse_unreadable(
        &mut self,
        id: &Value,
        code: ErrorCode,
        why: &str,
    ) -> io::Result<()> {
        let body =
            json!({ "jsonrpc": "2.0", "id": id, "error": { "code": code as i32, "message": why } })
                .to_string();
        write!(self.out, "Content-Length: {}\r\n\r\n{body}", body.len())?;
        self.out.flush()
    }

    /// Sends what is wrong with each document that has changed.
    pub(super) fn publish_diagnostics(&mut self) -> io::Result<()> {
        let unchecked = self
            .documents
            .iter_mut()
            .filter(|(_, document)| document.is_unchecked());
        for (uri, document) in unchecked {
            let Ok(uri) = uri.parse::<Uri>() else {
                continue;
            };
            let params = PublishDiagnosticsParams {
                diagnostics: diagnose::diagnostics(&uri, document),
                version: Some(document.version),
                uri,
            };
            send(&mut self.out, PublishDiagnostics::METHOD, params)?;
        }
        Ok(())
    }

    fn answer(&mut self, request: Request) -> Response {
        let Request { id, method, params } = request;
        match (self.state, method.as_str()) {
            (State::New, Initialize::METHOD) => {
                self.state = State::Running;
                Response::new_ok(id, capabilities())
            }
            (State::New, _) => refused(
                id,
                ErrorCode::ServerNotInitialized,
                "`initialize` comes first",
            ),
            (State::ShutDown, _) => refused(
                id,
                ErrorCode::InvalidRequest,
                "`shutdown` was asked for; only `exit` follows",
            ),
            (State::Running, Initialize::METHOD) => {
                refused(id, ErrorCode::InvalidRequest, "`initialize` is asked once")
            }
            (State::Running, Shutdown::METHOD) => {
                self.state = State::ShutDown;
                Response::new_ok(id, ())
            }
            (State::Running, method) => self.answer_about_document(id, method, params),
        }
    }

    fn answer_about_document(&mut self, id: RequestId, method: &str, params: Value) -> Response {
        match method {
            HoverRequest::METHOD => reply::<HoverRequest>(id, params, |params| {
                let at = params.text_document_position_params;
                Ok(answer::hover(
                    self.document(&at.text_document.uri)?,
                    at.position,
                ))
            }),
            Completion::METHOD => reply::<Completion>(id, params, |params| {
                let at = params.text_document_position;
                Ok(Some(complete::completions(
                    self.document(&at.text_document.uri)?,
                    at.position,
                )))
            }),
            GotoDefinition::METHOD => reply::<GotoDefinition>(id, params, |params| {
                let at = params.text_document_position_params;
                let uri = &at.text_document.uri;
                Ok(answer::definition(uri, self.document(uri)?, at.position))
            }),
            DocumentSymbolRequest::METHOD => reply::<DocumentSymbolRequest>(id, params, |params| {
                Ok(Some(answer::symbols(
                    self.document(&params.text_document.uri)?,
                )))
            }),
            Formatting::METHOD => reply::<Formatting>(id, params, |params| {
                let uri = &params.text_document.uri;
                Ok(answer::formatting(uri, self.document(uri)?))
            }),
            CodeActionRequest::METHOD => reply::<CodeActionRequest>(id, params, |params| {
                let wants = |kinds: &Vec<CodeActionKind>| {
                    kinds.iter().any(|kind| {
                        *kind == CodeActionKind::QUICKFIX || *kind == CodeActionKind::EMPTY
                    })
                };
                let uri = &params.text_document.uri;
                let document = self.document(uri)?;
                if !params.context.only.as_ref().is_none_or(wants) {
                    return Ok(Some(Vec::new()));
                }
                Ok(Some(diagnose::actions(uri, document, params.range)))
            }),
            method => refused(
                id,
                ErrorCode::MethodNotFound,
                &format!("there is no `{method}` here"),
            ),
        }
    }

    fn document(&mut self, uri: &Uri) -> Answered<&mut Document> {
        self.documents.get_mut(uri.as_str()).ok_or_else(|| {
            Refusal(
                ErrorCode::InvalidParams,
                format!("`{}` is not open", uri.as_str()),
            )
        })
    }

    /// Takes note of something; what cannot be read, or is of no interest, changes nothing.
    fn note(&mut self, notification: Notification) -> io::Result<()> {
        let Notification { method, params } = notification;
        match method.as_str() {
            DidOpenTextDocument::METHOD => {
                if let Some(opened) = read::<DidOpenTextDocument>(params) {
                    let item = opened.text_document;
                    let document = Document::new(item.text, item.version);
                    self.documents
                        .insert(item.uri.as_str().to_owned(), document);
                }
            }
            DidChangeTextDocument::METHOD => {
                if let Some(changed) = read::<DidChangeTextDocument>(params)
                    && let Ok(document) = self.document(&changed.text_document.uri)
                {
                    document.change(changed.content_changes, changed.text_document.version);
                }
            }
            DidCloseTextDocument::METHOD => {
                if let Some(closed) = read::<DidCloseTextDocument>(params) {
                    let uri = closed.text_document.uri;
                    self.documents.remove(uri.as_str());
                    let none = PublishDiagnosticsParams::new(uri, Vec::new(), None);
                    send(&mut self.out, PublishDiagnostics::METHOD, none)?;
                }
            }
            _ => {}
        }
        Ok(())
    }
}

fn capabilities() -> InitializeResult {
    InitializeResult {
        capabilities: ServerCapabilities {
            text_document_sync: Some(TextDocumentSyncCapability::Kind(
                TextDocumentSyncKind::INCREMENTAL,
            )),
            hover_provider: Some(HoverProviderCapability::Simple(true)),
            completion_provider: Some(CompletionOptions {
                trigger_characters: Some(vec![":".to_owned(), ".".to_owned()]),
                ..CompletionOptions::default()
            }),
            definition_provider: Some(OneOf::Left(true)),
            document_symbol_provider: Some(OneOf::Left(true)),
            document_formatting_provider: Some(OneOf::Left(true)),
            code_action_provider: Some(CodeActionProviderCapability::Options(CodeActionOptions {
                code_action_kinds: Some(vec![CodeActionKind::QUICKFIX]),
                ..CodeActionOptions::default()
            })),
            ..ServerCapabilities::default()
        },
        server_info: Some(ServerInfo {
            name: "betrace".to_owned(),
            version: Some(env!("CARGO_PKG_VERSION").to_owned()),
        }),
    }
}

fn refused(id: RequestId, code: ErrorCode, why: &str) -> Response {
    Response::new_err(id, code as i32, why.to_owned())
}

/// Answers a request whose parameters can be read.
fn reply<R: lsp_types::request::Request>(
    id: RequestId,
    params: Value,
    answer: impl FnOnce(R::Params) -> Answered<R::Result>,
) -> Response {
    match serde_json::from_value(params) {
        Ok(params) => match answer(params) {
            Ok(result) => Response::new_ok(id, result),
            Err(Refusal(code, why)) => refused(id, code, &why),
        },
        Err(error) => refused(id, ErrorCode::InvalidParams, &error.to_string()),
    }
}

fn read<N: lsp_types::notification::Notification>(params: Value) -> Option<N::Params> {
    serde_json::from_value(params).ok()
}

fn send(out: &mut impl io::Write, method: &str, params: impl serde::Serialize) -> io::Result<()> {
    Message::Notification(Notification::new(method.to_owned(), params)).write(out)
}
