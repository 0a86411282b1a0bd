//! Stores that earlier versions of this program wrote.
//!
//! `tests/data/store-format-1` is a store of the first format: its files, each compressed, and `holds.txt`, which says what
//! is in it. From now on every version opens it and finds the same. To make it anew, which is for a format that nobody has
//! data in, or for the first store of the next format:
//!
//! ```sh
//! BETRACE_MAKE_STORE=1 cargo test -p betrace --lib a_store_of_the_first_format_holds_what_it_held
//! ```

use std::{fmt::Write as _, fs, path::PathBuf};

use xxhash_rust::xxh3::xxh3_64;

use super::*;
use crate::{
    rule_id::{RuleMode, RuleVersion},
    store::Quarantine,
    tenant::{Limit, TokenName, TokenOwner},
    verdict::Reason,
};

/// Set to make the store anew.
const MAKE: &str = "BETRACE_MAKE_STORE";

/// So much of a small store has so many spans that its merged block is stored column by column.
const SPANS_OF_A_TRACE: u8 = 70;

const PHI: &str = "rule phi { match { phi.access and not audit.log } }";
const PHI_LATER: &str =
    "rule phi { message \"nobody knows\" match { phi.access and not audit.log } }";
const ON_TRIAL: &str = "rule trial { match { root and not audit.log } }";

fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/store-format-1")
}

fn named(name: &str) -> TenantId {
    TenantId::try_new(name).unwrap()
}

fn publish(host: &Fixture, tenant: &TenantId, text: &str, mode: RuleMode) {
    let source = betrace_dsl::Source {
        name: "phi.btr",
        text: text.as_bytes(),
    };
    let pack = NewPack {
        bytes: betrace_dsl::compile(&source).0.unwrap().component,
        origin: format!("{mode:?}.btr"),
        source: Some(text.to_owned()),
        reference: None,
    };
    let options = PublishOptions {
        mode,
        published_by: "who made it".to_owned(),
        ..PublishOptions::default()
    };
    host.registry.publish(tenant, vec![pack], &options).unwrap();
}

/// A little of everything that a store can hold.
fn make(folder: &Path) {
    let host = Fixture::open(folder);
    let (acme, other) = (named("acme"), named("other"));
    let token = |name| TokenName::try_new(name).unwrap();
    for tenant in [&acme, &other] {
        let limits = [(Limit::Rules, 20), (Limit::StoredBytes, 1 << 40)];
        host.store
            .create_tenant(tenant, &token("first"), &limits.into_iter().collect())
            .unwrap();
    }
    let owner = TokenOwner::Operator;
    host.store
        .rotate_token(&owner, &token("ops"), Duration::ZERO)
        .unwrap();
    publish(&host, &acme, PHI, RuleMode::Live);
    publish(&host, &acme, ON_TRIAL, RuleMode::Shadow);
    publish(&host, &other, PHI, RuleMode::Live);
    for trace in 1..=64 {
        let filler = (4..=SPANS_OF_A_TRACE).map(|id| child(trace, id, "filler"));
        let third = if trace % 3 == 0 { "audit.log" } else { "other" };
        let spans = [
            span(trace, 1, "root"),
            child(trace, 2, "phi.access"),
            child(trace, 3, third),
        ];
        host.send_of(&acme, spans.into_iter().chain(filler).collect())
            .unwrap();
        host.settle();
    }
    while host.store.blocks(&acme).len() > 1 {
        thread::yield_now();
    }
    publish(&host, &acme, PHI_LATER, RuleMode::Live);
    // A trace in a block of its own, one whose late span takes its signal back, and one that is still open.
    host.send_of(&acme, vec![span(65, 1, "phi.access")])
        .unwrap();
    host.send_of(&acme, vec![child(1, 90, "audit.log")])
        .unwrap();
    host.send_of(&other, vec![span(1, 1, "phi.access")])
        .unwrap();
    host.settle();
    let quarantine = Quarantine {
        rule: RuleId::try_new("trial").unwrap(),
        version: RuleVersion(1),
        reason: Reason::OutOfFuel,
        detail: "it took too long".to_owned(),
        failed: 10,
        batches: 12,
        since: host.clock.unix_nanos(),
    };
    host.store.put_quarantine(&other, &quarantine).unwrap();
    host.send_of(&acme, vec![span(66, 1, "root"), child(66, 2, "phi.access")])
        .unwrap();
}

