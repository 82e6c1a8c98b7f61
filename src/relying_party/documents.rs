//! What a provider publishes about itself, fetched when first needed and kept for a while: its
//! metadata and its keys.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, header};
use tokio::sync::Mutex;
use url::Url;

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

impl RelyingParty {
    /// The provider's metadata.
    pub(super) async fn metadata(&self, provider: &Provider) -> Result<Arc<Metadata>, Error> {
        let kept = &provider.documents.metadata;
        kept.get(self.elapsed(), FRESH, || self.fetch_metadata(provider)).await
    }

    /// The provider's keys.
    pub(super) async fn keys(
        &self,
        provider: &Provider,
        metadata: &Metadata,
    ) -> Result<Arc<KeySet>, Error> {
        let kept = &provider.documents.keys;
        kept.get(self.elapsed(), FRESH, || self.fetch_keys(metadata)).await
    }

    /// The provider's keys, fetched again because none of those at hand is the one wanted; unless
    /// that was done a moment ago.
    pub(super) async fn keys_again(
        &self,
        provider: &Provider,
        metadata: &Metadata,
    ) -> Result<Arc<KeySet>, Error> {
        let kept = &provider.documents.keys;
        kept.get_again(self.elapsed(), || self.fetch_keys(metadata)).await
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

/// A document, and when it was fetched or failed to be.
#[derive(Debug)]
struct Kept<T>(Mutex<State<T>>);

#[derive(Debug)]
struct State<T> {
    document: Option<(Arc<T>, Duration)>,
    failure: Option<(Error, Duration)>,
    /// When it was last fetched although it was fresh.
    insisted_at: Option<Duration>,
}

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Self(Mutex::new(State { document: None, failure: None, insisted_at: None }))
    }
}

impl<T> Kept<T> {
    /// The document if it is younger than `fresh`, else a newly fetched one. Whoever comes while
    /// it is being fetched waits for the same.
    ///
    /// A provider that does not answer is asked again after a moment; until then, and for a day in
    /// all, what it last said stands.
    async fn get<F>(
        &self,
        now: Duration,
        fresh: Duration,
        fetch: impl FnOnce() -> F,
    ) -> Result<Arc<T>, Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let mut state = self.0.lock().await;
        if let Some(document) = state.younger_than(fresh, now) {
            return Ok(document);
        }
        if let Some((error, failed_at)) = &state.failure
            && now.saturating_sub(*failed_at) < COOL_DOWN
        {
            let error = error.clone();
            return state.stale(&error, now).ok_or(error);
        }
        let answer = fetch().await;
        state.take(answer, now)
    }

    /// The document, newly fetched however fresh it is; but not twice within [`COOL_DOWN`], which
    /// is counted from before the fetch and whatever comes of it.
    async fn get_again<F>(&self, now: Duration, fetch: impl FnOnce() -> F) -> Result<Arc<T>, Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let mut state = self.0.lock().await;
        let lately = state.insisted_at.is_some_and(|at| now.saturating_sub(at) < COOL_DOWN);
        if lately && let Some(document) = state.younger_than(STALE, now) {
            return Ok(document);
        }
        state.insisted_at = Some(now);
        let answer = fetch().await;
        state.take(answer, now)
    }
}

impl<T> State<T> {
    fn take(&mut self, answer: Result<T, Error>, now: Duration) -> Result<Arc<T>, Error> {
        match answer {
            Ok(document) => {
                let document = Arc::new(document);
                self.document = Some((Arc::clone(&document), now));
                self.failure = None;
                Ok(document)
            }
            Err(error) => {
                self.failure = Some((error.clone(), now));
                self.stale(&error, now).ok_or(error)
            }
        }
    }

    fn younger_than(&self, age: Duration, now: Duration) -> Option<Arc<T>> {
        let (document, fetched_at) = self.document.as_ref()?;
        (now.saturating_sub(*fetched_at) < age).then(|| Arc::clone(document))
    }

    /// What still stands although it could not be fetched again. A document that is there and
    /// wrong (another issuer's) is no outage: nothing stands then.
    fn stale(&self, error: &Error, now: Duration) -> Option<Arc<T>> {
        let outage = matches!(error.kind(), Kind::Http(_) | Kind::Document { .. });
        self.younger_than(STALE, now).filter(|_| outage)
    }
}

