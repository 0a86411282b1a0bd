//! From bytes to spans: what is left where it lies, and within which limits.

use super::*;

/// A request of one span with an attribute whose value is an array in an array, so many times.
fn nested(arrays: usize) -> Bytes {
    let value = (0..arrays).fold(Vec::new(), |inner, _| framed(0x2a, &framed(0x0a, &inner)));
    let attribute = framed(0x4a, &framed(0x12, &value));
    request_of(&framed(
        0x12,
        &[span(1).encode_to_vec(), attribute].concat(),
    ))
}

fn lies_in(request: &Bytes, part: &Bytes) -> bool {
    request.as_ptr_range().contains(&part.as_ptr())
}

#[test]
fn spans_stay_where_they_lie_unless_fields_are_to_be_merged() {
    let otlp = Bytes::from(mixed().encode_to_vec());
    let spans = decode(&otlp).unwrap().records;
    assert!(spans.iter().all(|span| lies_in(&otlp, &span.message)));

    // A status with a code, and one with a message.
    let twice = [
        &span(1).encode_to_vec()[..],
        &[0x7a, 2, 0x18, 2, 0x7a, 3, 0x12, 1, b'm'],
    ];
    let otlp = request_of(&framed(0x12, &twice.concat()));
    let [merged] = decode(&otlp).unwrap().records.try_into().unwrap();
    assert!(!lies_in(&otlp, &merged.message));
    let status = merged.to_record().span.status.unwrap();
    assert_eq!((status.code, status.message.as_str()), (2, "m"));
}

#[test]
fn what_a_request_holds_and_how_deep_is_limited() {
    // The request, its resource spans, scope spans, and the attributes.
    let with_attributes = |n: usize| {
        let span = [span(1).encode_to_vec(), [0x4a, 0].repeat(n)].concat();
        decode(&request_of(&framed(0x12, &span))).map(|decoded| decoded.records.len())
    };
    assert_eq!(with_attributes(REQUEST_ITEMS_MAX - 3), Ok(1));
    let too_many = DecodeError::TooMany {
        what: "attributes, events and links",
        max: REQUEST_ITEMS_MAX,
    };
    assert_eq!(with_attributes(REQUEST_ITEMS_MAX - 2), Err(too_many));

    // Request, resource spans, scope spans, span, attribute, value, and two for each array.
    let deepest = (MESSAGE_DEPTH_MAX - 6) / 2;
    let otlp = nested(deepest);
    assert!(lies_in(&otlp, &decode(&otlp).unwrap().records[0].message));
    let error = decode(&nested(deepest + 1)).unwrap_err().to_string();
    assert!(
        error.ends_with("its messages are nested more than 100 deep"),
        "{error}"
    );
}

proptest! {
    #[test]
    fn no_bytes_panic(body in prop::collection::vec(any::<u8>(), 0..300)) {
        drop(decode(&Bytes::from(body.clone())));
        for encoding in [Encoding::Gzip, Encoding::Zstd] {
            drop(inflate(encoding, &body, |_| true));
        }
    }

    #[test]
    fn no_mutation_panics(kind in 0..3, at in any::<prop::sample::Index>(), with in prop::collection::vec(any::<u8>(), 0..4), len in 0..8_usize) {
        let otlp = mixed().encode_to_vec();
        let (encoding, mut body) = match kind {
            0 => (Encoding::Identity, otlp),
            1 => (Encoding::Gzip, gzip(&otlp)),
            _ => (Encoding::Zstd, zstd::encode_all(&otlp[..], 1).unwrap()),
        };
        let at = at.index(body.len());
        let end = (at + len).min(body.len());
        body.splice(at..end, with);
        if let Ok(Some(plain)) = inflate(encoding, &body, |_| true)
            && let Ok(decoded) = decode(&plain.into())
        {
            for span in decoded.records {
                prop_assert!(span.trace_id.0 != [0; 16] && span.span_id.0 != [0; 8]);
            }
        }
    }
}

#[test]
fn a_body_is_inflated_up_to_its_limit() {
    let at_limit = vec![0; REQUEST_BYTES_MAX];
    let zstd = zstd::encode_all(&at_limit[..], 1).unwrap();
    assert_eq!(
        inflate(Encoding::Zstd, &zstd, |_| true)
            .unwrap()
            .map(|whole| whole.len()),
        Some(REQUEST_BYTES_MAX)
    );
    let refused = inflate(Encoding::Gzip, &gzip(&at_limit), |_| false);
    assert!(matches!(refused, Ok(None)));
    // A window that is larger than we give memory to.
    let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
    encoder.window_log(25).unwrap();
    encoder.write_all(&at_limit).unwrap();
    let broken = inflate(Encoding::Zstd, &encoder.finish().unwrap(), |_| true);
    assert!(matches!(broken, Err(InflateError::Broken(_))));
}
