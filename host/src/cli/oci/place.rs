//! Where a component is in a registry, as people write it.

use std::{net::IpAddr, path::Path};

use anyhow::anyhow;
use oci_client::Reference;

use crate::cli::exit::Failure;

/// What begins the name of a place in a registry.
const SCHEME: &str = "oci://";

/// A place in a registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) struct Place {
    pub(super) reference: Reference,
}

impl Place {
    /// Whether a path is meant as a place in a registry.
    pub(in crate::cli) fn is_meant(path: &Path) -> bool {
        path.to_str().is_some_and(|text| text.starts_with(SCHEME))
    }

    /// Parses `oci://REGISTRY/REPOSITORY`, with `:TAG`, `@sha256:...` or both behind it; without either the tag is
    /// `latest`.
    pub(in crate::cli) fn parse(text: &str) -> Result<Self, Failure> {
        let wrong = |what: &str| {
            Failure::wrong(anyhow!("`{text}` {what}")).help(
                "write oci://REGISTRY/REPOSITORY:TAG, or oci://REGISTRY/REPOSITORY@sha256:DIGEST",
            )
        };
        let name = text.strip_prefix(SCHEME);
        let name = name.ok_or_else(|| wrong("does not begin with `oci://`"))?;
        let (registry, _) = name.split_once('/').unwrap_or_default();
        // Without this the first word of a repository would be looked for at Docker Hub.
        if !(registry.contains(['.', ':']) || registry == "localhost") {
            return Err(wrong("names no registry"));
        }
        let reference = name.parse::<Reference>();
        let reference = reference.map_err(|error| wrong(&format!("is no place: {error}")))?;
        Ok(Self { reference })
    }

    /// Returns the repository: whose rules they are, whatever their tag.
    pub(in crate::cli) fn repository(&self) -> String {
        let (registry, repository) = (self.reference.registry(), self.reference.repository());
        format!("{SCHEME}{registry}/{repository}")
    }

    /// Returns the one place that stays what it is.
    pub(super) fn pinned(&self, digest: &str) -> String {
        format!("{}@{digest}", self.repository())
    }

    /// Returns the last word of the repository, for the name of a file.
    pub(in crate::cli) fn name(&self) -> &str {
        let repository = self.reference.repository();
        repository.rsplit('/').next().unwrap_or(repository)
    }

    /// Whether the registry is on this machine.
    pub(super) fn is_loopback(&self) -> bool {
        let registry = self.reference.resolve_registry();
        let host = registry.rsplit_once(':').map_or(registry, |(host, _)| host);
        host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{SCHEME}{}", self.reference.whole())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_names_a_registry_a_repository_and_a_tag_or_a_digest() {
        let digest = format!("sha256:{}", "ab".repeat(32));
        for (text, repository, name, loopback) in [
            (
                "oci://ghcr.io/acme/rules:1.0",
                "oci://ghcr.io/acme/rules",
                "rules",
                false,
            ),
            (
                "oci://localhost:5000/rules",
                "oci://localhost:5000/rules",
                "rules",
                true,
            ),
            (
                "oci://127.0.0.1:5000/a/b:x",
                "oci://127.0.0.1:5000/a/b",
                "b",
                true,
            ),
            (
                &format!("oci://a.example/r@{digest}"),
                "oci://a.example/r",
                "r",
                false,
            ),
            (
                &format!("oci://a.example/r:1@{digest}"),
                "oci://a.example/r",
                "r",
                false,
            ),
        ] {
            let place = Place::parse(text).unwrap();
            assert_eq!(
                (place.repository(), place.name()),
                (repository.to_owned(), name)
            );
            assert_eq!(place.is_loopback(), loopback, "{text}");
            assert_eq!(place.pinned(&digest), format!("{repository}@{digest}"));
            assert!(Place::is_meant(Path::new(text)));
        }
        for text in [
            "ghcr.io/acme/rules",
            "oci://acme/rules",
            "oci://rules",
            "oci://ghcr.io/Acme/rules",
            "oci://ghcr.io/acme/rules:",
            "oci://ghcr.io/acme/rules@sha256:ab",
        ] {
            assert!(Place::parse(text).is_err(), "{text}");
        }
    }
}
