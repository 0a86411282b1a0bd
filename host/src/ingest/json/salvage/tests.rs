//! What is left of a request of JSON, and what is said of the rest.

use super::*;
use crate::ingest::{
    decode::{DecodeError, Decoded, decode_salvaged},
    limits::{FAULT_BYTES_MAX, REQUEST_SPANS_MAX},
    reject::Rejected,
};

const GOOD: &str = r#"{"traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174"}"#;

fn request_of(resources: &[u8]) -> Vec<u8> {
    [br#"{"resourceSpans":["#, resources, b"]}"].concat()
}

/// A resource of spans, with other fields of the resource.
fn resource(spans: &[u8], fields: &str) -> Vec<u8> {
    let before = br#"{"scopeSpans":[{"spans":["#;
    [before, spans, b"]}]", fields.as_bytes(), b"}"].concat()
}

fn decoded(text: &[u8]) -> Result<Decoded, DecodeError> {
    let error = DecodeError::Malformed {
        what: "nothing is left".into(),
    };
    let salvaged = salvage_json(text, &mut |_| true);
    let salvaged = decode_salvaged(salvaged, error, &mut |_| true)?;
    Ok(salvaged.unwrap_or_default().1)
}

/// Returns how many spans are left, and what is said of the others.
fn told(text: &[u8]) -> (usize, Vec<String>) {
    let decoded = decoded(text).unwrap();
    let rejected = decoded.rejected.iter().map(ToString::to_string);
    (decoded.records.len(), rejected.collect())
}

#[test]
fn a_span_that_cannot_be_read_is_left_out_and_told_of() {
    let deep = format!(r#"{{"attributes":{}{}}}"#, "[".repeat(200), "]".repeat(200));
    let at = "at resourceSpans[0].scopeSpans[0].spans[1]";
    let attribute =
        |value: &str| format!(r#"{{"attributes":[{{}},{{"key":"k","value":{value}}}]}}"#);
    let cases: [(&[u8], &str); 11] = [
        (
            b"5",
            ": invalid type: integer `5`, expected an object, a Span",
        ),
        (
            br#"{"name":5}"#,
            ": name: invalid type: integer `5`, expected a string",
        ),
        (
            br#"{"startTimeUnixNano":"18446744073709551616"}"#,
            ": startTimeUnixNano: 18446744073709551616 is out of range",
        ),
        (
            br#"{"kind":"SPAN_KIND_LATER"}"#,
            ": kind: `SPAN_KIND_LATER` is no name here",
        ),
        (
            br#"{"events":{}}"#,
            ": events: invalid type: map, expected an array of an Event",
        ),
        (
            br#"{"links":[{"traceId":[]}]}"#,
            ": links[0].traceId: invalid type: sequence, expected a string",
        ),
        (
            &attribute(r#"{"doubleValue":"x"}"#).into_bytes(),
            ": attributes[1].value.doubleValue: \"x\" is not a double",
        ),
        (
            &attribute(r#"{"arrayValue":{"values":[{"intValue":"x"}]}}"#).into_bytes(),
            ": attributes[1].value.arrayValue.values[0].intValue: `x` is not an integer",
        ),
        (
            deep.as_bytes(),
            ": attributes[0]: invalid type: sequence, expected an object, a KeyValue",
        ),
        (b"{\"name\":\"\xff\xfea\xff\"}", ": name"),
        (b"{\"traceState\":\"\\ud800\"}", ": traceState"),
    ];
    for (bad, what) in cases {
        let spans = [GOOD.as_bytes(), bad, GOOD.as_bytes()].join(&b","[..]);
        let (n_left, said) = told(&request_of(&resource(&spans, "")));
        let reason = if what.matches(':').count() == 1 && !what.contains("expected") {
            "a text is not UTF-8"
        } else {
            "it cannot be read"
        };
        assert_eq!(
            (n_left, said),
            (2, vec![format!("{reason} (1, {at}{what})")])
        );
    }
}

#[test]
fn ids_and_depth_are_told_of_at_the_places_that_the_request_has() {
    let (open, close) = (r#"{"arrayValue":{"values":["#, "]}}");
    let value = format!("{}{{}}{}", open.repeat(60), close.repeat(60));
    let deep = format!(r#"{{"attributes":[{{"key":"k","value":{value}}}]}}"#);
    let spans = [r#"{"name":5}"#, "{}", &deep, GOOD, "{}"].join(",");
    let (n_left, said) = told(&request_of(&resource(spans.as_bytes(), "")));
    let at = "at resourceSpans[0].scopeSpans[0].spans";
    let too_deep = format!("values are nested too deeply (1, {at}[2]: attributes[0].value");
    assert_eq!(n_left, 1);
    assert_eq!(
        said[..2],
        [
            format!(
                "it cannot be read (1, {at}[0]: name: invalid type: integer `5`, expected a string)"
            ),
            format!("trace id is not 16 bytes, or is all zero (2, the first {at}[1])"),
        ]
    );
    assert!(said[2].starts_with(&too_deep), "{said:?}");
    assert!(said[2].len() < too_deep.len() + FAULT_BYTES_MAX);
}

#[test]
fn spans_go_with_their_resource_or_scope_and_no_others() {
    let two = [GOOD, GOOD].join(",");
    let good = resource(two.as_bytes(), "");
    let of_scope = r#","scopeSpans":[{"scope":{"name":{}},"spans":[{},{},{}]}]"#;
    // Beside two that are always there: the resource, how many of its spans are left and lost, and why.
    let cases: [(Vec<u8>, usize, u64, &str); 6] = [
        (
            resource(two.as_bytes(), r#","resource":{"attributes":5}"#),
            0,
            2,
            "resourceSpans[0]: resource.attributes: invalid type: integer `5`, expected an array of a KeyValue",
        ),
        (
            resource(two.as_bytes(), of_scope),
            2,
            3,
            "resourceSpans[0].scopeSpans[1]: scope.name: invalid type: map, expected a string",
        ),
        (
            resource(GOOD.as_bytes(), r#","schemaUrl":7"#),
            0,
            1,
            "resourceSpans[0]: schemaUrl: invalid type: integer `7`, expected a string",
        ),
        (
            resource(two.as_bytes(), r#","scopeSpans":{}"#),
            0,
            1,
            "resourceSpans[0]: scopeSpans: invalid type: map, expected an array",
        ),
        (
            resource(b"", r#","scopeSpans":[{"spans":7}]"#),
            0,
            1,
            "resourceSpans[0].scopeSpans[1]: spans: invalid type: integer `7`, expected an array",
        ),
        (
            b"5".to_vec(),
            0,
            1,
            "resourceSpans[0]: invalid type: integer `5`, expected an object with `scopeSpans`",
        ),
    ];
    for (wrong, n_left, n_lost, what) in cases {
        let decoded = decoded(&request_of(&[wrong, good.clone()].join(&b","[..]))).unwrap();
        assert_eq!(decoded.records.len(), n_left + 2, "{what}");
        let [rejected] = <[Rejected; 1]>::try_from(decoded.rejected).unwrap();
        assert_eq!(
            (rejected.spans, rejected.reason),
            (n_lost, RejectReason::Unreadable),
            "{what}"
        );
        assert_eq!(format!("{}: {}", rejected.first, rejected.what), what);
    }
}

#[test]
fn nothing_is_left_of_what_is_no_json_or_has_no_span_that_can_be_read() {
    let good = request_of(&resource(GOOD.as_bytes(), ""));
    let unreadable = request_of(&resource(br#"{"name":5}"#, ""));
    let of_wrong_resource = request_of(&resource(GOOD.as_bytes(), r#","resource":5"#));
    for text in [
        &unreadable,
        &of_wrong_resource,
        &good[..good.len() - 1],
        &[&good[..], b"{}"].concat(),
        br#"{"resourceSpans":5}"#,
        b"[]",
        b"",
    ] {
        let error = decoded(text).unwrap_err().to_string();
        assert!(error.ends_with("nothing is left"), "{error}");
    }
    let many = vec!["5"; REQUEST_SPANS_MAX + 1].join(",");
    let error = decoded(&request_of(&resource(many.as_bytes(), ""))).unwrap_err();
    assert!(matches!(error, DecodeError::TooMany { .. }), "{error}");
}

#[test]
fn a_list_of_children_takes_no_more_memory_than_it_is_given() {
    let text = request_of(vec!["5"; 100_000].join(",").as_bytes());
    let mut given = 0;
    let lost = salvage_json(&text, &mut |bytes| {
        given += bytes;
        given < text.len() * SALVAGE_COPIES + 1_000_000
    });
    assert!(matches!(lost, Err(Lost::NoRoom)));
    assert!(given > 1_000_000);
}

#[test]
fn what_is_not_utf8_takes_a_bounded_amount_of_memory() {
    for text in [b"\xff".repeat(1_000), b"a\xff".repeat(1_000)] {
        let escaped = escaped(&text);
        assert!(escaped.len() <= text.len() * SALVAGE_TEXT_COPIES);
        assert!(escaped.ends_with("\\ud800"));
    }
    assert_eq!(escaped("gr\u{fc}n".as_bytes()), "gr\u{fc}n");
}
