//! Requests that are taken: in which ways they may be sent, and whose they are.

use super::*;

#[test]
fn http_takes_protobuf_plain_and_compressed() {
    let otlp = request(vec![span(1), span(2)]).encode_to_vec();
    let zstd = zstd::encode_all(&otlp[..], 1).unwrap();
    for (encoding, body) in [("identity", &otlp), ("gzip", &gzip(&otlp)), ("zstd", &zstd)] {
        let headers = format!("{PROTOBUF}\r\nContent-Encoding: {encoding}");
        let (answer, taken) = http_answer(TestSink::default(), &headers, body);
        assert_eq!((answer.status, answer.body), (200, vec![]), "{encoding}");
        assert_eq!(taken[0].otlp, otlp);
        assert_eq!(
            taken[0].records,
            decode(&otlp.clone().into()).unwrap().records
        );
        assert_eq!(taken[0].tenant.as_str(), "default");
    }
}

#[test]
fn http_takes_json_and_keeps_protobuf() {
    let json = br#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"n","traceId":
        "01010101010101010101010101010101","spanId":"0101010101010101"}]}]}]}"#;
    let (answer, taken) = http_answer(TestSink::default(), JSON, json);
    assert_eq!((answer.status, &answer.body[..]), (200, &b"{}"[..]));
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(taken[0].otlp, request(vec![span(1)]).encode_to_vec());
}

#[test]
fn spans_are_refused_one_by_one_with_reasons() {
    let at = "at resourceSpans[0].scopeSpans[0].spans";
    let reason = format!(
        "spans refused: trace id is not 16 bytes, or is all zero (1, {at}[1]); \
         parent span id is not 8 bytes (1, {at}[3])"
    );
    let (answer, taken) = http_answer(TestSink::default(), PROTOBUF, &mixed().encode_to_vec());
    let response = ExportTraceServiceResponse::decode(&answer.body[..]).unwrap();
    let partial = response.partial_success.unwrap();
    assert_eq!((answer.status, partial.rejected_spans), (200, 2));
    assert_eq!(partial.error_message, reason);
    let ids: Vec<_> = taken[0]
        .records
        .iter()
        .map(|span| span.span_id.0[0])
        .collect();
    assert_eq!(ids, [1, 3]);

    let json = br#"{"resourceSpans":[{"scopeSpans":[{"spans":[{}]}]}]}"#;
    let (answer, taken) = http_answer(TestSink::default(), JSON, json);
    let partial = &answer.json()["partialSuccess"];
    assert_eq!(partial["rejectedSpans"], "1");
    // Nothing is left to be made durable.
    assert_eq!((answer.status, taken.len()), (200, 0));
}

#[test]
fn what_is_not_called_as_grpc_is_not_answered_as_grpc() {
    for (content_type, status) in [
        ("application/grpc", 200),
        ("application/grpc+proto", 200),
        ("application/json", 415),
        ("application/grpc+json", 415),
        ("application/grpc-web", 415),
    ] {
        let receiver = Receiver::new(Arc::new(TestSink::default()), ROOM);
        let answered = with_grpc_channel(receiver, |mut channel| async move {
            let body = Body::new(Full::from(vec![0; 5]));
            let response = call(&mut channel, http_request(content_type, body)).await;
            response.unwrap().status().as_u16()
        });
        assert_eq!(answered, status, "{content_type}");
    }
}

#[test]
fn the_bearer_token_says_whose_spans_they_are() {
    let sink = || TestSink {
        tokens: &[("s3cret", "acme")],
        ..TestSink::default()
    };
    let otlp = request(vec![span(1)]).encode_to_vec();
    let (answer, _) = http_answer(sink(), PROTOBUF, &otlp);
    assert_eq!(answer.status, 401);
    let headers = format!("{PROTOBUF}\r\nAuthorization: bearer s3cret");
    let (answer, taken) = http_answer(sink(), &headers, &otlp);
    assert_eq!((answer.status, taken[0].tenant.as_str()), (200, "acme"));

    let receiver = Receiver::new(Arc::new(sink()), ROOM);
    with_grpc(receiver, |mut client| async move {
        let refused = client.export(request(vec![span(1)])).await.unwrap_err();
        assert_eq!(refused.code(), Code::Unauthenticated);
        let mut known = tonic::Request::new(request(vec![span(1)]));
        let token = MetadataValue::from_static("Bearer s3cret");
        known.metadata_mut().insert("authorization", token);
        client.export(known).await.unwrap();
    });
}

#[test]
fn grpc_takes_plain_and_compressed_and_says_what_was_refused() {
    let sink = Arc::new(TestSink::default());
    with_grpc(
        Receiver::new(Arc::clone(&sink) as Arc<dyn Sink>, ROOM),
        |client| async move {
            let mut clients = [
                client.clone(),
                client.clone().send_compressed(CompressionEncoding::Gzip),
                client.send_compressed(CompressionEncoding::Zstd),
            ];
            for client in &mut clients {
                let response = client
                    .export(request(vec![span(1), span(2)]))
                    .await
                    .unwrap();
                assert_eq!(response.into_inner().partial_success, None);
            }
            let partial = clients[1].export(mixed()).await.unwrap().into_inner();
            assert_eq!(partial.partial_success.unwrap().rejected_spans, 2);
        },
    );
    let taken = sink.taken.lock().unwrap();
    let n_spans: Vec<_> = taken
        .iter()
        .map(|submission| submission.records.len())
        .collect();
    assert_eq!(n_spans, [2, 2, 2, 2]);
    assert_eq!(taken[0], taken[2]);
    assert_eq!(taken[3].otlp, mixed().encode_to_vec());
}
