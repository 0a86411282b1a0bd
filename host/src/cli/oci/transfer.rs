//! Requests to a registry. Each digest is compared with what came.

use std::time::Duration;

use anyhow::anyhow;
use oci_client::{
    Client, RegistryOperation,
    client::{ClientConfig, ClientProtocol},
    errors::OciDistributionError,
    manifest::OCI_IMAGE_MEDIA_TYPE,
    secrets::RegistryAuth,
};
use tokio::runtime::{Builder, Runtime};
use tokio_stream::StreamExt as _;

use super::{
    Place, RegistryArgs,
    artifact::{Artifact, component_of, digest},
    credentials::credentials,
    failure::failed,
};
use crate::{
    cli::{console::Console, exit::Failure},
    listen,
    sandbox::limits::PACK_BYTES_MAX,
};

/// How long connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long nothing may come of an answer.
const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// A registry, and one place in it.
pub(in crate::cli) struct Registry {
    client: Client,
    auth: RegistryAuth,
    place: Place,
    runtime: Runtime,
}

/// A component, and the place that is always it.
pub(in crate::cli) struct Pulled {
    pub(in crate::cli) component: Vec<u8>,
    /// `oci://REGISTRY/REPOSITORY@DIGEST`, the digest being the manifest's.
    pub(in crate::cli) pinned: String,
}

impl Registry {
    /// Makes ready to ask the registry of a place; asks nothing yet.
    pub(in crate::cli) fn open(place: Place, args: &RegistryArgs) -> Result<Self, Failure> {
        listen::use_ring();
        let auth = credentials(&place, args)?;
        let protocol = if args.plain_http || place.is_loopback() {
            ClientProtocol::Http
        } else {
            ClientProtocol::Https
        };
        let config = ClientConfig {
            protocol,
            // A component is smaller than what a chunk may be.
            use_monolithic_push: true,
            // One component for all: there is nothing to choose by platform.
            platform_resolver: None,
            connect_timeout: Some(CONNECT_TIMEOUT),
            read_timeout: Some(READ_TIMEOUT),
            user_agent: concat!("betrace/", env!("CARGO_PKG_VERSION")),
            ..ClientConfig::default()
        };
        let client = Client::try_from(config).map_err(|error| failed("reach", &place, error))?;
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Failure::usage(anyhow!(error)))?;
        Ok(Self {
            client,
            auth,
            place,
            runtime,
        })
    }

    /// Pushes a component, and returns the place that is always it.
    pub(in crate::cli) fn push(
        &self,
        component: &[u8],
        console: &Console,
    ) -> Result<String, Failure> {
        let artifact = Artifact::of(component).map_err(Failure::usage)?;
        if let Some(named) = self.place.reference.digest()
            && named != artifact.digest
        {
            let is = &artifact.digest;
            let error = anyhow!("what would be pushed is {is}, not {named}");
            return Err(Failure::wrong(error).help("push to a tag: it is given that digest"));
        }
        let bar = console.progress_bytes("pushing", Some(component.len() as u64));
        let pushed = self.runtime.block_on(self.push_all(&artifact, component));
        bar.finish_and_clear();
        pushed.map_err(|error| failed("push", &self.place, error))?;
        Ok(self.place.pinned(&artifact.digest))
    }

    async fn push_all(
        &self,
        artifact: &Artifact,
        component: &[u8],
    ) -> Result<(), OciDistributionError> {
        let (client, reference) = (&self.client, &self.place.reference);
        client
            .auth(reference, &self.auth, RegistryOperation::Push)
            .await?;
        for (digest, bytes) in [
            (&artifact.layer_digest, component),
            (&artifact.config_digest, artifact.config.as_slice()),
        ] {
            if !client.blob_exists(reference, digest).await? {
                client.push_blob(reference, bytes.to_vec(), digest).await?;
            }
        }
        let media_type = ureq::http::HeaderValue::from_static(OCI_IMAGE_MEDIA_TYPE);
        client
            .push_manifest_raw(reference, artifact.manifest.clone(), media_type)
            .await?;
        Ok(())
    }

    /// Pulls the component of the place.
    pub(in crate::cli) fn pull(&self, console: &Console) -> Result<Pulled, Failure> {
        let place = &self.place;
        let (manifest, manifest_digest) = self
            .runtime
            .block_on(self.manifest())
            .map_err(|error| failed("pull", place, error))?;
        let layer = component_of(&manifest).map_err(|error| not_ours(place, error))?;
        let bar = console.progress_bytes("pulling", u64::try_from(layer.size).ok());
        let pulled = self.runtime.block_on(async {
            let blob = self.client.pull_blob_stream(&place.reference, &layer);
            let mut blob = blob.await.map_err(|error| failed("pull", place, error))?;
            let mut component = Vec::new();
            while let Some(bytes) = blob.next().await {
                let bytes = bytes.map_err(|error| failed("pull", place, error.into()))?;
                // A registry may send more than it said.
                if component.len() + bytes.len() > PACK_BYTES_MAX {
                    let more =
                        anyhow!("it has more than the {PACK_BYTES_MAX} bytes of a component");
                    return Err(not_ours(place, more));
                }
                bar.inc(bytes.len() as u64);
                component.extend_from_slice(&bytes);
            }
            Ok(component)
        });
        bar.finish_and_clear();
        let component = pulled?;
        if digest(&component) != layer.digest {
            let other = anyhow!("what came is not {}", layer.digest);
            return Err(not_ours(place, other));
        }
        Ok(Pulled {
            component,
            pinned: place.pinned(&manifest_digest),
        })
    }

    async fn manifest(&self) -> Result<(Vec<u8>, String), OciDistributionError> {
        let (client, reference) = (&self.client, &self.place.reference);
        client
            .auth(reference, &self.auth, RegistryOperation::Pull)
            .await?;
        let accepted = [OCI_IMAGE_MEDIA_TYPE];
        let pulled = client.pull_manifest_raw(reference, &self.auth, &accepted);
        let (manifest, digest) = pulled.await?;
        Ok((manifest.to_vec(), digest))
    }
}

fn not_ours(place: &Place, error: anyhow::Error) -> Failure {
    Failure::wrong(error.context(format!("failed to use `{place}`")))
}
