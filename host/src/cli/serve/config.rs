//! The configuration of a server: a file, over which flags win, over defaults.

use std::{
    fmt::Display,
    fs,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    str::FromStr,
};

use anyhow::Context;
use serde::{Deserialize, Deserializer};

use super::{Args, Settings, folders::RulesFolders};
use crate::{
    assemble::AssembleOptions,
    listen::TlsFiles,
    live::{LiveOptions, RetentionOptions, limits::SIGNALS_AGE},
    memory::MemoryBudget,
    time::DurationArg,
};

/// What a configuration file may say. A name that is not here is an error.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Config {
    grpc: Option<SocketAddr>,
    http: Option<SocketAddr>,
    api: Option<SocketAddr>,
    #[serde(default)]
    pub(super) rules: RulesFolders,
    #[serde(default, deserialize_with = "parsed")]
    settle: Option<DurationArg>,
    #[serde(default, deserialize_with = "parsed")]
    idle: Option<DurationArg>,
    tls: Option<Tls>,
    #[serde(default, deserialize_with = "parsed")]
    memory: Option<MemoryBudget>,
    #[serde(rename = "traces-to")]
    pub(super) traces_to: Option<String>,
    #[serde(default)]
    retention: Retention,
}

/// How long what is stored is kept of tenants that have no limit of their own.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Retention {
    #[serde(default, deserialize_with = "parsed")]
    age: Option<DurationArg>,
    #[serde(default, rename = "signals-age", deserialize_with = "parsed")]
    signals_age: Option<DurationArg>,
}

/// The files of TLS.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Tls {
    cert: PathBuf,
    key: PathBuf,
}

impl Config {
    /// Reads a file. Paths in it are taken from where it lies.
    pub(super) fn read(file: &Path) -> anyhow::Result<Self> {
        let text = fs::read_to_string(file)
            .with_context(|| format!("failed to read `{}`", file.display()))?;
        let config: Self = toml::from_str(&text)
            .with_context(|| format!("`{}` is not a configuration", file.display()))?;
        let folder = file.parent().unwrap_or(Path::new(""));
        Ok(Self {
            rules: config.rules.below(folder),
            tls: config.tls.map(|Tls { cert, key }| Tls {
                cert: folder.join(cert),
                key: folder.join(key),
            }),
            ..config
        })
    }

    pub(super) fn overridden_by(self, args: &Args) -> Self {
        let Args {
            data: _,
            config: _,
            grpc,
            http,
            api,
            tls_cert,
            tls_key,
            rules,
            settle,
            idle,
            memory,
            traces_to,
            check_config: _,
        } = args;
        // The command line has both or none.
        let tls = tls_cert.clone().zip(tls_key.clone());
        Self {
            tls: tls.map(|(cert, key)| Tls { cert, key }).or(self.tls),
            grpc: grpc.or(self.grpc),
            http: http.or(self.http),
            api: api.or(self.api),
            rules: if rules.is_empty() {
                self.rules
            } else {
                RulesFolders(rules.clone())
            },
            settle: settle.or(self.settle),
            idle: idle.or(self.idle),
            memory: memory.or(self.memory),
            traces_to: traces_to.clone().or(self.traces_to),
            retention: self.retention,
        }
    }

    pub(super) fn settings(&self, data: PathBuf) -> Settings {
        let loopback = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let memory = self.memory.unwrap_or_default();
        let default = AssembleOptions::within(memory);
        let assemble = AssembleOptions {
            settle: self.settle.map_or(default.settle, |settle| settle.0),
            idle: self.idle.map_or(default.idle, |idle| idle.0),
            ..default
        };
        Settings {
            data,
            grpc: self.grpc.unwrap_or_else(|| loopback(4317)),
            http: self.http.unwrap_or_else(|| loopback(4318)),
            api: self.api.unwrap_or_else(|| loopback(4320)),
            tls: self.tls.as_ref().map(|Tls { cert, key }| TlsFiles {
                cert: cert.clone(),
                key: key.clone(),
            }),
            live: LiveOptions {
                seal_every: LiveOptions::seal_every_for(&assemble),
                assemble,
                retention: RetentionOptions {
                    age: self.retention.age.map(|age| age.0),
                    signals_age: self.retention.signals_age.map_or(SIGNALS_AGE, |age| age.0),
                },
                ..LiveOptions::default()
            },
            memory,
        }
    }
}

