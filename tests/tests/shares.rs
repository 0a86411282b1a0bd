//! Scenario: of two tenants of a server one asks its API for all that it can get.
//!
//! Guarantees: that one is told that it has its share, and when to come again; the other is answered meanwhile, and once
//! the first has let go, it is, too.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::{io::Write as _, net::TcpStream, path::Path, time::Duration};

use betrace::{
    api::limits::{BODIES_MEMORY_BYTES_MAX, BODY_COPIES, WAITING_MAX},
    clock::{Clock as _, SystemClock},
};
use betrace_tests::server::{Server, run};

const WITHIN: Duration = Duration::from_secs(20);

fn tenant(data: &Path, name: &str) -> String {
    let data = data.to_str().unwrap();
    let made = run(&["tenants", "create", name, "--data", data]).unwrap();
    assert!(made.status.success(), "{made:?}");
    String::from_utf8(made.stdout).unwrap().trim().to_owned()
}

/// What came of a request: its status, when to come again, and what it says.
type Answer = (u16, Option<String>, String);

fn ask(server: &Server, token: &str, path: &str, body: Option<&[u8]>) -> Answer {
    let config = ureq::Agent::config_builder().http_status_as_error(false);
    let agent: ureq::Agent = config.build().into();
    let url = format!("http://{}{path}", server.api);
    let bearer = format!("Bearer {token}");
    let asked = match body {
        None => agent.get(url).header("authorization", bearer).call(),
        Some(body) => {
            let post = agent.post(url).header("authorization", bearer);
            post.content_type("application/json").send(body)
        }
    };
    let mut answer = asked.unwrap();
    let after = answer.headers().get("retry-after");
    let after = after.map(|after| after.to_str().unwrap().to_owned());
    let says = answer.body_mut().read_to_string().unwrap();
    (answer.status().as_u16(), after, says)
}

/// Asks until the answer is what is looked for.
fn ask_until(ask: impl Fn() -> Answer, is_it: impl Fn(u16) -> bool) -> Answer {
    let clock = SystemClock::new();
    let began = clock.monotonic();
    loop {
        let answer = ask();
        if is_it(answer.0) {
            return answer;
        }
        let took = clock.monotonic().saturating_sub(began);
        assert!(took < WITHIN, "{answer:?}");
    }
}

/// Sends a request, or a part of one, and does not read what comes.
fn send(server: &Server, token: &str, line: &str, headers: &str, body: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(server.api).unwrap();
    let head =
        format!("{line} HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {token}\r\n{headers}\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(body).unwrap();
    stream
}

fn is_told_to_come_again(answer: &Answer, why: &str) {
    let (status, after, says) = answer;
    assert_eq!((*status, after.as_deref()), (503, Some("1")), "{says}");
    assert!(says.contains(why), "{says}");
}

#[test]
fn requests_that_wait_for_changes_leave_places_for_other_tenants() {
    let folder = tempfile::tempdir().unwrap();
    let [acme, globex] = ["acme", "globex"].map(|name| tenant(folder.path(), name));
    let server = Server::start(folder.path(), &[]).unwrap();
    let changes = |token: &str, wait_ms: u32| {
        let path = format!("/api/v1/signals/changes?since=0&wait_ms={wait_ms}");
        (token.to_owned(), path)
    };
    let (_, long) = changes(&acme, 5_000);
    let wait = |_| send(&server, &acme, &format!("GET {long}"), "", b"");
    // More than it may: one that is asked meanwhile takes a place, too.
    let waiting: Vec<TcpStream> = (0..2 * WAITING_MAX.tenant).map(wait).collect();
    let at_once = |token| {
        let (token, path) = changes(token, 0);
        ask(&server, &token, &path, None)
    };
    let refused = ask_until(|| at_once(&acme), |status| status != 200);
    is_told_to_come_again(&refused, "of this tenant");
    assert_eq!(at_once(&globex).0, 200);
    // What takes no such place is answered.
    assert_eq!(ask(&server, &acme, "/api/v1/rules", None).0, 200);
    // The places are given back when the waits are over.
    drop(waiting);
    ask_until(|| at_once(&acme), |status| status == 200);
    assert!(server.terminate().unwrap().success());
}

#[test]
fn bodies_that_do_not_come_leave_room_for_other_tenants() {
    let folder = tempfile::tempdir().unwrap();
    let [acme, globex] = ["acme", "globex"].map(|name| tenant(folder.path(), name));
    let server = Server::start(folder.path(), &[]).unwrap();
    // Three of these are more than one tenant may have.
    let n_bytes = BODIES_MEMORY_BYTES_MAX.tenant / BODY_COPIES / 3 + 1;
    let nothing = |n_bytes: usize| [vec![b' '; n_bytes], b"{\"packs\":[]}".to_vec()].concat();
    let post = |token: &str, n_bytes| {
        let body = nothing(n_bytes);
        ask(&server, token, "/api/v1/rules", Some(&body))
    };
    let taken = post(&acme, n_bytes);
    assert_ne!(taken.0, 503, "{taken:?}");
    let headers = "content-type: application/json\r\ncontent-length: 30000000\r\n";
    let half = |_| {
        send(
            &server,
            &acme,
            "POST /api/v1/rules",
            headers,
            &nothing(n_bytes),
        )
    };
    let half_open: Vec<TcpStream> = (0..2).map(half).collect();
    let refused = ask_until(|| post(&acme, n_bytes), |status| status == 503);
    is_told_to_come_again(&refused, "of this tenant");
    let other = post(&globex, 1 << 20);
    assert_eq!(other.0, taken.0, "{other:?}");
    drop(half_open);
    let again = ask_until(|| post(&acme, n_bytes), |status| status != 503);
    assert_eq!(again, taken);
    assert!(server.terminate().unwrap().success());
}
