//! Whether signals and the lists of them agree.

use hashbrown::HashMap;

use super::{BY_TIME, CHANGES, SIGNALS, value::read_signal};
use crate::{
    signal::SignalId,
    store::{
        codec::Place,
        doctor::{Area, Findings},
        file::{DbFile, each_row},
        tenants::tenant_of,
    },
};

/// In which lists a signal was found.
struct Known {
    time: u64,
    change: u64,
    in_time: bool,
    in_changes: bool,
}

/// Looks at every signal, and that each is in both lists and under nothing else; returns how many there are.
pub(in crate::store) fn examine(catalog: &DbFile, findings: &mut Findings) -> u64 {
    let file = catalog.name();
    let mut known: HashMap<(String, SignalId), Known> = HashMap::new();
    each_row(
        catalog,
        SIGNALS,
        (Area::Signals, findings),
        |(name, id), value| {
            let id = SignalId(*id);
            let tenant = tenant_of(file, "signals", name)?;
            let read = |reader: &mut _| read_signal(reader, &tenant, id);
            let (change, signal) = place(file, "signals", name, id).decode(value, read)?;
            let signal = Known {
                time: signal.time.0,
                change,
                in_time: false,
                in_changes: false,
            };
            known.insert((name.to_owned(), id), signal);
            Ok(())
        },
    );
    let wrong = |table, name: &str, id: SignalId| {
        place(file, table, name, id).corrupt("it lists a signal that is not there, or not so")
    };
    each_row(
        catalog,
        BY_TIME,
        (Area::Signals, findings),
        |(name, time, id), _| {
            let id = SignalId(*id);
            let signal = known.get_mut(&(name.to_owned(), id));
            let signal = signal.filter(|signal| signal.time == time);
            let signal = signal.ok_or_else(|| wrong("signals_by_time", name, id))?;
            signal.in_time = true;
            Ok(())
        },
    );
    each_row(
        catalog,
        CHANGES,
        (Area::Signals, findings),
        |(name, change), id| {
            let id = SignalId(*id);
            let signal = known.get_mut(&(name.to_owned(), id));
            let signal = signal.filter(|signal| signal.change == change);
            let signal = signal.ok_or_else(|| wrong("signal_changes", name, id))?;
            signal.in_changes = true;
            Ok(())
        },
    );
    let n_signals = known.len() as u64;
    let mut unlisted: Vec<_> = known
        .into_iter()
        .filter(|(_, signal)| !signal.in_time || !signal.in_changes)
        .map(|(key, _)| key)
        .collect();
    unlisted.sort_unstable();
    for (name, id) in unlisted {
        let error = place(file, "signals", &name, id).corrupt("a list does not have it");
        findings.add(Area::Signals, &error);
    }
    n_signals
}

fn place<'a>(
    file: &'a str,
    table: &'static str,
    tenant: &'a str,
    id: SignalId,
) -> Place<'a, (&'a str, SignalId)> {
    Place {
        file,
        table,
        key: (tenant, id),
    }
}