/// Says what a store holds, for people to compare; what cannot be read is a line with [`UNREADABLE`].
pub(crate) fn said(store: &Store) -> String {
    let mut said = Said(String::new());
    if let Some(operators) = said.read(store.tokens(&TokenOwner::Operator)) {
        let names: Vec<String> = operators.iter().map(|t| t.name.to_string()).collect();
        said.line(format_args!("operators' tokens: {}", names.join(", ")));
    }
    for record in said.read(store.tenant_records()).unwrap_or_default() {
        let tenant = &record.tenant;
        said.line(format_args!("\ntenant {tenant} since {}", record.since.0));
        for (limit, value) in record.limits.each_set() {
            said.line(format_args!("limit {} {value}", limit.name()));
        }
        for token in &record.tokens {
            said.line(format_args!("token {}", token.name));
        }
        say_rules(&mut said, store, tenant);
        say_blocks(&mut said, store, tenant);
        say_judged(&mut said, store, tenant);
    }
    said.line(format_args!(""));
    for frame in store.inbox().scan() {
        let Some((_, frame)) = said.read(frame) else {
            continue;
        };
        let (n, hash) = (frame.otlp.len(), xxh3_64(&frame.otlp));
        let (tenant, arrived) = (frame.tenant, frame.arrived.0);
        said.line(format_args!(
            "inbox: {tenant} {n} bytes {hash:016x} at {arrived}"
        ));
    }
    said.0
}

/// How a line begins that says why something is not there.
pub(crate) const UNREADABLE: &str = "unreadable: ";

struct Said(String);

impl Said {
    fn line(&mut self, line: fmt::Arguments<'_>) {
        writeln!(self.0, "{line}").unwrap();
    }

    fn read<T>(&mut self, read: Result<T, impl Into<StoreError>>) -> Option<T> {
        read.map_err(|error| self.line(format_args!("{UNREADABLE}{}", error.into())))
            .ok()
    }
}

fn say_rules(said: &mut Said, store: &Store, tenant: &TenantId) {
    for rule in said.read(store.rule_records(tenant)).unwrap_or_default() {
        let live = rule.live.map(|version| version.0);
        said.line(format_args!(
            "rule {} live {live:?} enabled {}",
            rule.id, rule.enabled
        ));
        for version in rule.versions {
            let pack = said.read(store.pack(version.digest)).flatten();
            said.line(format_args!(
                "  version {} of pack {} ({:?} bytes) at {}, {:?}, {} by {} at {}: {}",
                version.version.0,
                version.digest,
                pack.map(|pack| pack.len()),
                version.index,
                version.mode,
                version.origin,
                version.published_by,
                version.published_at.0,
                version.source.unwrap_or_default()
            ));
        }
    }
    let live = said.read(store.live_rule_set(tenant)).unwrap_or_default();
    for number in 0..=live.number {
        let set = said.read(store.rule_set(tenant, number)).flatten();
        let rules = set.map(|set| {
            let rules = set.rules.iter();
            let rules: Vec<String> = rules.map(|(id, v)| format!("{id} {}", v.0)).collect();
            rules.join(", ")
        });
        said.line(format_args!("rule set {number}: {rules:?}"));
    }
    for quarantine in said.read(store.quarantines(tenant)).unwrap_or_default() {
        let (rule, version) = (quarantine.rule, quarantine.version.0);
        let (failed, batches) = (quarantine.failed, quarantine.batches);
        said.line(format_args!(
            "quarantine {rule} {version}: {:?}, {failed} of {batches}, since {}: {}",
            quarantine.reason, quarantine.since.0, quarantine.detail
        ));
    }
}

fn say_blocks(said: &mut Said, store: &Store, tenant: &TenantId) {
    for listed in store.blocks(tenant) {
        let meta = listed.meta();
        said.line(format_args!(
            "block {} judged {} by rule set {}, superseded {:?}",
            meta.id,
            listed.judged(),
            listed.rule_set(),
            listed.superseded().as_slice()
        ));
        let Some(block) = said.read(store.open_block(&listed)) else {
            continue;
        };
        for number in 0..meta.n_traces {
            let Some(trace) = said.read(block.spans(number)) else {
                continue;
            };
            let spans = trace.spans.iter().flat_map(|record| {
                let span = &record.span;
                let times = [span.start_time_unix_nano, span.end_time_unix_nano];
                let times = times.iter().flat_map(|time| time.to_le_bytes());
                let ids = span.span_id.iter().chain(&span.parent_span_id);
                let text = ids.copied().chain(span.name.bytes());
                text.chain(times).collect::<Vec<u8>>()
            });
            let hash = xxh3_64(&spans.collect::<Vec<u8>>());
            let n_spans = trace.spans.len();
            let id = trace.trace_id;
            let found = said.read(store.find_trace(tenant, id)).flatten();
            let found = found.map(|(block, row)| (block.meta().id.to_string(), row));
            said.line(format_args!(
                "  trace {id}: {n_spans} spans {hash:016x}, stands in {found:?}"
            ));
        }
        for (rule, version, judged) in said
            .read(store.verdicts(tenant, meta.id))
            .unwrap_or_default()
        {
            let verdicts = judged.verdicts.iter();
            let verdicts: String = verdicts.map(|v| (b'0' + *v as u8) as char).collect();
            said.line(format_args!("  {rule} {}: {verdicts}", version.0));
        }
    }
}

