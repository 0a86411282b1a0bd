//! `betrace lsp` as an editor meets it: JSON-RPC over the pipes of the built binary.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::needless_pass_by_value,
    reason = "a test that cannot go on fails where it stands, and hands over what it has just made"
)]

use std::{
    io::{BufRead, BufReader, Read, Write},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

const URI: &str = "file:///rules/phi.btr";

/// An editor, with a server of its own.
struct Editor {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
    last_id: u64,
}

impl Editor {
    fn start() -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_betrace"))
            .args(["lsp", "--stdio"])
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self {
            stdin: child.stdin.take(),
            stdout: BufReader::new(child.stdout.take().unwrap()),
            child,
            last_id: 0,
        }
    }

    /// A session that has begun.
    fn running() -> Self {
        let mut editor = Self::start();
        let result = editor.ask(
            "initialize",
            json!({ "processId": null, "rootUri": null, "capabilities": {} }),
        );
        assert_eq!(result["capabilities"]["textDocumentSync"], 2, "{result}");
        assert_eq!(result["serverInfo"]["name"], "betrace");
        editor.tell("initialized", json!({}));
        editor
    }

    fn send_bytes(&mut self, bytes: &[u8]) {
        let stdin = self.stdin.as_mut().unwrap();
        stdin.write_all(bytes).unwrap();
        stdin.flush().unwrap();
    }

    fn send(&mut self, message: &Value) {
        let body = message.to_string();
        self.send_bytes(format!("Content-Length: {}\r\n\r\n{body}", body.len()).as_bytes());
    }

    fn receive(&mut self) -> Value {
        let mut length = 0;
        loop {
            let mut line = String::new();
            assert_ne!(
                self.stdout.read_line(&mut line).unwrap(),
                0,
                "the server has gone"
            );
            match line.trim().split_once(": ") {
                Some((_, value)) => length = value.parse().unwrap(),
                None => break,
            }
        }
        let mut body = vec![0; length];
        self.stdout.read_exact(&mut body).unwrap();
        let message: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(message["jsonrpc"], "2.0");
        message
    }

    fn tell(&mut self, method: &str, params: Value) {
        self.send(&json!({ "jsonrpc": "2.0", "method": method, "params": params }));
    }

    /// Asks, and returns the whole response; what is published meanwhile is passed over.
    fn respond(&mut self, method: &str, params: Value) -> Value {
        self.last_id += 1;
        let id = self.last_id;
        self.send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }));
        loop {
            let message = self.receive();
            if message["id"] == id {
                return message;
            }
            assert_eq!(message["method"], "textDocument/publishDiagnostics");
        }
    }

    fn ask(&mut self, method: &str, params: Value) -> Value {
        let response = self.respond(method, params);
        assert!(response.get("error").is_none(), "{response}");
        response["result"].clone()
    }

    fn refuses(&mut self, method: &str, params: Value) -> i64 {
        self.respond(method, params)["error"]["code"]
            .as_i64()
            .unwrap()
    }

    fn ask_at(&mut self, method: &str, line: u32, character: u32) -> Value {
        self.ask(method, json!({ "textDocument": { "uri": URI }, "position": { "line": line, "character": character } }))
    }

    fn open(&mut self, text: &str) {
        self.tell("textDocument/didOpen", json!({ "textDocument": { "uri": URI, "languageId": "betrace", "version": 1, "text": text } }));
    }

    fn published(&mut self, version: i64) -> Vec<Value> {
        loop {
            let message = self.receive();
            assert_eq!(
                message["method"], "textDocument/publishDiagnostics",
                "{message}"
            );
            if message["params"]["version"] == version {
                assert_eq!(message["params"]["uri"], URI);
                return message["params"]["diagnostics"].as_array().unwrap().clone();
            }
        }
    }

    /// Ends the pipe, and returns how the server ended.
    fn end(mut self) -> Option<i32> {
        drop(self.stdin.take());
        self.child.wait().unwrap().code()
    }

    fn exit(mut self) -> Option<i32> {
        assert_eq!(self.ask("shutdown", Value::Null), Value::Null);
        assert_eq!(self.refuses("textDocument/hover", json!({})), -32600);
        self.tell("exit", Value::Null);
        self.child.wait().unwrap().code()
    }
}

