//! How a signal lies in the catalog: its fields in the order of the type, after the number of its last
//! change. Tenant and id are in the key.

use crate::{
    clock::UnixNanos,
    rule_id::{RuleId, RuleMode, RuleVersion},
    signal::{Severity, Signal, SignalEvent, SignalId, SignalStatus, Witness},
    store::codec::{Malformed, Reader, Writer},
    tenant::TenantId,
    trace::{SpanId, TraceId},
    verdict::{Clause, Verdict},
};

/// Stands for no clause.
const NO_CLAUSE: u8 = u8::MAX;

pub(super) fn signal_value(signal: &Signal, change: u64) -> Vec<u8> {
    let Signal {
        id: _,
        tenant: _,
        rule,
        version,
        mode,
        signal: name,
        severity,
        message,
        trace_id,
        time,
        opened,
        updated,
        status,
        clause,
        witnesses,
        history,
    } = signal;
    let mut writer = Writer::new();
    writer
        .varint(change)
        .text(rule.as_str())
        .varint(version.0.into())
        .u8(*mode as u8)
        .text(name)
        .u8(*severity as u8)
        .text(message)
        .raw(&trace_id.0)
        .u64(time.0)
        .u64(opened.0)
        .u64(updated.0)
        .u8(*status as u8)
        .u8(*clause as u8)
        .varint(witnesses.len() as u64);
    for witness in witnesses {
        writer
            .raw(&witness.span_id.0)
            .text(&witness.name)
            .text(&witness.service)
            .u64(witness.start.0)
            .varint(witness.duration_ns);
    }
    writer.varint(history.len() as u64);
    for event in history {
        writer
            .varint(event.version.0.into())
            .u8(event.verdict as u8)
            .u64(event.when.0)
            .u8(event.clause.map_or(NO_CLAUSE, |clause| clause as u8));
    }
    writer.finish()
}

pub(super) fn read_signal(
    reader: &mut Reader<'_>,
    tenant: &TenantId,
    id: SignalId,
) -> Result<(u64, Signal), Malformed> {
    let change = reader.varint()?;
    let signal = Signal {
        id,
        tenant: tenant.clone(),
        rule: RuleId::try_new(reader.text()?).ok_or("a rule id is none")?,
        version: RuleVersion(reader.u32()?),
        mode: RuleMode::from_number(reader.u8()?).ok_or("a mode is none")?,
        signal: reader.text()?.to_owned(),
        severity: Severity::from_number(reader.u8()?).ok_or("a severity is none")?,
        message: reader.text()?.to_owned(),
        trace_id: TraceId(reader.array()?),
        time: UnixNanos(reader.u64()?),
        opened: UnixNanos(reader.u64()?),
        updated: UnixNanos(reader.u64()?),
        status: SignalStatus::from_number(reader.u8()?).ok_or("a status is none")?,
        clause: Clause::from_number(reader.u8()?).ok_or("a clause is none")?,
        witnesses: read_many(reader, read_witness)?,
        history: read_many(reader, read_event)?,
    };
    Ok((change, signal))
}

fn read_many<T>(
    reader: &mut Reader<'_>,
    read: fn(&mut Reader<'_>) -> Result<T, Malformed>,
) -> Result<Vec<T>, Malformed> {
    let n = reader.count()?;
    (0..n).map(|_| read(reader)).collect()
}

fn read_witness(reader: &mut Reader<'_>) -> Result<Witness, Malformed> {
    Ok(Witness {
        span_id: SpanId(reader.array()?),
        name: reader.text()?.to_owned(),
        service: reader.text()?.to_owned(),
        start: UnixNanos(reader.u64()?),
        duration_ns: reader.varint()?,
    })
}

fn read_event(reader: &mut Reader<'_>) -> Result<SignalEvent, Malformed> {
    Ok(SignalEvent {
        version: RuleVersion(reader.u32()?),
        verdict: Verdict::from_number(reader.u8()?).ok_or("a verdict is none")?,
        when: UnixNanos(reader.u64()?),
        clause: match reader.u8()? {
            NO_CLAUSE => None,
            number => Some(Clause::from_number(number).ok_or("a clause is none")?),
        },
    })
}
