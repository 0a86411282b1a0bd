//! Whether what is said of rules is whole: each live version is there, each version's pack, each rule set's versions.

use hashbrown::HashSet;
use sha2::{Digest as _, Sha256};

use super::{
    PACKS, RULE_SETS, RULES, VERSIONS, place,
    records::{RuleState, read_rule_set, read_version},
};
use crate::{
    rule_id::{Digest, RuleId, RuleVersion},
    store::{
        codec::check,
        doctor::{Area, Findings},
        file::{DbFile, each_row},
    },
};

type Version = (String, String, u32);

/// Looks at packs, which `is_wrong` may say something of, at rules, versions and rule sets; returns how many packs and
/// versions there are.
pub(in crate::store) fn examine(
    catalog: &DbFile,
    findings: &mut Findings,
    is_wrong: &mut dyn FnMut(Digest, &[u8]) -> Option<String>,
) -> (u64, u64) {
    let file = catalog.name();
    let mut packs = HashSet::new();
    each_row(catalog, PACKS, (Area::Packs, findings), |digest, value| {
        let digest = Digest(*digest);
        let place = place(file, "packs", digest);
        packs.insert(digest.0);
        let pack = check(value).map_err(|what| place.corrupt(what))?;
        if Digest(Sha256::digest(pack).into()) != digest {
            return Err(place.corrupt("it is another pack"));
        }
        is_wrong(digest, pack).map_or(Ok(()), |what| Err(place.corrupt(what)))
    });
    let mut versions: HashSet<Version> = HashSet::new();
    each_row(catalog, VERSIONS, (Area::Rules, findings), |key, value| {
        let (tenant, id, number) = key;
        let place = place(file, "versions", key);
        versions.insert((tenant.to_owned(), id.to_owned(), number));
        RuleId::try_new(id).ok_or_else(|| place.corrupt("a rule id is none"))?;
        let version = place.decode(value, |r| read_version(r, RuleVersion(number)))?;
        let has_pack = packs.contains(&version.digest.0);
        let is_gone = || place.corrupt(format!("its pack {} is not there", version.digest));
        has_pack.then_some(()).ok_or_else(is_gone)
    });
    let is_there = |tenant: &str, id: &str, version: RuleVersion| {
        versions.contains(&(tenant.to_owned(), id.to_owned(), version.0))
    };
    let gone =
        |id: &str, version: RuleVersion| format!("version {} of `{id}` is not there", version.0);
    each_row(catalog, RULES, (Area::Rules, findings), |key, value| {
        let (tenant, id) = key;
        let place = place(file, "rules", key);
        let state = place.decode(value, RuleState::read)?;
        let missing = state.live.filter(|live| !is_there(tenant, id, *live));
        missing.map_or(Ok(()), |live| Err(place.corrupt(gone(id, live))))
    });
    each_row(catalog, RULE_SETS, (Area::Rules, findings), |key, value| {
        let place = place(file, "rule_sets", key);
        let rules = place.decode(value, read_rule_set)?;
        let mut missing = rules
            .iter()
            .filter(|(id, version)| !is_there(key.0, id.as_str(), *version));
        let missing = missing.next();
        missing.map_or(Ok(()), |(id, version)| {
            Err(place.corrupt(gone(id.as_str(), *version)))
        })
    });
    (packs.len() as u64, versions.len() as u64)
}