impl Drop for Editor {
    fn drop(&mut self) {
        // Where a test failed, the server may still wait.
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

fn range(line: u32, start: u32, end: u32) -> Value {
    json!({ "start": { "line": line, "character": start }, "end": { "line": line, "character": end } })
}

#[test]
fn mistakes_are_shown_as_they_are_made_and_mended_by_their_fix() {
    let mut editor = Editor::running();
    // Two bytes, and four bytes that are two UTF-16 units, stand before the mistake.
    editor.open("// \u{e9}\n\"\u{1f600}\u{e9}\" && audit.log\n");
    let diagnostics = editor.published(1);
    assert_eq!(diagnostics.len(), 1);
    let first = &diagnostics[0];
    assert_eq!(first["range"], range(1, 6, 8));
    assert_eq!(
        (&first["severity"], &first["code"], &first["source"]),
        (&json!(1), &json!("foreign-operator"), &json!("betrace"))
    );
    assert!(first["message"].as_str().unwrap().contains("write `and`"));

    let actions = editor.ask(
        "textDocument/codeAction",
        json!({ "textDocument": { "uri": URI }, "range": range(1, 7, 7), "context": { "diagnostics": [] } }),
    );
    let edit = &actions[0]["edit"]["changes"][URI][0];
    assert_eq!(
        (&actions[0]["kind"], &edit["range"], &edit["newText"]),
        (&json!("quickfix"), &range(1, 6, 8), &json!("and"))
    );
    for (range, only) in [
        (range(0, 0, 0), json!(null)),
        (range(1, 7, 7), json!(["refactor"])),
    ] {
        let context = json!({ "diagnostics": [], "only": only });
        let none = editor.ask(
            "textDocument/codeAction",
            json!({ "textDocument": { "uri": URI }, "range": range, "context": context }),
        );
        assert_eq!(none, json!([]));
    }

    editor.tell(
        "textDocument/didChange",
        json!({ "textDocument": { "uri": URI, "version": 2 }, "contentChanges": [{ "range": edit["range"], "text": edit["newText"] }] }),
    );
    assert_eq!(editor.published(2), Vec::<Value>::new());
    editor.tell(
        "textDocument/didChange",
        json!({ "textDocument": { "uri": URI, "version": 3 }, "contentChanges": [{ "text": "let a = b\nlet a = c\na" }] }),
    );
    let twice = editor.published(3);
    let twice = twice
        .iter()
        .find(|diagnostic| diagnostic["code"] == "duplicate")
        .unwrap();
    assert_eq!(
        twice["relatedInformation"][0]["location"],
        json!({ "uri": URI, "range": range(0, 4, 5) })
    );
    editor.tell(
        "textDocument/didClose",
        json!({ "textDocument": { "uri": URI } }),
    );
    let closed = editor.receive();
    assert_eq!(closed["params"]["diagnostics"], json!([]));
    assert_eq!(editor.exit(), Some(0));
}

#[test]
fn what_stands_at_a_place_is_explained_found_and_completed() {
    let mut editor = Editor::running();
    editor.open("let late = timestamp.hour\nlet read = phi.access.where(span:kind == server)\n\nrule \"r\u{e9}\" {\n  match    { read and not audit.log }\n}\n");
    let hover = editor.ask_at("textDocument/hover", 1, 30);
    assert_eq!(hover["range"], range(1, 28, 37));
    let said = hover["contents"]["value"].as_str().unwrap();
    assert!(
        said.contains("`span:kind`") && said.contains("```betrace\nany.where(span:kind == server)"),
        "{said}"
    );
    let hover = editor.ask_at("textDocument/hover", 4, 14);
    assert_eq!(
        hover["contents"]["value"],
        "```betrace\nlet read = phi.access.where(span:kind == server)\n```"
    );
    assert_eq!(editor.ask_at("textDocument/hover", 2, 0), Value::Null);
    let found = editor.ask_at("textDocument/definition", 4, 15);
    assert_eq!(found, json!({ "uri": URI, "range": range(1, 4, 8) }));
    assert_eq!(editor.ask_at("textDocument/definition", 4, 19), Value::Null);

    let symbols = editor.ask(
        "textDocument/documentSymbol",
        json!({ "textDocument": { "uri": URI } }),
    );
    let names: Vec<&Value> = symbols
        .as_array()
        .unwrap()
        .iter()
        .map(|symbol| &symbol["name"])
        .collect();
    assert_eq!(names, ["late", "read", "r\u{e9}"]);
    assert_eq!(
        symbols[2]["range"],
        json!({ "start": { "line": 3, "character": 0 }, "end": { "line": 5, "character": 1 } })
    );
    assert_eq!(symbols[2]["selectionRange"], range(3, 5, 9));

    let labels = |items: &Value| -> Vec<String> {
        items
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["label"].as_str().unwrap().to_owned())
            .collect()
    };
    let in_condition = editor.ask_at("textDocument/completion", 4, 22);
    let in_condition = labels(&in_condition);
    for word in ["read", "audit.log", "phi.access", "count", "not"] {
        assert!(in_condition.iter().any(|label| label == word), "{word}");
    }
    let kinds = editor.ask_at("textDocument/completion", 1, 43);
    assert!(labels(&kinds).contains(&"client".to_owned()), "{kinds}");
    let intrinsics = editor.ask_at("textDocument/completion", 1, 33);
    let kind = intrinsics
        .as_array()
        .unwrap()
        .iter()
        .find(|item| item["label"] == "span:kind")
        .unwrap();
    assert_eq!(
        kind["textEdit"],
        json!({ "range": range(1, 28, 33), "newText": "span:kind" })
    );
    assert!(
        kind["documentation"]["value"]
            .as_str()
            .unwrap()
            .contains("server")
    );
    assert_eq!(editor.exit(), Some(0));
}

#[test]
fn a_document_is_laid_out_as_fmt_does() {
    let mut editor = Editor::running();
    let format = |editor: &mut Editor| {
        editor.ask(
            "textDocument/formatting",
            json!({ "textDocument": { "uri": URI }, "options": { "tabSize": 8, "insertSpaces": false } }),
        )
    };
    editor.open("when{a}\nnever{b} // \u{1f600}");
    let edits = format(&mut editor);
    let all =
        json!({ "start": { "line": 0, "character": 0 }, "end": { "line": 1, "character": 14 } });
    assert_eq!(
        edits,
        json!([{ "range": all, "newText": "when   { a }\nnever  { b } // \u{1f600}\n" }])
    );
    editor.tell(
        "textDocument/didChange",
        json!({ "textDocument": { "uri": URI, "version": 2 }, "contentChanges": [{ "range": all, "text": "when   { a }\nnever  { b }\n" }] }),
    );
    assert_eq!(format(&mut editor), json!([]));
    editor.tell("textDocument/didChange", json!({ "textDocument": { "uri": URI, "version": 3 }, "contentChanges": [{ "text": "a and" }] }));
    assert_eq!(format(&mut editor), Value::Null);
    assert_eq!(editor.exit(), Some(0));
}

#[test]
fn what_cannot_be_answered_is_refused_by_the_protocols_numbers() {
    let mut editor = Editor::start();
    assert_eq!(editor.refuses("textDocument/hover", json!({})), -32002);
    editor.tell("textDocument/didOpen", json!({}));
    editor.ask("initialize", json!({ "capabilities": {} }));
    assert_eq!(
        editor.refuses("initialize", json!({ "capabilities": {} })),
        -32600
    );
    assert_eq!(editor.refuses("textDocument/rename", json!({})), -32601);
    assert_eq!(
        editor.refuses("textDocument/hover", json!({ "textDocument": 5 })),
        -32602
    );
    let absent = json!({ "textDocument": { "uri": "file:///absent.btr" }, "position": { "line": 0, "character": 0 } });
    assert_eq!(editor.refuses("textDocument/hover", absent), -32602);
    for notification in [
        "$/cancelRequest",
        "textDocument/didChange",
        "workspace/didChangeConfiguration",
    ] {
        editor.tell(notification, json!({ "id": 1 }));
    }
    editor.send(&json!({ "jsonrpc": "2.0", "id": "none", "result": {} }));
    for (body, code, id) in [
        ("{\"jsonrpc\"", -32700, json!(null)),
        ("[1, 2]", -32600, json!(null)),
        ("{\"id\": 1.5}", -32600, json!(1.5)),
    ] {
        // A header that the protocol has besides, and lines that end as they should not.
        let frame = format!(
            "Content-Type: application/vscode-jsonrpc; charset=utf-8\ncontent-length: {}\n\n{body}",
            body.len()
        );
        editor.send_bytes(frame.as_bytes());
        let refusal = editor.receive();
        assert_eq!(
            (&refusal["error"]["code"], &refusal["id"]),
            (&json!(code), &id),
            "{body}"
        );
    }
    assert_eq!(editor.exit(), Some(0));
}

#[test]
fn the_session_ends_with_exit_with_the_pipe_and_with_a_frame_that_is_none() {
    let mut editor = Editor::running();
    editor.tell("exit", Value::Null);
    assert_eq!(editor.end(), Some(1), "without a shutdown");
    assert_eq!(Editor::running().end(), Some(0));
    assert_eq!(Editor::start().end(), Some(0));
    for frame in [
        "Content-Length: 99999999999999\r\n\r\n",
        "Content-Length: -1\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",
        "Content-Length: 10\r\n\r\n{}",
    ] {
        let mut editor = Editor::running();
        editor.send_bytes(frame.as_bytes());
        assert_eq!(editor.end(), Some(2), "{frame}");
    }
}

#[test]
fn changes_at_places_that_are_none_are_taken() {
    let mut editor = Editor::running();
    editor.open("a\u{1f600}\r\nb");
    let at = |line: u32, character: u32| json!({ "line": line, "character": character });
    for (version, (start, end)) in [
        (at(0, 2), at(0, 2)),
        (at(9, 9), at(0, 0)),
        (at(0, u32::MAX), at(u32::MAX, u32::MAX)),
    ]
    .into_iter()
    .enumerate()
    {
        let change = json!({ "range": { "start": start, "end": end }, "text": "\u{e9}" });
        editor.tell("textDocument/didChange", json!({ "textDocument": { "uri": URI, "version": version }, "contentChanges": [change] }));
        editor.ask_at("textDocument/hover", 0, 3);
        editor.ask_at("textDocument/completion", 0, u32::MAX);
    }
    assert_eq!(editor.exit(), Some(0));
}

#[test]
fn a_thousand_rules_are_checked_in_well_under_a_second() {
    let mut editor = Editor::running();
    let mut rules = (0..1_000).fold(String::new(), |rules, n| {
        rules + &format!("rule r{n} {{\n  signal   S_{n} (high)\n  when     {{ phi.access.where(user.role == u{n}) }}\n  always   {{ audit.log and not count(x.y{n}) > 3 }}\n}}\n\n")
    });
    rules.push_str("rule broken { match { a && b } }");
    #[expect(
        clippy::disallowed_methods,
        reason = "the time an answer takes is what is tested"
    )]
    let start = Instant::now();
    editor.open(&rules);
    let diagnostics = editor.published(1);
    let took = start.elapsed();
    println!("{} bytes took {took:?}", rules.len());
    assert_eq!(diagnostics.len(), 1);
    assert_eq!(diagnostics[0]["range"], range(6_000, 24, 26));
    // Unoptimised and beside other tests; the promise is well under a second.
    let limit = Duration::from_millis(if cfg!(debug_assertions) { 3_000 } else { 500 });
    assert!(took < limit, "{took:?}");
    assert_eq!(editor.exit(), Some(0));
}
