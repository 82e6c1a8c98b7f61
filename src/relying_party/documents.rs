//! What a provider publishes about itself, fetched when first needed and kept for a while: its
//! metadata and its keys.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, header};
use url::Url;

use super::kept::Kept;
use super::{Provider, RelyingParty};
use crate::error::{Error, Kind};
use crate::http_client;
use crate::oauth::discovery::{DiscoveryError, Metadata};
use crate::oauth::jwk::KeySet;
use crate::provider::{IssuerSource, Protocol};

/// The documents of one provider.
#[derive(Debug, Default)]
pub(crate) struct Documents {
    metadata: Kept<Metadata>,
    keys: Kept<KeySet>,
}

/// Who sent what is to be verified, and so how often it can make us ask the provider.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Sender {
    /// The provider itself, from its token endpoint.
    Provider,
    /// A caller or a browser, which can be anybody's.
    Anybody,
}

impl Sender {
    /// How long keys are not fetched again for an unknown one.
    const fn cool_down(self) -> Duration {
        match self {
            Self::Provider => COOL_DOWN,
            Self::Anybody => PATIENCE,
        }
    }
}

impl RelyingParty {
    /// The provider's metadata.
    pub(super) async fn metadata(&self, provider: &Provider) -> Result<Arc<Metadata>, Error> {
        let kept = &provider.documents.metadata;
        kept.get(self.elapsed(), COOL_DOWN, || self.fetch_metadata(provider)).await
    }

    /// The provider's keys.
    pub(super) async fn keys(
        &self,
        provider: &Provider,
        metadata: &Metadata,
    ) -> Result<Arc<KeySet>, Error> {
        let kept = &provider.documents.keys;
        kept.get(self.elapsed(), COOL_DOWN, || self.fetch_keys(metadata)).await
    }

    /// The provider's keys, fetched again because none of those at hand is the one wanted; unless
    /// that was done a moment ago, for `sender` or before.
    pub(super) async fn keys_again(
        &self,
        sender: Sender,
        provider: &Provider,
        metadata: &Metadata,
    ) -> Result<Arc<KeySet>, Error> {
        let kept = &provider.documents.keys;
        kept.get_again(self.elapsed(), sender.cool_down(), || self.fetch_keys(metadata)).await
    }

    /// The provider's metadata and keys, for a token that anybody can send: it makes us ask only
    /// once in a while, and nobody waits for what is there.
    pub(super) async fn published(
        &self,
        provider: &Arc<Provider>,
    ) -> Result<(Arc<Metadata>, Arc<KeySet>), Error> {
        let Documents { metadata, keys } = &provider.documents;
        let now = self.elapsed();
        let metadata = match metadata.at_hand(now) {
            Some(metadata) => metadata,
            None => metadata.get(now, PATIENCE, || self.fetch_metadata(provider)).await?,
        };
        let keys = match self.keys_at_hand(provider) {
            Some(keys) => keys,
            None => keys.get(now, PATIENCE, || self.fetch_keys(&metadata)).await?,
        };
        Ok((metadata, keys))
    }

    /// The provider's keys if they can be had without waiting. Before they are old they are fetched
    /// anew in the background.
    pub(super) fn keys_at_hand(&self, provider: &Arc<Provider>) -> Option<Arc<KeySet>> {
        let kept = &provider.documents.keys;
        let now = self.elapsed();
        let keys = kept.at_hand(now)?;
        if kept.is_due(now, PATIENCE) {
            let (relying_party, provider) = (self.clone(), Arc::clone(provider));
            tokio::spawn(async move { relying_party.renew(&provider).await });
        }
        Some(keys)
    }

    /// Fetches what the provider publishes. If that fails, what was there still stands.
    async fn renew(&self, provider: &Provider) {
        let Documents { metadata, keys } = &provider.documents;
        let now = self.elapsed();
        let renewed = async {
            let metadata = metadata.renew(now, || self.fetch_metadata(provider)).await?;
            keys.renew(now, || self.fetch_keys(&metadata)).await
        };
        if let Err(error) = renewed.await {
            let (provider, error) = (&provider.id, error.chain());
            tracing::warn!(%provider, error, "the provider's keys could not be fetched again");
        }
    }

    fn elapsed(&self) -> Duration {
        self.settings().clock.monotonic()
    }

    async fn fetch_metadata(&self, provider: &Provider) -> Result<Metadata, Error> {
        let settings = match &provider.settings.0 {
            Protocol::OpenIdConnect(settings) => settings,
            Protocol::OAuth2(settings) => return Ok(settings.metadata()?),
            Protocol::OAuth1(_) => return Err(DiscoveryError::Issuer.into()),
        };
        match (settings.source.metadata_url()?, &settings.source) {
            (Some(url), source) => {
                let document = self.fetch("metadata", &url).await?;
                let metadata = Metadata::parse(&document, |issuer| source.accepts(issuer))?;
                Ok(settings.endpoints.apply(metadata)?)
            }
            (None, IssuerSource::Configured(issuer)) => {
                Ok(settings.endpoints.without_discovery(issuer)?)
            }
            (None, _) => Err(DiscoveryError::Issuer.into()),
        }
    }

    async fn fetch_keys(&self, metadata: &Metadata) -> Result<KeySet, Error> {
        let url = metadata.endpoints.jwks.as_ref().ok_or(DiscoveryError::Endpoint("jwks_uri"))?;
        Ok(KeySet::parse(&self.fetch("keys", url).await?)?)
    }

    async fn fetch(&self, document: &'static str, url: &Url) -> Result<Bytes, Error> {
        let mut request = Request::new(Bytes::new());
        *request.uri_mut() = url.as_str().parse().map_err(|_| DiscoveryError::Issuer)?;
        request.headers_mut().insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        let answer = http_client::send(self.http_client()?, request).await?;
        let status = answer.status();
        if !status.is_success() {
            return Err(Kind::Document { document, status }.into());
        }
        Ok(answer.into_body())
    }
}

/// How long a failure stands, and how long keys are not fetched again for an unknown one, where only
/// the provider's own answers make us ask. It spares the provider no flood, just the queue of those
/// who waited for the same failure.
const COOL_DOWN: Duration = Duration::from_secs(1);
/// The same where anybody can make us ask.
const PATIENCE: Duration = Duration::from_secs(30);