fn say_judged(said: &mut Said, store: &Store, tenant: &TenantId) {
    let all = store.signals(tenant, &SignalFilter::default());
    for signal in said.read(all).unwrap_or_default() {
        let alone = said.read(store.signal(tenant, signal.id)).flatten();
        let same = alone.as_ref() == Some(&signal);
        let json = serde_json::to_string(&signal).unwrap();
        said.line(format_args!("signal {json}, found by its id: {same}"));
    }
    let changes = store.signals_changed_since(tenant, 0, 0);
    for (number, signal) in said.read(changes).unwrap_or_default() {
        said.line(format_args!("change {number} of {}", signal.id));
    }
    for cell in said
        .read(store.coverage_cells(tenant, None))
        .unwrap_or_default()
    {
        let (rule, version, hour) = (cell.rule, cell.version.0, cell.hour);
        said.line(format_args!(
            "coverage {rule} {version} in hour {hour}: {:?}",
            cell.traces
        ));
    }
    for ((rule, version), cost) in said.read(store.costs(tenant)).unwrap_or_default() {
        let (batches, failed, fuel) = (cost.batches, cost.failed, cost.fuel);
        said.line(format_args!(
            "cost {rule} {}: {batches}, {failed}, {fuel}",
            version.0
        ));
    }
}

/// Compresses the files of a store, and writes what is in it beside them.
fn keep(folder: &Path) {
    let to = data();
    fs::create_dir_all(&to).unwrap();
    for old in fs::read_dir(&to).unwrap() {
        fs::remove_file(old.unwrap().path()).unwrap();
    }
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if path.extension().is_some_and(|ending| ending == "redb") {
            let packed = zstd::encode_all(fs::File::open(&path).unwrap(), 19).unwrap();
            fs::write(to.join(format!("{name}.zst")), packed).unwrap();
        }
    }
    let clock = Arc::new(ManualClock::new(UnixNanos(0)));
    let holds = said(&Store::open(folder, clock).unwrap());
    fs::write(to.join("holds.txt"), holds).unwrap();
}

/// Puts the store of the first format into a folder.
pub(crate) fn unpack(folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    let mut n_files = 0;
    for entry in fs::read_dir(data()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "zst") {
            let bytes = zstd::decode_all(fs::File::open(&path).unwrap()).unwrap();
            fs::write(folder.join(path.file_stem().unwrap()), bytes).unwrap();
            n_files += 1;
        }
    }
    assert_eq!(n_files, 3, "catalog, inbox, a file of blocks");
}

/// A test of its own makes the store, so that no other finds half of it.
#[test]
fn a_store_of_the_first_format_holds_what_it_held() {
    let folder = tempfile::tempdir().unwrap();
    if std::env::var_os(MAKE).is_some() {
        let made = tempfile::tempdir().unwrap();
        make(made.path());
        keep(made.path());
    }
    unpack(folder.path());
    let clock = ManualClock::new(UnixNanos(1_772_366_400_000_000_000));
    let store = Store::open(folder.path(), Arc::new(clock)).unwrap();
    assert!(store.damaged().is_empty(), "{:?}", store.damaged());
    let holds = fs::read_to_string(data().join("holds.txt")).unwrap();
    for (now, then) in said(&store).lines().zip(holds.lines()) {
        assert_eq!(now, then);
    }
    assert_eq!(said(&store).lines().count(), holds.lines().count());
    for part in ["trace ", "change ", "coverage ", "quarantine ", "retracted"] {
        assert!(holds.contains(part), "the store has no {part}");
    }
    assert!(!holds.contains(UNREADABLE) && !holds.contains("found by its id: false"));
}

#[test]
fn a_store_of_the_first_format_goes_on_where_it_stopped() {
    let folder = tempfile::tempdir().unwrap();
    unpack(folder.path());
    let host = Fixture::open(folder.path());
    let acme = named("acme");
    let open = host.live.open_trace(&acme, TraceId([66; 16])).unwrap();
    assert_eq!(open.spans.len(), 2, "what was open is in the inbox");
    let rules = host.registry.live(&acme).unwrap();
    assert_eq!(rules.rules().len(), 2, "their packs are loaded");
    host.settle();
    assert_eq!(host.store.inbox().scan().count(), 0);
    let signals = host.store.signals(&acme, &SignalFilter::default()).unwrap();
    let phi = signals.iter().filter(|s| s.rule.as_str() == "phi");
    let (open, retracted): (Vec<_>, Vec<_>) =
        phi.partition(|signal| signal.status == SignalStatus::Open);
    // Of 64 traces 21 are audited; one is by now; two came later.
    assert_eq!((open.len(), retracted.len()), (44, 1));
    let with = Replaying {
        store: &host.store,
        sandbox: &host.sandbox,
        clock: &host.clock,
    };
    let options = ReplayOptions {
        from: None,
        to: None,
        threads: 1,
    };
    let mut go_on = |_| ControlFlow::Continue(());
    let replayed = replay(with, &acme, rules.rules(), options, &mut go_on).unwrap();
    let phi = replayed.rules.iter().find(|r| r.id.as_str() == "phi");
    assert_eq!(phi.unwrap().count(Verdict::Violated), 44);
    assert!(replayed.unreadable.is_empty());
}
