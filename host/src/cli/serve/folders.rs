//! Which folders of rules a server follows, and whose rules they are.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    str::FromStr,
};

use serde::{Deserialize, Deserializer};

use crate::tenant::TenantId;

/// A folder of rules of one tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RulesFolder {
    /// Whose rules they are.
    pub tenant: TenantId,
    /// Where they lie.
    pub folder: PathBuf,
}

impl FromStr for RulesFolder {
    type Err = String;

    /// Reads `TENANT=DIR`, or `DIR` alone: the default tenant's. A folder with `=` in its name is `./a=b`.
    fn from_str(text: &str) -> Result<Self, String> {
        let named = text.split_once('=').filter(|(name, _)| !name.contains('/'));
        let Some((name, folder)) = named else {
            return Ok(Self {
                tenant: TenantId::default_tenant(),
                folder: text.into(),
            });
        };
        let tenant = TenantId::try_new(name)
            .ok_or_else(|| format!("`{name}` is not the name of a tenant"))?;
        Ok(Self {
            tenant,
            folder: folder.into(),
        })
    }
}

/// As a configuration file says it: `rules = "DIR"`, or a table of tenants.
#[derive(Debug, Default)]
pub(super) struct RulesFolders(pub(super) Vec<RulesFolder>);

impl RulesFolders {
    /// Takes the folders from where the configuration file lies.
    pub(super) fn below(self, folder: &Path) -> Self {
        let each = self.0.into_iter().map(|of| RulesFolder {
            folder: folder.join(of.folder),
            ..of
        });
        Self(each.collect())
    }
}

impl<'de> Deserialize<'de> for RulesFolders {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(
            untagged,
            expecting = "expected a folder, or a table of tenants and their folders"
        )]
        enum Said {
            One(PathBuf),
            ByTenant(BTreeMap<String, PathBuf>),
        }
        let folders = match Said::deserialize(deserializer)? {
            Said::One(folder) => vec![RulesFolder {
                tenant: TenantId::default_tenant(),
                folder,
            }],
            Said::ByTenant(folders) => {
                let of = |(name, folder): (String, PathBuf)| match TenantId::try_new(&name) {
                    Some(tenant) => Ok(RulesFolder { tenant, folder }),
                    None => Err(serde::de::Error::custom(format!(
                        "`{name}` is not the name of a tenant"
                    ))),
                };
                folders.into_iter().map(of).collect::<Result<_, _>>()?
            }
        };
        Ok(Self(folders))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_the_default_tenants_unless_it_says_whose_it_is() {
        for (text, tenant, folder) in [
            ("rules", "default", "rules"),
            ("acme=rules", "acme", "rules"),
            ("acme=/etc/a=b", "acme", "/etc/a=b"),
            ("./a=b", "default", "./a=b"),
        ] {
            let read: RulesFolder = text.parse().unwrap();
            assert_eq!((read.tenant.as_str(), read.folder), (tenant, folder.into()));
        }
        assert!("Acme Inc=rules".parse::<RulesFolder>().is_err());
    }

    #[test]
    fn a_configuration_names_one_folder_or_one_for_each_tenant() {
        #[derive(Deserialize)]
        struct Config {
            rules: RulesFolders,
        }
        let read = |text: &str| toml::from_str::<Config>(text).map(|config| config.rules.0);
        assert_eq!(read("rules = \"r\"").unwrap(), ["r".parse().unwrap()]);
        let two = read("[rules]\nacme = \"a\"\nb = \"c\"").unwrap();
        assert_eq!(two, ["acme=a", "b=c"].map(|text| text.parse().unwrap()));
        for wrong in ["rules = 1", "[rules]\n\"A b\" = \"c\""] {
            let error = read(wrong).unwrap_err().to_string();
            assert!(error.contains("tenant"), "{error}");
        }
    }
}
