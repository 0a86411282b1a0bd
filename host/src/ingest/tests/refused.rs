//! Requests that are refused: with which status, and whether to come again.

use super::*;

fn full() -> TestSink {
    TestSink {
        refusal: Some(Refused::Full {
            what: "too many spans are open".into(),
            retry_after: Duration::from_millis(1_500),
        }),
        ..TestSink::default()
    }
}

fn unavailable() -> TestSink {
    TestSink {
        refusal: Some(Refused::Unavailable {
            what: "the disk is full".into(),
            retry_after: Duration::from_secs(30),
        }),
        ..TestSink::default()
    }
}

fn over_quota() -> TestSink {
    TestSink {
        refusal: Some(Refused::OverQuota {
            what: "this tenant stores enough".into(),
        }),
        ..TestSink::default()
    }
}

/// A request that is more than we take, in a few bytes of its own.
fn too_many_spans() -> Vec<u8> {
    request_of(&[0x12, 0].repeat(REQUEST_SPANS_MAX + 1)).into()
}

/// Checks what is told of a body that is not taken, and that it says not to come again.
fn check_http_error(headers: &str, body: &[u8], status: u16, code: Code, message: &str) {
    let (answer, taken) = http_answer(TestSink::default(), headers, body);
    assert_eq!(answer.status, status, "{message}");
    assert_eq!(answer.header("retry-after"), None, "{message}");
    let (told, what) = if headers.starts_with(PROTOBUF) {
        assert_eq!(
            answer.header("content-type"),
            Some("application/x-protobuf")
        );
        let status = RpcStatus::decode(&answer.body[..]).unwrap();
        (i64::from(status.code), status.message)
    } else {
        let status = answer.json();
        let message = status["message"].as_str().unwrap();
        (status["code"].as_i64().unwrap(), message.to_owned())
    };
    assert_eq!(told, code as i64, "{message}");
    assert!(what.contains(message), "{message}: {what}");
    assert_eq!(taken, []);
}

#[test]
fn http_errors_are_a_status_in_the_encoding_of_the_request() {
    let malformed = Code::InvalidArgument;
    let gzipped = |format: &str| format!("{format}\r\nContent-Encoding: gzip");
    check_http_error(PROTOBUF, b"\xff\xff", 400, malformed, "it is not protobuf");
    check_http_error(
        PROTOBUF,
        b"\x0a\x03\x1a\x01\xff",
        400,
        malformed,
        "schema_url",
    );
    check_http_error(
        JSON,
        b"{]",
        400,
        malformed,
        "key must be a string, line 1 column 2",
    );
    let broken = b"\x1f\x8b\x08";
    check_http_error(
        &gzipped(JSON),
        broken,
        400,
        malformed,
        "its compression is broken",
    );
    let large = vec![0; REQUEST_BODY_BYTES_MAX + 1];
    check_http_error(PROTOBUF, &large, 413, malformed, "larger than 16777216 B");
    let bomb = gzip(&vec![0; REQUEST_BYTES_MAX + 1]);
    let message = "more than 33554432 B after decompression";
    check_http_error(&gzipped(PROTOBUF), &bomb, 413, malformed, message);
    check_http_error(
        PROTOBUF,
        &too_many_spans(),
        413,
        malformed,
        "more than 262144 spans",
    );
    let brotli = format!("{JSON}\r\nContent-Encoding: br");
    check_http_error(
        &brotli,
        b"{}",
        415,
        Code::Unimplemented,
        "encoding `br` is not taken",
    );
    let text = "Content-Type: text/plain";
    check_http_error(
        text,
        b"{}",
        415,
        malformed,
        "content type `text/plain` is not taken",
    );
}

/// Scenario: a request of JSON that is within its own limits, and not within those of the protobuf that the inbox keeps.
/// Guarantees: nothing is acknowledged that a restart could not read again.
#[test]
fn json_that_the_inbox_could_not_give_back_is_refused() {
    let attributes = [r#"{"value":{}}"#].repeat(REQUEST_ITEMS_MAX / 2).join(",");
    let json = format!(
        r#"{{"resourceSpans":[{{"resource":{{"attributes":[{attributes}]}},"scopeSpans":[{{"spans":[{{
        "traceId":"01010101010101010101010101010101","spanId":"0101010101010101"}}]}}]}}]}}"#
    );
    let too_many = "more than 2097152 attributes";
    check_http_error(JSON, json.as_bytes(), 413, Code::InvalidArgument, too_many);
}

