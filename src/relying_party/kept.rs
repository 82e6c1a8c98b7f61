//! A document that is fetched when first needed, and kept for a while.

use std::future::Future;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use tokio::sync::Mutex;

use crate::error::{Error, Kind};

/// A document, and when it was fetched or failed to be.
#[derive(Debug)]
pub(super) struct Kept<T> {
    state: RwLock<State<T>>,
    /// Whoever fetches holds it; who comes meanwhile waits for the same.
    fetching: Mutex<()>,
}

#[derive(Debug)]
struct State<T> {
    document: Option<(Arc<T>, Duration)>,
    failure: Option<(Error, Duration)>,
    /// When it was last fetched although it was fresh.
    insisted_at: Option<Duration>,
    /// When somebody was last sent to fetch it in the background.
    renewed_at: Option<Duration>,
}

impl<T> Default for Kept<T> {
    fn default() -> Self {
        let state = State { document: None, failure: None, insisted_at: None, renewed_at: None };
        Self { state: RwLock::new(state), fetching: Mutex::new(()) }
    }
}

impl<T> Kept<T> {
    /// The document if it is younger than [`FRESH`], else a newly fetched one. Whoever comes while
    /// it is being fetched waits for the same.
    ///
    /// A provider that does not answer is asked again after `cool_down`; until then, and for a day
    /// in all, what it last said stands.
    pub(super) async fn get<F>(
        &self,
        now: Duration,
        cool_down: Duration,
        fetch: impl FnOnce() -> F,
    ) -> Result<Arc<T>, Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        if let Some(document) = self.read().younger_than(FRESH, now) {
            return Ok(document);
        }
        let _fetching = self.fetching.lock().await;
        if let Some(known) = self.read().known(now, cool_down) {
            return known;
        }
        let answer = fetch().await;
        self.write().take(answer, now)
    }

    /// The document, newly fetched however fresh it is; but not twice within `cool_down`, which
    /// is counted from before the fetch and whatever comes of it.
    pub(super) async fn get_again<F>(
        &self,
        now: Duration,
        cool_down: Duration,
        fetch: impl FnOnce() -> F,
    ) -> Result<Arc<T>, Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let _fetching = self.fetching.lock().await;
        if let Some(document) = self.write().insist(now, cool_down) {
            return Ok(document);
        }
        let answer = fetch().await;
        self.write().take(answer, now)
    }

    /// The document if nobody has to wait for it: it is fresh, or could not be fetched again.
    pub(super) fn at_hand(&self, now: Duration) -> Option<Arc<T>> {
        self.read().standing(now)
    }

    /// Whether the caller should [renew](Self::renew) the document: more than half of its time is
    /// over, and nobody else has been told so within `cool_down`.
    pub(super) fn is_due(&self, now: Duration, cool_down: Duration) -> bool {
        let ageing = self.read().younger_than(FRESH / 2, now).is_none();
        ageing && self.write().claim_renewal(now, cool_down)
    }

    /// Fetches the document, and notes what becomes of it.
    pub(super) async fn renew<F>(
        &self,
        now: Duration,
        fetch: impl FnOnce() -> F,
    ) -> Result<Arc<T>, Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let _fetching = self.fetching.lock().await;
        let answer = fetch().await;
        self.write().take(answer, now)
    }

    fn read(&self) -> RwLockReadGuard<'_, State<T>> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State<T>> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> State<T> {
    /// What there is to say without fetching: the fresh document, or a failure of a moment ago.
    fn known(&self, now: Duration, cool_down: Duration) -> Option<Result<Arc<T>, Error>> {
        if let Some(document) = self.younger_than(FRESH, now) {
            return Some(Ok(document));
        }
        let (error, failed_at) = self.failure.as_ref()?;
        let lately = now.saturating_sub(*failed_at) < cool_down;
        lately.then(|| self.stale(error, now).ok_or_else(|| error.clone()))
    }

    /// Notes that the document is insisted on; it is returned if that was so a moment ago.
    fn insist(&mut self, now: Duration, cool_down: Duration) -> Option<Arc<T>> {
        let lately = self.insisted_at.is_some_and(|at| now.saturating_sub(at) < cool_down);
        if lately && let Some(document) = self.younger_than(STALE, now) {
            return Some(document);
        }
        self.insisted_at = Some(now);
        None
    }

    fn standing(&self, now: Duration) -> Option<Arc<T>> {
        self.younger_than(FRESH, now).or_else(|| {
            let (error, _) = self.failure.as_ref()?;
            self.stale(error, now)
        })
    }

    fn claim_renewal(&mut self, now: Duration, cool_down: Duration) -> bool {
        let lately = self.renewed_at.is_some_and(|at| now.saturating_sub(at) < cool_down);
        if !lately {
            self.renewed_at = Some(now);
        }
        !lately
    }

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

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::http_client::HttpClientError;
    use crate::oauth::discovery::DiscoveryError;

    const SECOND: Duration = Duration::from_secs(1);

    async fn get(
        kept: &Kept<u32>,
        now: Duration,
        answer: Result<u32, Error>,
    ) -> (Option<u32>, bool) {
        let asked = Cell::new(false);
        let document = kept.get(now, SECOND, async || {
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

        assert_eq!(get(&kept, SECOND, Ok(1)).await, (Some(1), true));
        assert_eq!(get(&kept, FRESH, Ok(2)).await, (Some(1), false));
        assert_eq!(get(&kept, FRESH + SECOND, Ok(2)).await, (Some(2), true));
    }

    #[tokio::test]
    async fn di_07_in_an_outage_the_last_document_stands_for_a_day() {
        let kept = Kept::default();
        assert_eq!(get(&kept, SECOND, Ok(1)).await, (Some(1), true));

        assert_eq!(get(&kept, 2 * FRESH, down()).await, (Some(1), true));
        assert_eq!(get(&kept, 2 * FRESH, Ok(2)).await, (Some(1), false));
        assert_eq!(get(&kept, STALE + SECOND, down()).await, (None, true));
        assert_eq!(get(&kept, STALE + 3 * SECOND, Ok(3)).await, (Some(3), true));
    }

    #[tokio::test]
    async fn di_07_another_issuers_document_is_no_outage() {
        let kept = Kept::default();
        assert_eq!(get(&kept, SECOND, Ok(1)).await, (Some(1), true));

        let wrong = Err(DiscoveryError::IssuerMismatch.into());
        assert_eq!(get(&kept, 2 * FRESH, wrong).await, (None, true));
    }

    #[tokio::test]
    async fn those_who_waited_for_a_failure_do_not_ask_one_after_another() {
        let kept = Kept::default();

        assert_eq!(get(&kept, SECOND, down()).await, (None, true));
        assert_eq!(get(&kept, SECOND, Ok(1)).await, (None, false));
        assert_eq!(get(&kept, 2 * SECOND, Ok(1)).await, (Some(1), true));
    }

    #[tokio::test]
    async fn t_50_unknown_keys_do_not_make_a_flood_of_fetches() {
        let kept = Kept::default();
        let again = async |now, answer| {
            let asked = Cell::new(false);
            let document = kept.get_again(now, SECOND, async || {
                asked.set(true);
                answer
            });
            (document.await.ok().map(|document: Arc<u32>| *document), asked.get())
        };
        assert_eq!(get(&kept, SECOND, Ok(1)).await, (Some(1), true));

        assert_eq!(again(SECOND, Ok(2)).await, (Some(2), true));
        assert_eq!(again(SECOND, Ok(3)).await, (Some(2), false));
        assert_eq!(again(2 * SECOND, down()).await, (Some(2), true));
        assert_eq!(again(2 * SECOND, Ok(3)).await, (Some(2), false));
        assert_eq!(again(3 * SECOND, Ok(3)).await, (Some(3), true));
    }

    #[tokio::test]
    async fn t_50_who_is_patient_asks_a_provider_that_is_away_twice_a_minute() {
        let kept = Kept::<u32>::default();
        let mut asked = 0;
        for second in 0..90 {
            let now = SECOND * second;
            let answer = kept.get(now, 30 * SECOND, async || {
                asked += 1;
                down()
            });
            assert!(answer.await.is_err());
        }
        assert_eq!(asked, 3);
    }

    #[tokio::test]
    async fn a_document_is_at_hand_while_it_stands_and_is_renewed_before_it_is_old() {
        let kept = Kept::default();
        let half = FRESH / 2;
        assert_eq!(kept.at_hand(SECOND), None);
        assert_eq!(get(&kept, SECOND, Ok(1)).await, (Some(1), true));

        assert!(!kept.is_due(half, SECOND));
        assert!(kept.is_due(half + SECOND, 30 * SECOND));
        assert!(!kept.is_due(half + 2 * SECOND, 30 * SECOND));
        kept.renew(half + 2 * SECOND, async || Ok(2)).await.unwrap();

        assert!(!kept.is_due(half + 100 * SECOND, 30 * SECOND));
        assert_eq!(kept.at_hand(half + FRESH).as_deref(), Some(&2));
        assert_eq!(kept.at_hand(half + FRESH + 2 * SECOND), None);
    }

    #[tokio::test]
    async fn in_an_outage_nobody_waits_for_a_document_that_stands() {
        let kept = Kept::default();
        assert_eq!(get(&kept, SECOND, Ok(1)).await, (Some(1), true));
        kept.renew(FRESH, async || down()).await.unwrap();

        assert_eq!(kept.at_hand(2 * FRESH).as_deref(), Some(&1));
        assert!(kept.is_due(2 * FRESH, 30 * SECOND));
        assert_eq!(kept.at_hand(STALE + SECOND), None);

        let wrong = Err(DiscoveryError::IssuerMismatch.into());
        kept.renew(2 * FRESH, async || wrong).await.unwrap_err();
        assert_eq!(kept.at_hand(2 * FRESH), None);
    }
}
