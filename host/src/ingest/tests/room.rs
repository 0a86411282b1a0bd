//! What a request holds of memory while it is under way, and for how long.

use super::*;

#[test]
fn what_a_request_held_is_given_back() {
    let otlp = request(vec![span(1)]).encode_to_vec();
    let receiver = Receiver::new(Arc::new(TestSink::default()), one_may_have_all(12_000));
    with_http(receiver, |port| async move {
        for _ in 0..20 {
            assert_eq!(post(port, PROTOBUF, &otlp).await.status, 200);
        }
    });
}

/// Scenario: a client sends the head of a request and a part of its body, and then nothing.
/// Guarantees: it is told to come again, by a status on which clients of OTLP do; 408 is none.
#[test]
fn a_body_that_comes_too_late_may_be_sent_again() {
    let late =
        || Receiver::with_body_read_max(Arc::new(TestSink::default()), Duration::from_millis(20));
    let answer = with_http(late(), |port| async move {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        let head = format!(
            "POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n{PROTOBUF}\r\n\r\n12"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        String::from_utf8_lossy(&answer).to_lowercase()
    });
    assert!(answer.starts_with("http/1.1 503 "), "{answer}");
    assert!(answer.contains("\r\nretry-after: 1\r\n"), "{answer}");
    assert!(answer.contains("did not come in time"), "{answer}");

    let (code, details) = with_grpc_channel(late(), |mut channel| async move {
        let mut request = http_request(
            "application/grpc",
            Body::from_stream(tokio_stream::pending::<io::Result<Bytes>>()),
        );
        request
            .headers_mut()
            .insert("te", HeaderValue::from_static("trailers"));
        let response = call(&mut channel, request).await.unwrap();
        let status = tonic::Status::from_header_map(response.headers()).unwrap();
        (status.code(), status.details().to_vec())
    });
    assert_eq!(code, Code::Unavailable);
    let status = RpcStatus::decode(&details[..]).unwrap();
    let retry = RetryInfo::decode(&status.details[0].value[..]).unwrap();
    assert_eq!(retry.retry_delay.unwrap().seconds, 1);
}

#[test]
fn a_body_is_counted_before_there_is_room_for_it() {
    let receiver = Receiver::new(Arc::new(TestSink::default()), one_may_have_all(1_000));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let tenant = TenantId::default_tenant();
    let read = |n_bytes| {
        let mut body = Body::from(vec![0; n_bytes]);
        let mut held = receiver.begin(&tenant);
        let read = runtime.block_on(receiver.read_body(&mut body, &mut held));
        read.map(|body| body.len())
    };
    assert_eq!(read(1_000).unwrap(), 1_000);
    let mut others = receiver.begin(&tenant);
    assert_eq!(others.grow(1), Ok(()));
    let error = read(1_000).unwrap_err();
    assert!(
        matches!(error, error::IngestError::TenantOverloaded),
        "{error}"
    );
    let error = read(1_001).unwrap_err();
    assert!(
        matches!(error, error::IngestError::TooMuchMemory { max: 1_000 }),
        "{error}"
    );
}
