//! The records of users: a cache that answers without waiting, in front of the token store.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use quick_cache::Weighter;
use quick_cache::sync::Cache;

use super::authenticate::Prepared;
use crate::clock::Timestamp;
use crate::config::{Config, Opened, SessionSettings};
use crate::error::{Error, Kind};
use crate::record::Record;
use crate::session::{Session, SessionHandle, SessionId, UserKey};
use crate::store::{StoreError, TokenStore, Version};
use crate::wire;

/// The records of one token store. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Records(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    config: Config,
    store: Arc<dyn TokenStore>,
    cache: Cache<UserKey, Arc<CachedRecord>, ByWeight>,
    /// Orders those who put something into the cache. Nobody who looks something up takes it.
    putting: Mutex<()>,
    /// Orders those of this process who change records of the same user.
    changing: Turns,
    /// Younger than this, a cached record stands without asking.
    fresh: Duration,
    /// Older than this, it does not stand at all.
    bound: Duration,
    /// When expired records are next to be removed, in seconds on the monotonic clock.
    sweep_due: AtomicU64,
    /// Counts loads and writes, to tell which came first.
    moments: AtomicU64,
}

/// A record as it was at one moment; or that there was none.
#[derive(Debug)]
pub(crate) struct CachedRecord {
    record: Option<Record>,
    /// The sessions, in the record's order.
    held: Box<[Held]>,
    due_at: Option<Timestamp>,
    /// When the load began that brought it, or when the write was acknowledged that made it.
    as_of: Moment,
    revalidating: AtomicBool,
    noticed: AtomicBool,
}

/// What every request of a session needs of it, side by side: of many sessions none is in the
/// processor's caches.
#[derive(Debug)]
struct Held {
    id: SessionId,
    expires_at: Timestamp,
    /// What its requests get, made when it is first asked for.
    prepared: OnceLock<Arc<Prepared>>,
}

/// A moment in this process: the later of two is told for certain, and its age by the clock.
#[derive(Clone, Copy, Debug)]
struct Moment {
    order: u64,
    elapsed: Duration,
}

/// How far a cached record can be trusted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Age {
    Fresh,
    /// It stands, and a newer one should be fetched meanwhile.
    Aging,
    Old,
}

impl Records {
    pub(super) fn new(config: Config, store: Arc<dyn TokenStore>) -> Self {
        // Whatever its scope: two layers of one process may share a store too.
        let SessionSettings { revalidate: bound, cache_capacity, .. } = config.settings().session;
        let cache = Cache::with_weighter(EXPECTED_USERS, cache_capacity, ByWeight);
        let inner = Inner {
            sweep_due: AtomicU64::new(config.settings().clock.monotonic().as_secs() + FIRST_SWEEP),
            config,
            store,
            cache,
            putting: Mutex::new(()),
            changing: Turns::default(),
            fresh: bound / 2,
            bound,
            moments: AtomicU64::new(0),
        };
        Self(Arc::new(inner))
    }

    /// The record of `user` as it was lately, with how far that can be trusted.
    pub(super) fn cached(&self, user: &UserKey) -> Option<(Arc<CachedRecord>, Age)> {
        let cached = self.0.cache.get(user)?;
        let age = self.0.elapsed().saturating_sub(cached.as_of.elapsed);
        let age = match age {
            age if age < self.0.fresh => Age::Fresh,
            age if age < self.0.bound => Age::Aging,
            _ => Age::Old,
        };
        Some((cached, age))
    }

    /// The record of `handle`'s user if it stands as cached and is no older than the handle.
    pub(super) fn cached_for(&self, handle: &SessionHandle) -> Option<Arc<CachedRecord>> {
        let (cached, age) = self.cached(&handle.user)?;
        let record = cached.record()?;
        let current = age != Age::Old
            && record.grant.generation >= handle.generation
            && record.session(handle.session).is_some();
        current.then_some(cached)
    }

    /// The record of `user` as it is now.
    pub(super) async fn load(&self, user: &UserKey) -> Result<Arc<CachedRecord>, Error> {
        let begun = self.0.moment();
        let Loaded { record, .. } = self.0.load(user).await?;
        Ok(self.0.put(user, CachedRecord::new(record, begun)))
    }

