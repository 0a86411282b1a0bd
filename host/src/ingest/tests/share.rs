//! What one tenant may have in flight, so that something is left for the others.

use super::*;

const MAX: ShareMax = ShareMax {
    all: 100_000,
    tenant: 75_000,
};

fn sink() -> TestSink {
    TestSink {
        tokens: &[("of-acme", "acme"), ("of-globex", "globex")],
        ..TestSink::default()
    }
}

/// Begins a request whose body does not come.
async fn half_open(port: u16) -> TcpStream {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let head = format!(
        "POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n{PROTOBUF}\r\n\
         Authorization: Bearer of-acme\r\n\r\n12"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
}

/// Scenario: a tenant begins requests, each on a connection of its own, until it may not begin another.
/// Guarantees: it is told that this is its own bound, and when to come again; meanwhile another tenant is served.
#[test]
fn bodies_that_do_not_come_leave_room_for_other_tenants() {
    let otlp = request(vec![span(1)]).encode_to_vec();
    let receiver = Receiver::new(Arc::new(sink()), MAX);
    let of = |token: &str| format!("{PROTOBUF}\r\nAuthorization: Bearer {token}");
    with_http(receiver, |port| async move {
        let mut waiting = Vec::new();
        let refused = loop {
            waiting.push(half_open(port).await);
            assert!(waiting.len() <= MAX.tenant / REQUEST_MEMORY_BYTES + 1);
            let answer = post(port, &of("of-acme"), &otlp).await;
            if answer.status != 200 {
                break answer;
            }
        };
        let status = RpcStatus::decode(&refused.body[..]).unwrap();
        assert_eq!(refused.status, 429, "{status:?}");
        assert_eq!(refused.header("retry-after"), Some("1"));
        assert!(status.message.contains("of this tenant"), "{status:?}");
        for _ in 0..20 {
            assert_eq!(post(port, &of("of-globex"), &otlp).await.status, 200);
        }
        // The rest comes, of a request that is a field which nobody knows; the last may have been one too many.
        for stream in &mut waiting {
            stream.write_all(b"3456789").await.unwrap();
            let mut answer = [0; 12];
            stream.read_exact(&mut answer).await.unwrap();
            assert!(matches!(&answer, b"HTTP/1.1 200" | b"HTTP/1.1 429"));
        }
        assert_eq!(post(port, &of("of-acme"), &otlp).await.status, 200);
    });
}

#[test]
fn grpc_says_whose_bound_it_was() {
    let send = |held: [usize; 2], spans| {
        let receiver = Receiver::new(Arc::new(sink()), MAX);
        let names = ["acme", "globex"].map(|name| TenantId::try_new(name).unwrap());
        let mut others = [0, 1].map(|at| receiver.begin(&names[at]));
        for (other, held) in others.iter_mut().zip(held) {
            assert_eq!(other.grow(held), Ok(()));
        }
        let mut sent = tonic::Request::new(request(spans));
        let token = MetadataValue::from_static("Bearer of-acme");
        sent.metadata_mut().insert("authorization", token);
        with_grpc(
            receiver,
            |mut client| async move { client.export(sent).await },
        )
    };
    assert!(send([0, MAX.tenant], vec![span(1)]).is_ok());
    let mut large = span(1);
    large.name = "n".repeat(MAX.tenant);
    for (held, sent, code, says) in [
        (
            [MAX.tenant, 0],
            span(1),
            Code::ResourceExhausted,
            "requests of this tenant",
        ),
        (
            [50_000, 50_000],
            span(1),
            Code::ResourceExhausted,
            "of all tenants together",
        ),
        // More than there will ever be room for, however little is in flight.
        (
            [0, 0],
            large,
            Code::InvalidArgument,
            "the 75000 B that all requests of a tenant may take",
        ),
    ] {
        let refused = send(held, vec![sent]).unwrap_err();
        assert_eq!(refused.code(), code, "{refused}");
        assert!(refused.message().contains(says), "{refused}");
        let passes = code == Code::ResourceExhausted;
        assert_eq!(!refused.details().is_empty(), passes, "{refused}");
    }
}