/// How long a document is used without asking again.
const FRESH: Duration = Duration::from_secs(3_600);
/// How long a document is used if the provider cannot be asked.
const STALE: Duration = Duration::from_secs(86_400);
/// How long a failure stands, and how long keys are not fetched again for an unknown one. Only the
/// provider's own token endpoint can make us ask, so this spares it no flood, just the queue of
/// those who waited for the same failure.
const COOL_DOWN: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::http_client::HttpClientError;

    const SECOND: Duration = Duration::from_secs(1);

    async fn get(
        kept: &Kept<u32>,
        now: Duration,
        fresh: Duration,
        answer: Result<u32, Error>,
    ) -> (Option<u32>, bool) {
        let asked = Cell::new(false);
        let document = kept.get(now, fresh, async || {
            asked.set(true);
            answer
        });
        (document.await.ok().map(|document| *document), asked.get())
    }

    fn down() -> Result<u32, Error> {
        Err(HttpClientError::TimedOut.into())
    }

    #[tokio::test]
    async fn a_document_is_fetched_when_first_needed_and_again_when_it_is_old() {
        let kept = Kept::default();

        assert_eq!(get(&kept, SECOND, FRESH, Ok(1)).await, (Some(1), true));
        assert_eq!(get(&kept, FRESH, FRESH, Ok(2)).await, (Some(1), false));
        assert_eq!(get(&kept, FRESH + SECOND, FRESH, Ok(2)).await, (Some(2), true));
    }

    #[tokio::test]
    async fn di_07_in_an_outage_the_last_document_stands_for_a_day() {
        let kept = Kept::default();
        assert_eq!(get(&kept, SECOND, FRESH, Ok(1)).await, (Some(1), true));

        assert_eq!(get(&kept, 2 * FRESH, FRESH, down()).await, (Some(1), true));
        assert_eq!(get(&kept, 2 * FRESH, FRESH, Ok(2)).await, (Some(1), false));
        assert_eq!(get(&kept, STALE + SECOND, FRESH, down()).await, (None, true));
        assert_eq!(get(&kept, STALE + 3 * SECOND, FRESH, Ok(3)).await, (Some(3), true));
    }

    #[tokio::test]
    async fn di_07_another_issuers_document_is_no_outage() {
        let kept = Kept::default();
        assert_eq!(get(&kept, SECOND, FRESH, Ok(1)).await, (Some(1), true));

        let wrong = Err(DiscoveryError::IssuerMismatch.into());
        assert_eq!(get(&kept, 2 * FRESH, FRESH, wrong).await, (None, true));
    }

    #[tokio::test]
    async fn those_who_waited_for_a_failure_do_not_ask_one_after_another() {
        let kept = Kept::default();

        assert_eq!(get(&kept, SECOND, FRESH, down()).await, (None, true));
        assert_eq!(get(&kept, SECOND, FRESH, Ok(1)).await, (None, false));
        assert_eq!(get(&kept, 2 * SECOND, FRESH, Ok(1)).await, (Some(1), true));
    }

    #[tokio::test]
    async fn t_50_unknown_keys_do_not_make_a_flood_of_fetches() {
        let kept = Kept::default();
        let again = async |now, answer| {
            let asked = Cell::new(false);
            let document = kept.get_again(now, async || {
                asked.set(true);
                answer
            });
            (document.await.ok().map(|document: Arc<u32>| *document), asked.get())
        };
        assert_eq!(get(&kept, SECOND, FRESH, Ok(1)).await, (Some(1), true));

        assert_eq!(again(SECOND, Ok(2)).await, (Some(2), true));
        assert_eq!(again(SECOND, Ok(3)).await, (Some(2), false));
        assert_eq!(again(2 * SECOND, down()).await, (Some(2), true));
        assert_eq!(again(2 * SECOND, Ok(3)).await, (Some(2), false));
        assert_eq!(again(3 * SECOND, Ok(3)).await, (Some(3), true));
    }
}
