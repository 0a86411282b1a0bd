use std::{
    io::{Cursor, Write},
    time::Duration,
};

use flate2::{Compression, write::GzEncoder};
use proptest::prelude::*;

use super::*;
use crate::{
    assemble::{Arrival, AssembleOptions, Assembler, Sealed},
    clock::UnixNanos,
    tenant::TenantId,
};

const ID: &str = "5b8efff798038103d269b633813fc60c";

/// Returns a request of `n` spans, and the ids by which a test tells it.
fn json(first: u64, n: u64) -> String {
    let spans: Vec<_> = (first..first + n)
        .map(|id| format!(r#"{{"traceId":"{ID}","spanId":"{id:016x}"}}"#))
        .collect();
    let spans = spans.join(",");
    format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{spans}]}}]}}]}}"#)
}

fn protobuf(first: u64, n: u64) -> Vec<u8> {
    let request = json::decode_json(json(first, n).as_bytes()).unwrap();
    request.encode_to_vec()
}

fn delimited(first: u64, n: u64) -> Vec<u8> {
    let message = protobuf(first, n);
    let mut framed = Vec::new();
    prost::encoding::encode_varint(message.len() as u64, &mut framed);
    framed.extend(message);
    framed
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).unwrap()
}

/// Reads a file and says of each item its place and the last span of it, or the error.
fn read(bytes: impl Into<Vec<u8>>) -> Vec<String> {
    let reader = match Reader::new("f".into(), Cursor::new(bytes.into())) {
        Ok(reader) => reader,
        Err(error) => return vec![error.to_string()],
    };
    reader
        .map(|item| match item {
            Ok(request) => {
                let decoded = decode::decode(&request.otlp).unwrap();
                assert_eq!(decoded.records, request.decoded.records);
                let last = request.decoded.records.last();
                let last = last.map_or(0, |span| span.span_id.0[7]);
                format!("{}: {last}", request.place)
            }
            Err(error) => error.to_string(),
        })
        .collect()
}

#[test]
fn lines_are_read_with_and_without_a_last_line_feed() {
    let lines = format!("{}\n{}\r\n\n{}", json(1, 1), json(2, 2), json(4, 1));
    let expected = ["line 1: 1", "line 2: 3", "line 4: 4"];
    assert_eq!(read(lines.clone()), expected);
    assert_eq!(read(format!("{lines}\n")), expected);
    assert_eq!(read(gzip(lines.as_bytes())), expected);
    assert_eq!(read(zstd(lines.as_bytes())), expected);
    assert_eq!(read(format!("\u{feff}{lines}")), expected);
    let (first, second) = lines.split_at(40);
    let members = [gzip(first.as_bytes()), gzip(second.as_bytes())].concat();
    assert_eq!(read(members), expected);
    assert_eq!(read(""), [""; 0]);
    assert_eq!(read("\n\n"), [""; 0]);
}

#[test]
fn documents_of_many_lines_are_read() {
    let pretty = |json: String| {
        let value: serde_json::Value = serde_json::from_str(&json).unwrap();
        serde_json::to_string_pretty(&value).unwrap()
    };
    let one = pretty(json(1, 1));
    let lines = one.lines().count();
    assert_eq!(read(one.clone()), ["line 1: 1"]);
    let two = format!("{one}\n{}\n", pretty(json(2, 3)));
    let expected = ["line 1: 1".to_owned(), format!("line {}: 4", lines + 1)];
    assert_eq!(read(two), expected);
    let array = format!("[\n{one},\n{}\n]\n", json(2, 1));
    assert_eq!(
        read(array),
        ["line 2: 1".to_owned(), format!("line {}: 2", lines + 2)]
    );
    assert_eq!(
        read(
            r#"{
 "resourceSpans": [ { "schemaUrl": "}\"{" } ] }"#
        ),
        ["line 1: 0"]
    );
    // What is wrong stands on its own line, and the next document is read.
    let bad = format!("{{\n \"resourceSpans\":\n  7\n}}\n{}", json(5, 1));
    assert_eq!(
        read(bad),
        [
            "f, line 3: the request is not OTLP/JSON: invalid type: integer `7`, \
             expected an array of ResourceSpans, column 3",
            "line 5: 5"
        ]
    );
    let cut = format!("{one}\n{{\n \"resourceSpans\": [");
    let broken =
        format!("`f` cannot be read from line {lines} on: it ends in the middle of a request");
    assert_eq!(read(cut), ["line 1: 1", &broken]);
}

