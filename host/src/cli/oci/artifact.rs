//! A component as an artifact of a registry: the "Wasm OCI Artifact layout" of CNCF TAG-runtime.
//!
//! ```text
//! manifest -> config  application/vnd.wasm.config.v0+json   what it exports, imports and is
//!          -> layer   application/wasm                      the component
//! ```
//!
//! The same component is the same manifest, whoever pushes it when: so its digest can be told before it is pushed.

use anyhow::{anyhow, ensure};
use oci_client::manifest::{OCI_IMAGE_MEDIA_TYPE, OciDescriptor, OciImageManifest};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::{
    rule_id::Digest,
    sandbox::{PACK_INTERFACE, limits::PACK_BYTES_MAX},
};

/// What a config is.
const CONFIG_TYPE: &str = "application/vnd.wasm.config.v0+json";
/// What the one layer is.
const LAYER_TYPE: &str = "application/wasm";

/// When, for those who ask: what is pushed again is not another thing.
const CREATED: &str = "1970-01-01T00:00:00Z";

/// An artifact to be pushed.
pub(super) struct Artifact {
    pub(super) config: Vec<u8>,
    pub(super) config_digest: String,
    pub(super) layer_digest: String,
    pub(super) manifest: Vec<u8>,
    pub(super) digest: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Config {
    created: &'static str,
    architecture: &'static str,
    /// The convention's word for a component; a pack asks for nothing of WASI.
    os: &'static str,
    layer_digests: [String; 1],
    component: Exported,
}

#[derive(Serialize)]
struct Exported {
    exports: [&'static str; 1],
    imports: [&'static str; 0],
}

impl Artifact {
    /// Describes a component that the sandbox takes: one that exports the contract and imports nothing.
    pub(super) fn of(component: &[u8]) -> anyhow::Result<Self> {
        let layer_digest = digest(component);
        let config = serde_json::to_vec(&Config {
            created: CREATED,
            architecture: "wasm",
            os: "wasip2",
            layer_digests: [layer_digest.clone()],
            component: Exported {
                exports: [PACK_INTERFACE],
                imports: [],
            },
        })?;
        let config_digest = digest(&config);
        let manifest = serde_json::to_vec(&OciImageManifest {
            media_type: Some(OCI_IMAGE_MEDIA_TYPE.to_owned()),
            config: descriptor(CONFIG_TYPE, &config_digest, config.len()),
            layers: vec![descriptor(LAYER_TYPE, &layer_digest, component.len())],
            ..OciImageManifest::default()
        })?;
        Ok(Self {
            digest: digest(&manifest),
            config,
            config_digest,
            layer_digest,
            manifest,
        })
    }
}

fn descriptor(media_type: &str, digest: &str, size: usize) -> OciDescriptor {
    OciDescriptor {
        media_type: media_type.to_owned(),
        digest: digest.to_owned(),
        size: size as i64,
        ..OciDescriptor::default()
    }
}

pub(super) fn digest(bytes: &[u8]) -> String {
    Digest(Sha256::digest(bytes).into()).to_string()
}

/// Returns the layer that holds the component.
///
/// # Errors
///
/// Says what the manifest is, where it is not of a component.
pub(super) fn component_of(manifest: &[u8]) -> anyhow::Result<OciDescriptor> {
    let manifest: OciImageManifest = serde_json::from_slice(manifest)
        .map_err(|error| anyhow!("its manifest is none: {error}"))?;
    let OciImageManifest { config, layers, .. } = manifest;
    ensure!(
        config.media_type == CONFIG_TYPE,
        "it is no component: its config is a `{}`, not a `{CONFIG_TYPE}`",
        config.media_type
    );
    let Ok([layer]) = <[OciDescriptor; 1]>::try_from(layers) else {
        return Err(anyhow!("it is no component: a component has one layer"));
    };
    ensure!(
        layer.media_type == LAYER_TYPE,
        "it is no component: its layer is a `{}`, not `{LAYER_TYPE}`",
        layer.media_type
    );
    ensure!(
        usize::try_from(layer.size).is_ok_and(|size| size <= PACK_BYTES_MAX),
        "it has {} bytes, and a component may have {PACK_BYTES_MAX}",
        layer.size
    );
    Ok(layer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manifest_of_a_component_is_the_conventions_and_leads_back_to_it() {
        let artifact = Artifact::of(b"component").unwrap();
        assert_eq!(artifact.digest, Artifact::of(b"component").unwrap().digest);
        let manifest: serde_json::Value = serde_json::from_slice(&artifact.manifest).unwrap();
        assert_eq!(
            manifest,
            serde_json::json!({
                "schemaVersion": 2,
                "mediaType": "application/vnd.oci.image.manifest.v1+json",
                "config": {
                    "mediaType": "application/vnd.wasm.config.v0+json",
                    "digest": digest(&artifact.config),
                    "size": artifact.config.len(),
                },
                "layers": [{
                    "mediaType": "application/wasm",
                    "digest": digest(b"component"),
                    "size": 9,
                }],
            })
        );
        let config: serde_json::Value = serde_json::from_slice(&artifact.config).unwrap();
        assert_eq!(
            config,
            serde_json::json!({
                "created": "1970-01-01T00:00:00Z",
                "architecture": "wasm",
                "os": "wasip2",
                "layerDigests": [digest(b"component")],
                "component": { "exports": ["betrace:rules/pack@1.0.0"], "imports": [] },
            })
        );
        let layer = component_of(&artifact.manifest).unwrap();
        assert_eq!(layer.digest, artifact.layer_digest);
    }

    #[test]
    fn what_is_no_component_is_told_by_what_it_is() {
        let good = String::from_utf8(Artifact::of(b"component").unwrap().manifest).unwrap();
        for (from, to, said) in [
            (
                CONFIG_TYPE,
                "application/vnd.oci.image.config.v1+json",
                "image.config.v1+json",
            ),
            (
                LAYER_TYPE,
                "application/vnd.oci.image.layer.v1.tar",
                "image.layer.v1.tar",
            ),
            ("\"size\":9", "\"size\":4194305", "4194305 bytes"),
            ("\"size\":9", "\"size\":-1", "-1 bytes"),
            ("\"layers\":[", "\"layers\":[],\"x\":[", "one layer"),
            ("schemaVersion", "x", "its manifest is none"),
        ] {
            assert!(good.contains(from), "{from}");
            let error = component_of(good.replace(from, to).as_bytes()).unwrap_err();
            assert!(error.to_string().contains(said), "{to}: {error}");
        }
    }
}
