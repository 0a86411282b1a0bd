//! The configuration of a server: a file, over which flags win, over defaults.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
};

use anyhow::Context;
use serde::{Deserialize, Deserializer};

use super::{Args, Settings};
use crate::{assemble::AssembleOptions, live::LiveOptions, time::DurationArg};

/// What a configuration file may say. A name that is not here is an error.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Config {
    grpc: Option<SocketAddr>,
    http: Option<SocketAddr>,
    api: Option<SocketAddr>,
    pub(super) rules: Option<PathBuf>,
    #[serde(default, deserialize_with = "duration")]
    settle: Option<DurationArg>,
    #[serde(default, deserialize_with = "duration")]
    idle: Option<DurationArg>,
}

impl Config {
    /// Reads a file. A folder of rules is taken from where the file lies.
    pub(super) fn read(file: &Path) -> anyhow::Result<Self> {
        let text = fs::read_to_string(file)
            .with_context(|| format!("failed to read `{}`", file.display()))?;
        let config: Self = toml::from_str(&text)
            .with_context(|| format!("`{}` is not a configuration", file.display()))?;
        let folder = file.parent().unwrap_or(Path::new(""));
        Ok(Self {
            rules: config.rules.map(|rules| folder.join(rules)),
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
            rules,
            settle,
            idle,
        } = args;
        Self {
            grpc: grpc.or(self.grpc),
            http: http.or(self.http),
            api: api.or(self.api),
            rules: rules.clone().or(self.rules),
            settle: settle.or(self.settle),
            idle: idle.or(self.idle),
        }
    }

    pub(super) fn settings(&self, data: PathBuf) -> Settings {
        let loopback = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let default = AssembleOptions::default();
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
            live: LiveOptions {
                seal_every: LiveOptions::seal_every_for(&assemble),
                assemble,
            },
        }
    }
}

fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<DurationArg>, D::Error> {
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
            rules: None,
            settle: None,
            idle: None,
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