#[test]
fn protobuf_is_read_single_and_delimited() {
    let delimited = [delimited(1, 1), delimited(2, 2), vec![0], delimited(4, 9)].concat();
    let expected = [
        "message 1: 1",
        "message 2: 3",
        "message 3: 0",
        "message 4: 12",
    ];
    assert_eq!(read(delimited.clone()), expected);
    assert_eq!(read(gzip(&delimited)), expected);

    // Each of its ResourceSpans comes by itself.
    let single = [protobuf(1, 1), protobuf(2, 50)].concat();
    assert_eq!(read(single.clone()), ["message 1: 1", "message 2: 51"]);
    assert_eq!(read(zstd(&single)), ["message 1: 1", "message 2: 51"]);
    let cut = &single[..single.len() - 1];
    let broken = "`f` cannot be read from message 2 on: it ends in the middle of a request";
    assert_eq!(read(cut), ["message 1: 1", broken]);
    let cut = &delimited[..delimited.len() - 1];
    assert_eq!(
        read(cut)[3],
        "`f` cannot be read from message 4 on: it ends in the middle of a request"
    );
}

#[test]
fn a_bad_line_is_named_and_the_others_are_read() {
    let other = r#"{"resourceMetrics":[{"scopeMetrics":[]}]}"#;
    let rejected = json(9, 1).replace(ID, "00");
    let lines = [
        "what is this".to_owned(),
        json(1, 1),
        json(2, 1)[..60].to_owned(),
        r#"{"level":"info","msg":"hello"}"#.into(),
        other.into(),
        "{}".into(),
        rejected,
        "\u{0}".into(),
        json(3, 1),
        json(4, 1)[..70].to_owned(),
    ];
    assert_eq!(
        read(lines.join("\n")),
        [
            "f, line 1: the request is not OTLP/JSON: expected value, column 1",
            "line 2: 1",
            "f, line 3: the request is not OTLP/JSON: EOF while parsing a string, column 60",
            "f, line 4: the request has no `resourceSpans`",
            "f, line 5: the request holds metrics, not traces",
            "f, line 6: the request has no `resourceSpans`",
            "line 7: 0",
            "f, line 8: the request is not OTLP/JSON: expected value, column 1",
            "line 9: 3",
            "f, line 10: the request is not OTLP/JSON: EOF while parsing a string, column 70",
        ]
    );
    // A first line that is cut does not make documents of the others.
    let first_cut = format!("{}\n{}\n{}\n", &json(1, 1)[..60], json(2, 1), json(3, 1));
    assert_eq!(read(first_cut)[1..], ["line 2: 2", "line 3: 3"]);
}