    /// Fetches `user`'s record in the background, unless that is under way.
    pub(super) fn revalidate(&self, user: UserKey, cached: &CachedRecord) {
        if cached.revalidating.swap(true, Ordering::Relaxed) {
            return;
        }
        let records = self.clone();
        tokio::spawn(async move {
            // A store that does not answer is noticed when the record is too old to stand.
            if let Err(error) = records.load(&user).await {
                tracing::warn!(error = error.chain(), "a record could not be fetched again");
            }
        });
    }

    /// Changes the record of `user` and waits until that is durable.
    ///
    /// `change` sees the record as it is now and says what to do. It is called again if somebody
    /// else changed the record in between. Returns the record as it is then.
    pub(super) async fn update(
        &self,
        user: &UserKey,
        mut change: impl FnMut(Option<Record>) -> Change,
    ) -> Result<Arc<CachedRecord>, Error> {
        self.sweep_if_due();
        // A user's devices may all come at once. Among themselves they would run into conflicts
        // until some give up; so only other processes are left to conflict with.
        let _turn = self.0.changing.take(user).await;
        for _ in 0..MOST_ATTEMPTS {
            let begun = self.0.moment();
            let Loaded { record, version } = self.0.load(user).await?;
            let written = match change(record) {
                Change::Keep(record) => {
                    return Ok(self.0.put(user, CachedRecord::new(record, begun)));
                }
                Change::Put(record) => {
                    self.0.write(user, version, &record).await.map(|()| Some(record))
                }
                Change::Delete => self.0.delete(user, version).await.map(|()| None),
            };
            match written {
                Ok(record) => {
                    let acknowledged = self.0.moment();
                    return Ok(self.0.put(user, CachedRecord::new(record, acknowledged)));
                }
                Err(Kind::Store(StoreError::Conflict)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(StoreError::Conflict.into())
    }
}

impl Records {
    /// Removes expired records in the background, once in a while: whoever writes may be the one
    /// to start it.
    fn sweep_if_due(&self) {
        let (now, due) = (self.0.elapsed().as_secs(), self.0.sweep_due.load(Ordering::Relaxed));
        let next = now.saturating_add(SWEEP_EVERY);
        let ours = now >= due
            && self
                .0
                .sweep_due
                .compare_exchange(due, next, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok();
        if !ours {
            return;
        }
        let records = self.clone();
        tokio::spawn(async move {
            match records.0.store.sweep(records.0.now()).await {
                Ok(removed) => tracing::debug!(removed, "expired records are removed"),
                Err(error) => tracing::warn!(%error, "expired records were not removed"),
            }
        });
    }
}

/// What to do with a record that was just read.
#[derive(Debug)]
pub(super) enum Change {
    Delete,
    Keep(Option<Record>),
    Put(Record),
}

impl Inner {
    async fn load(&self, user: &UserKey) -> Result<Loaded, Kind> {
        let Some(entry) = self.store.load(user).await? else { return Ok(Loaded::default()) };
        let record = wire::record::decode(&entry.sealed, user, &self.opened()?.keys, self.now());
        if record.is_none() {
            // Sealed with a key that has been retired, or put there by somebody else. To its user
            // it is as if it were not there; the next sign-in replaces it.
            tracing::warn!(user = %user, "a record does not open");
        }
        Ok(Loaded { record, version: Some(entry.version) })
    }

    async fn write(
        &self,
        user: &UserKey,
        version: Option<Version>,
        record: &Record,
    ) -> Result<(), Kind> {
        let SessionSettings { window, .. } = self.config.settings().session;
        let expires_at = record.expires_at().after(window);
        let sealed = wire::record::encode(record, user, &self.opened()?.keys, self.now())?;
        match version {
            Some(version) => self.store.replace(user, &version, expires_at, sealed).await?,
            None => self.store.create(user, expires_at, sealed).await?,
        };
        Ok(())
    }

    async fn delete(&self, user: &UserKey, version: Option<Version>) -> Result<(), Kind> {
        if let Some(version) = version {
            self.store.delete(user, &version).await?;
        }
        Ok(())
    }

    /// Puts `new` into the cache unless something newer is there, and returns what is there then.
    fn put(&self, user: &UserKey, new: CachedRecord) -> Arc<CachedRecord> {
        let _ordered = self.putting.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(there) = self.cache.get(user)
            && there.as_of.order > new.as_of.order
        {
            return there;
        }
        let new = Arc::new(new);
        self.cache.insert(*user, Arc::clone(&new));
        new
    }

    fn opened(&self) -> Result<&Opened, Kind> {
        // Records are made once the configuration is open.
        self.config.opened_already().ok_or(Kind::Store(StoreError::Conflict))
    }

    fn now(&self) -> Timestamp {
        self.config.settings().clock.now()
    }

    fn moment(&self) -> Moment {
        Moment { order: self.moments.fetch_add(1, Ordering::SeqCst), elapsed: self.elapsed() }
    }

    fn elapsed(&self) -> Duration {
        self.config.settings().clock.monotonic()
    }
}

/// A record as the store has it, and the version that a write must name. A record that does not
/// open is none, and has a version.
#[derive(Debug, Default)]
struct Loaded {
    record: Option<Record>,
    version: Option<Version>,
}

impl CachedRecord {
    fn new(record: Option<Record>, as_of: Moment) -> Self {
        let sessions = record.as_ref().map_or([].as_slice(), |record| &record.sessions);
        let hold = |session: &Session| Held {
            id: session.id,
            expires_at: session.expires_at,
            prepared: OnceLock::new(),
        };
        Self {
            held: sessions.iter().map(hold).collect(),
            due_at: record.as_ref().and_then(Record::due_at),
            record,
            as_of,
            revalidating: AtomicBool::new(false),
            noticed: AtomicBool::new(false),
        }
    }

    pub(super) const fn record(&self) -> Option<&Record> {
        self.record.as_ref()
    }

    /// What the requests of `session` get; `None` if it has ended.
    pub(super) fn prepared(&self, session: SessionId, now: Timestamp) -> Option<&Arc<Prepared>> {
        let held = self.held.iter().find(|held| held.id == session)?;
        if held.expires_at <= now {
            return None;
        }
        if let Some(prepared) = held.prepared.get() {
            return Some(prepared);
        }
        let record = self.record.as_ref()?;
        let principal = record.principal(record.session(session)?);
        Some(held.prepared.get_or_init(|| Arc::new(Prepared::new(principal))))
    }

    /// Whether it is time for fresh tokens.
    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        self.due_at.is_some_and(|due_at| now >= due_at)
    }

    /// Whether nobody has asked this before: of many requests one starts what is due.
    pub(super) fn first_to_notice(&self) -> bool {
        !self.noticed.swap(true, Ordering::Relaxed)
    }

    fn weight(&self) -> u64 {
        let Some(record) = &self.record else { return 256 };
        let identity = &record.grant.identity;
        let claims: usize =
            identity.claims.iter().map(|claim| claim.typ.len() + claim.val.len() + 64).sum();
        let tokens = &record.grant.tokens;
        let tokens: usize = [&tokens.access_token, &tokens.id_token, &tokens.refresh_token]
            .into_iter()
            .flatten()
            .map(|token| token.expose().len())
            .sum();
        // Each session that is used has its own claims, and headers with claims and tokens.
        let each = 3 * claims + tokens;
        let sessions = record.sessions.len().max(1);
        u64::try_from(512 + claims + tokens + sessions * each).unwrap_or(u64::MAX)
    }
}

/// Who may change a record now: one at a time for each user. Some users share their turns.
#[derive(Debug)]
struct Turns(Box<[tokio::sync::Mutex<()>; 256]>);

impl Turns {
    async fn take(&self, user: &UserKey) -> Option<tokio::sync::MutexGuard<'_, ()>> {
        // Keys of users are as good as random, and so is each of their bytes.
        let [first, ..] = user.as_bytes();
        Some(self.0.get(usize::from(*first))?.lock().await)
    }
}

impl Default for Turns {
    fn default() -> Self {
        Self(Box::new(std::array::from_fn(|_| tokio::sync::Mutex::new(()))))
    }
}

/// Counts what a cached record takes, in bytes.
#[derive(Clone, Debug)]
struct ByWeight;

impl Weighter<UserKey, Arc<CachedRecord>> for ByWeight {
    fn weight(&self, _: &UserKey, cached: &Arc<CachedRecord>) -> u64 {
        cached.weight()
    }
}

/// Seconds until expired records are first removed, and between later times.
const FIRST_SWEEP: u64 = 60;
const SWEEP_EVERY: u64 = 3_600;
const EXPECTED_USERS: usize = 16_384;
/// How often a change is tried again when others keep changing the same record.
const MOST_ATTEMPTS: usize = 16;