#[test]
fn http_says_when_to_come_again() {
    let otlp = request(vec![span(1)]).encode_to_vec();
    let (answer, _) = http_answer(full(), PROTOBUF, &otlp);
    assert_eq!(
        (answer.status, answer.header("retry-after")),
        (429, Some("2"))
    );
    let status = RpcStatus::decode(&answer.body[..]).unwrap();
    assert_eq!(status.message, "too many spans are open");

    let json = br#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":
        "01010101010101010101010101010101","spanId":"0101010101010101"}]}]}]}"#;
    let (answer, _) = http_answer(unavailable(), JSON, json);
    assert_eq!(
        (answer.status, answer.header("retry-after")),
        (503, Some("30"))
    );
    assert_eq!(answer.json()["details"][0]["retryDelay"], "30s");

    // The head, the body, the span, and what is copied of the request: each is counted.
    let mut large = request(vec![span(1)]);
    large.resource_spans[0].schema_url = "u".repeat(10_000);
    for (body, beside_head) in [
        (&otlp, None),
        (&otlp, Some(otlp.len() - 1)),
        (&otlp, Some(otlp.len() + 200)),
        (&large.encode_to_vec(), Some(15_000)),
    ] {
        let head = head_memory_bytes(body);
        let room = beside_head.map_or(head - 1, |beside| head + beside);
        let answer = |max, others| {
            let receiver = Receiver::new(Arc::new(TestSink::default()), one_may_have_all(max));
            let mut of_others = receiver.begin(&TenantId::default_tenant());
            assert_eq!(of_others.grow(others), Ok(()));
            with_http(
                receiver,
                |port| async move { post(port, PROTOBUF, body).await },
            )
        };
        let refused = answer(100_000, 100_000 - room);
        assert_eq!(
            (refused.status, refused.header("retry-after")),
            (429, Some("1"))
        );
        // Where all of the room is too little, coming again is of no use.
        let refused = answer(room, 0);
        assert_eq!((refused.status, refused.header("retry-after")), (413, None));
        let status = RpcStatus::decode(&refused.body[..]).unwrap();
        assert!(status.message.contains("more `memory`"), "{status:?}");
    }
}

#[test]
fn who_is_refused_can_send_all_and_is_told_why() {
    let sink = TestSink {
        tokens: &[("s3cret", "acme")],
        ..TestSink::default()
    };
    // More than the buffers of a connection hold.
    let (answer, taken) = http_answer(sink, PROTOBUF, &vec![0; 8 << 20]);
    assert_eq!((answer.status, taken.len()), (401, 0));
    let challenge = answer.header("www-authenticate");
    assert_eq!(challenge, Some("Bearer realm=\"betrace\""));
    let status = RpcStatus::decode(&answer.body[..]).unwrap();
    assert_eq!(
        (status.code, status.message.as_str()),
        (16, "the bearer token is missing or unknown")
    );
}

#[test]
fn a_tenant_that_stores_enough_is_not_told_to_come_again() {
    let otlp = request(vec![span(1)]).encode_to_vec();
    let (answer, _) = http_answer(over_quota(), PROTOBUF, &otlp);
    assert_eq!((answer.status, answer.header("retry-after")), (507, None));
    let status = RpcStatus::decode(&answer.body[..]).unwrap();
    assert_eq!(status.message, "this tenant stores enough");
    let receiver = Receiver::new(Arc::new(over_quota()), ROOM);
    let refused = with_grpc(receiver, |mut client| async move {
        client.export(request(vec![span(1)])).await.unwrap_err()
    });
    // RESOURCE_EXHAUSTED is retried where `RetryInfo` comes with it, and only then.
    assert_eq!(refused.code(), Code::ResourceExhausted);
    assert!(refused.details().is_empty());
}

#[test]
fn grpc_says_when_to_come_again_and_when_not_to() {
    for (sink, code, seconds) in [
        (full(), Code::ResourceExhausted, 1),
        (unavailable(), Code::Unavailable, 30),
    ] {
        let refused = with_grpc(
            Receiver::new(Arc::new(sink), ROOM),
            |mut client| async move { client.export(request(vec![span(1)])).await.unwrap_err() },
        );
        assert_eq!(refused.code(), code);
        let status = RpcStatus::decode(refused.details()).unwrap();
        assert_eq!(
            (status.code, status.message.as_str()),
            (code as i32, refused.message())
        );
        let retry = RetryInfo::decode(&status.details[0].value[..]).unwrap();
        assert_eq!(retry.retry_delay.unwrap().seconds, seconds);
    }
    // Not OUT_OF_RANGE, on which clients send it again.
    let mut large = span(1);
    large.name = "n".repeat(REQUEST_BODY_BYTES_MAX);
    let mut bomb = span(1);
    bomb.name = "n".repeat(REQUEST_BYTES_MAX);
    let (plain, inflated) = with_grpc(
        Receiver::new(Arc::new(TestSink::default()), ROOM),
        |mut client| async move {
            let plain = client.export(request(vec![large])).await.unwrap_err();
            let mut client = client.send_compressed(CompressionEncoding::Zstd);
            let inflated = client.export(request(vec![bomb])).await.unwrap_err();
            (plain, inflated)
        },
    );
    assert_eq!(plain.code(), Code::InvalidArgument, "{plain}");
    assert_eq!(
        plain.message(),
        "the request's body is larger than 16777216 B"
    );
    assert_eq!(inflated.code(), Code::InvalidArgument, "{inflated}");
    assert_eq!(
        inflated.message(),
        "the request is too large: it holds more than 33554432 B after decompression"
    );
}