/// Reads what is written as on the command line.
fn parsed<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err: Display>,
{
    let text = String::deserialize(deserializer)?;
    text.parse().map(Some).map_err(serde::de::Error::custom)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn args() -> Args {
        Args {
            data: "d".into(),
            config: None,
            grpc: None,
            http: None,
            api: None,
            tls_cert: None,
            tls_key: None,
            rules: Vec::new(),
            settle: None,
            idle: None,
            memory: None,
            traces_to: None,
            check_config: false,
        }
    }

    #[test]
    fn flags_win_over_the_file_and_the_file_over_defaults() {
        let config: Config =
            toml::from_str("settle = \"2s\"\nidle = \"3s\"\nhttp = \"127.0.0.1:1\"").unwrap();
        let flags = Args {
            settle: Some(DurationArg(Duration::from_secs(1))),
            ..args()
        };
        let settings = config.overridden_by(&flags).settings("d".into());
        assert_eq!(settings.live.assemble.settle, Duration::from_secs(1));
        assert_eq!(settings.live.assemble.idle, Duration::from_secs(3));
        assert_eq!(settings.http.port(), 1);
        assert_eq!(settings.grpc.port(), 4317);
        assert!(settings.live.seal_every <= Duration::from_millis(250));
    }

    #[test]
    fn the_files_of_tls_lie_where_the_configuration_lies_and_flags_win() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("betrace.toml");
        fs::write(&file, "tls = { cert = \"c.pem\", key = \"/k.pem\" }").unwrap();
        let settings = Config::read(&file)
            .unwrap()
            .overridden_by(&args())
            .settings("d".into());
        let tls = settings.tls.unwrap();
        assert_eq!(tls.cert, folder.path().join("c.pem"));
        assert_eq!(tls.key, Path::new("/k.pem"));
        let flags = Args {
            tls_cert: Some("a".into()),
            tls_key: Some("b".into()),
            ..args()
        };
        let config = Config::read(&file).unwrap().overridden_by(&flags);
        let tls = config.settings("d".into()).tls.unwrap();
        assert_eq!((tls.cert, tls.key), ("a".into(), "b".into()));
        assert!(toml::from_str::<Config>("tls = { cert = \"c\" }").is_err());
    }

    #[test]
    fn traces_are_kept_for_ever_or_as_long_as_the_file_says() {
        let age = |text| {
            let config: Config = toml::from_str(text).unwrap();
            let settings = config.overridden_by(&args()).settings("d".into());
            settings.live.retention.age
        };
        assert_eq!(age(""), None);
        let month = Duration::from_hours(30 * 24);
        assert_eq!(age("[retention]\nage = \"30d\""), Some(month));
        let signals_age = |text: &str| {
            let config: Config = toml::from_str(text).unwrap();
            let settings = config.overridden_by(&args()).settings("d".into());
            settings.live.retention.signals_age
        };
        assert_eq!(signals_age(""), Duration::from_hours(400 * 24));
        assert_eq!(signals_age("[retention]\nsignals-age = \"30d\""), month);
        assert!(toml::from_str::<Config>("[retention]\nages = \"30d\"").is_err());
    }

    #[test]
    fn the_memory_says_how_much_may_be_open() {
        let config: Config = toml::from_str("memory = \"400MiB\"").unwrap();
        let settings = config.overridden_by(&args()).settings("d".into());
        assert_eq!(settings.memory.max_bytes(), 400 << 20);
        let open = settings.live.assemble.open_memory_bytes_max;
        assert_eq!(open, settings.memory.open_bytes());
        let flags = Args {
            memory: Some("2GiB".parse().unwrap()),
            ..args()
        };
        let config: Config = toml::from_str("memory = \"400MiB\"").unwrap();
        let settings = config.overridden_by(&flags).settings("d".into());
        assert_eq!(settings.memory.max_bytes(), 2 << 30);
        let error = toml::from_str::<Config>("memory = \"1MiB\"").unwrap_err();
        assert!(error.to_string().contains("at least"), "{error}");
    }

    #[test]
    fn a_name_that_is_not_known_is_an_error_that_says_so() {
        let error = toml::from_str::<Config>("setle = \"2s\"")
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("setle") && error.contains("settle"),
            "{error}"
        );
        assert!(
            toml::from_str::<Config>("settle = \"soon\"")
                .unwrap_err()
                .to_string()
                .contains("250ms")
        );
    }
}