/// Of each framing of JSON, and of protobuf: a span that cannot be read is left out where it stands.
#[test]
fn a_span_that_cannot_be_read_costs_no_other_of_its_request() {
    let good = json(1, 1);
    let span = good.find(r#"{"traceId""#).unwrap();
    let mixed = [&good[..span], r#"{"name":5},"#, &good[span..]].concat();
    let rejected = |bytes: Vec<u8>| -> Vec<_> {
        let requests = Reader::new("f".into(), Cursor::new(bytes)).unwrap();
        let requests = requests.map(|request| request.unwrap());
        requests
            .map(|request| {
                (
                    request.place.to_string(),
                    request.decoded.records.len(),
                    request.decoded.n_rejected(),
                )
            })
            .collect()
    };
    let lines = format!("{good}\n{mixed}\n{good}");
    let at = |place: &str, n| (place.to_owned(), 1, n);
    assert_eq!(
        rejected(lines.into_bytes()),
        [at("line 1", 0), at("line 2", 1), at("line 3", 0)]
    );
    let document: serde_json::Value = serde_json::from_str(&mixed).unwrap();
    let document = serde_json::to_string_pretty(&document).unwrap();
    assert_eq!(rejected(document.into_bytes()), [at("line 1", 1)]);
    let bad_then_good = [0x12, 3, 0x2a, 1, 0xff].into_iter();
    let spans: Vec<u8> = bad_then_good
        .chain(protobuf(1, 1)[4..].iter().copied())
        .collect();
    let frame = |inner: &[u8]| [&[0x0a, inner.len() as u8], inner].concat();
    let scope = [&[0x12, spans.len() as u8], &spans[..]].concat();
    assert_eq!(rejected(frame(&scope)), [at("message 1", 1)]);
}

#[test]
fn of_a_cut_compressed_file_what_was_whole_is_read() {
    let lines: Vec<_> = (1..200).map(|id| json(id, 1)).collect();
    let text = lines.join("\n");
    for whole in [gzip(text.as_bytes()), zstd(text.as_bytes())] {
        let items = read(&whole[..whole.len() / 2]);
        let (last, before) = items.split_last().unwrap();
        for (line, item) in (1..).zip(before) {
            assert_eq!(*item, format!("line {line}: {line}"));
        }
        let start = format!("`f` cannot be read from line {} on: ", before.len() + 1);
        assert!(last.starts_with(&start), "{last}");
    }
    let mut flipped = gzip(text.as_bytes());
    let crc = flipped.len() - 5;
    flipped[crc] ^= 1;
    let items = read(flipped);
    assert!(
        items.last().unwrap().contains("cannot be read from line"),
        "{:?}",
        items.last()
    );
    assert!(items.len() >= 199);
}

#[test]
fn a_line_over_its_limit_is_skipped_and_costs_no_memory() {
    let mut text = json(1, 1).into_bytes();
    text.extend(b"\n{\"resourceSpans\":");
    text.resize(text.len() + FILE_REQUEST_BYTES_MAX, b' ');
    text.extend(b"[]}\n");
    text.extend(json(2, 1).into_bytes());
    assert_eq!(
        read(text),
        [
            "line 1: 1",
            "f, line 2: the request is larger than 67108864 B",
            "line 3: 2"
        ]
    );
}

#[test]
fn what_is_no_otlp_at_all_is_said_so() {
    assert_eq!(
        read(b"\x7fELF\x02\x01\x01\x00\x00".to_vec()),
        ["`f` is neither OTLP/JSON nor OTLP protobuf"]
    );
    let missing = Reader::open(Path::new("/no/such/file")).unwrap_err();
    assert_eq!(missing.to_string(), "failed to open `/no/such/file`");
    let folder = Reader::open(&std::env::temp_dir()).unwrap_err();
    assert!(matches!(folder, FileError::Open { .. }), "{folder}");
}

#[test]
fn progress_counts_the_bytes_of_the_file_as_it_lies_there() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let text: Vec<_> = (1..50).map(|id| json(id, 1)).collect();
    file.write_all(&gzip(text.join("\n").as_bytes())).unwrap();
    let mut reader = Reader::open(file.path()).unwrap();
    assert_eq!(reader.by_ref().flatten().count(), 49);
    assert_eq!(Some(reader.bytes_read()), reader.bytes_total());
}

proptest! {
    #[test]
    fn no_file_panics(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        read(bytes);
    }

    #[test]
    fn no_mutation_panics(kind in 0..5, at in any::<prop::sample::Index>(), with in prop::collection::vec(any::<u8>(), 0..4), len in 0..8_usize) {
        let mut bytes = match kind {
            0 => format!("{}\n{}", json(1, 2), json(3, 2)).into_bytes(),
            1 => [delimited(1, 2), delimited(3, 2)].concat(),
            2 => protobuf(1, 5),
            3 => gzip(json(1, 2).as_bytes()),
            _ => zstd(json(1, 2).as_bytes()),
        };
        let at = at.index(bytes.len());
        let end = (at + len).min(bytes.len());
        bytes.splice(at..end, with);
        read(bytes);
    }
}

/// Scenario: an import of 508,018 real spans, in the order in which their SDKs sent them.
/// Guarantees: nothing is lost, and of the 116 traces whose spans all came again one copy is kept.
#[test]
fn the_real_requests_become_their_traces() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .map(|above| above.join("shared/data/nezha_tt.arrival.jsonl.zst"))
        .find(|path| path.exists());
    let Some(file) = file else {
        println!("skipped: no shared/data/nezha_tt.arrival.jsonl.zst above this folder");
        return;
    };
    let mut assembler = Assembler::new(AssembleOptions::default());
    let (mut n_requests, mut n_spans) = (0, 0);
    for request in Reader::open(&file).unwrap() {
        let FileRequest { otlp, decoded, .. } = request.unwrap();
        assert_eq!(decoded.rejected, []);
        n_requests += 1;
        n_spans += decoded.records.len();
        let arrival = Arrival {
            frame: Some(n_requests),
            bytes: otlp.len(),
            now: Duration::ZERO,
            arrived: UnixNanos(0),
        };
        let tenant = TenantId::default_tenant();
        assembler
            .add(&tenant, &decoded.records, arrival, |_| 0)
            .unwrap();
    }
    assert_eq!((n_requests, n_spans), (19_645, 508_018));
    let sealed = assembler.flush();
    // Two of the 116 came three times.
    let times = |n: usize| {
        let came = |s: &&Sealed| s.repeated == s.trace.spans.len() * (n - 1);
        sealed.iter().filter(came).count()
    };
    assert_eq!(
        (sealed.len(), times(1), times(2), times(3)),
        (6_958, 6_842, 114, 2)
    );
    let repeated: usize = sealed.iter().map(|s| s.repeated).sum();
    let kept: usize = sealed.iter().map(|s| s.trace.spans.len()).sum();
    assert_eq!((kept, kept + repeated), (499_224, n_spans));
    let released: usize = sealed
        .iter()
        .map(|s| assembler.release(&s.frames).len())
        .sum();
    assert_eq!((released, assembler.stats().frames), (19_645, 0));
}
