//! One at a time: whoever wants what somebody is already getting waits for the same.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::future::Future;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

/// Work under way, by what it is for. Cheap to clone.
///
/// The work runs in a task of its own: a caller who goes away takes nothing with them, and success
/// and failure are shared by all who wait.
pub(crate) struct Flights<K, T>(Arc<Mutex<HashMap<K, watch::Receiver<Option<T>>>>>);

impl<K, T> Flights<K, T>
where
    K: Copy + Eq + Hash + Send + 'static,
    T: Clone + Send + Sync + 'static,
{
    /// Joins the work that is under way for `key`, or starts `work`.
    pub(crate) fn join<F>(&self, key: K, work: impl FnOnce() -> F) -> Flight<T>
    where
        F: Future<Output = T> + Send + 'static,
    {
        let (sender, receiver) = watch::channel(None);
        if let Some(flight) = self.board(key, &receiver) {
            return flight;
        }
        let landing = Landing { flights: self.clone(), key };
        let work = work();
        // The board is not locked here: a runtime that shuts down drops the task at once.
        tokio::spawn(async move {
            let result = work.await;
            // Off the board first: who comes now wants something newer.
            drop(landing);
            sender.send_replace(Some(result));
        });
        Flight(receiver)
    }

    /// The flight that is on the board for `key`; else `receiver` is put there.
    fn board(&self, key: K, receiver: &watch::Receiver<Option<T>>) -> Option<Flight<T>> {
        let mut flying = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match flying.entry(key) {
            Entry::Occupied(flight) => Some(Flight(flight.get().clone())),
            Entry::Vacant(place) => {
                place.insert(receiver.clone());
                None
            }
        }
    }

    /// Waits for all that is under way now.
    pub(crate) async fn drain(&self) {
        let flying: Vec<_> = {
            let flying = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            flying.values().cloned().map(Flight).collect()
        };
        for flight in flying {
            let _ = flight.result().await;
        }
    }
}

/// Work that somebody waits for.
pub(crate) struct Flight<T>(watch::Receiver<Option<T>>);

impl<T: Clone> Flight<T> {
    /// The result; `None` if the work broke off, by a panic or the end of the runtime.
    pub(crate) async fn result(mut self) -> Option<T> {
        let result = self.0.wait_for(Option::is_some).await.ok()?;
        result.clone()
    }
}

/// Takes work off the board when it ends, however it ends.
struct Landing<K: Eq + Hash, T> {
    flights: Flights<K, T>,
    key: K,
}

impl<K: Eq + Hash, T> Drop for Landing<K, T> {
    fn drop(&mut self) {
        self.flights.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}

impl<K, T> Clone for Flights<K, T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<K, T> Default for Flights<K, T> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<K, T> fmt::Debug for Flights<K, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flights").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use tokio::sync::Notify;

    use super::*;

    #[tokio::test]
    async fn a_thousand_callers_make_one_flight_and_get_one_result() {
        let (flights, runs) = (Flights::default(), Arc::new(AtomicU32::new(0)));
        let join = || {
            let runs = Arc::clone(&runs);
            flights.join(7, || async move { runs.fetch_add(1, Ordering::Relaxed) })
        };
        let waiting: Vec<_> = (0..1_000).map(|_| join()).collect();

        for flight in waiting {
            assert_eq!(flight.result().await, Some(0));
        }
        assert_eq!(join().result().await, Some(1));
    }

    #[tokio::test]
    async fn a_caller_who_goes_away_takes_nothing_along() {
        let flights = Flights::default();
        let (go, gone) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (work_go, work_gone) = (Arc::clone(&go), Arc::clone(&gone));
        let first = flights.join(1, || async move {
            work_go.notified().await;
            work_gone.notify_one();
            "landed"
        });
        let second = flights.join(1, || async { "never flown" });

        drop(first);
        go.notify_one();

        assert_eq!(second.result().await, Some("landed"));
        gone.notified().await;
    }

    #[tokio::test]
    async fn a_panic_is_told_to_all_who_wait_and_the_next_one_flies() {
        let flights = Flights::default();
        let broken = flights.join(1, || async { panic!("on purpose") });
        let waiting = flights.join(1, || async { 1 });

        assert_eq!(broken.result().await, None);
        assert_eq!(waiting.result().await, None);
        assert_eq!(flights.join(1, || async { 2 }).result().await, Some(2));
    }

    #[test]
    fn a_flight_that_a_dying_runtime_refuses_holds_nobody_up() {
        struct JoinsWhenDropped(Flights<u8, ()>);
        impl Drop for JoinsWhenDropped {
            fn drop(&mut self) {
                let _ = self.0.join(1, || async {});
            }
        }
        let (done, is_done) = std::sync::mpsc::channel();
        let flights = Flights::default();
        let last = JoinsWhenDropped(flights.clone());
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.spawn(async move {
                let _last = last;
                std::future::pending::<()>().await;
            });
            runtime.block_on(tokio::task::yield_now());
            drop(runtime);
            done.send(()).unwrap();
        });

        is_done.recv_timeout(std::time::Duration::from_secs(10)).unwrap();
        assert!(flights.0.lock().unwrap().is_empty());
    }

    #[tokio::test]
    async fn draining_waits_for_what_is_under_way() {
        let flights = Flights::default();
        let landed = Arc::new(AtomicU32::new(0));
        for key in 0..3 {
            let landed = Arc::clone(&landed);
            let _ = flights.join(key, || async move {
                tokio::task::yield_now().await;
                landed.fetch_add(1, Ordering::Relaxed)
            });
        }

        flights.drain().await;

        assert_eq!(landed.load(Ordering::Relaxed), 3);
    }
}
