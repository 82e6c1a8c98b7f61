//! `Service::call` on a current-thread runtime, in time that the thread spent on the processor.

use std::convert::Infallible;
use std::hint::black_box;
use std::slice;
use std::time::Duration;

use axum::body::Body;
use http::{HeaderMap, Request, Response, StatusCode, Uri};
use rustix::time::{ClockId, clock_gettime};
use tokio::runtime::Runtime;
use tower::{Service, ServiceExt};

use crate::browser;
use crate::cases;
use crate::valgrind::Counts;

/// Prints what each case takes: all of them in turn, round after round, so that all meet the same
/// machine; the median of the rounds counts.
pub fn measure() {
    let runtime = runtime();
    let mut cases = Cases::all(&runtime, ROUNDS * FRESH + CALIBRATION);
    let batches: Vec<u64> = cases.0.iter_mut().map(Case::batch).collect();
    let mut times = vec![Vec::new(); batches.len()];
    for _ in 0..ROUNDS {
        for ((case, batch), times) in cases.0.iter_mut().zip(&batches).zip(&mut times) {
            let time = (case.serve)(*batch);
            times.push(time.as_nanos() as f64 / *batch as f64);
        }
    }
    let bare = times[0].clone();
    let over = |times: &[f64]| median(times.iter().zip(&bare).map(|(time, bare)| time - bare));
    let ours = over(&times[1]);
    println!("| | ns a request | over bare | ours, as a part of it |");
    println!("|---|--:|--:|--:|");
    for (case, times) in cases.0.iter().zip(&times) {
        let (all, over) = (median(times.iter().copied()), over(times));
        let part = if over > 0.0 { format!("{:.3}", ours / over) } else { String::new() };
        println!("| {} | {all:.0} | {over:.0} | {part} |", case.name);
    }
}

/// Prints the allocations and instructions of each case, which are the same on a busy machine.
pub fn count() {
    let runtime = runtime();
    let cases = Cases::all(&runtime, 0).0;
    let counts: Vec<_> = cases.iter().map(|case| (case.name, Counts::of(case.name))).collect();
    let over = |counts: &Counts, bare: &Counts| counts.instructions as f64 - bare.instructions as f64;
    let (bare, ours) = (&counts[0].1, over(&counts[1].1, &counts[0].1));
    println!("| | allocations over bare | instructions over bare | ours, as a part of it |");
    println!("|---|--:|--:|--:|");
    for (name, counts) in &counts {
        let (allocations, over) = (counts.allocations - bare.allocations, over(counts, bare));
        let part = if over > 0.0 { format!("{:.3}", ours / over) } else { String::new() };
        println!("| {name} | {allocations} | {over:.0} | {part} |");
    }
}

/// Serves so many requests of one case, for somebody who counts from outside.
pub fn serve(name: &str, requests: u64) {
    let runtime = runtime();
    let mut cases = Cases::all(&runtime, requests as usize);
    let case = cases.0.iter_mut().find(|case| case.name == name).expect("a case");
    (case.serve)(requests);
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

struct Cases<'a>(Vec<Case<'a>>);

struct Case<'a> {
    name: &'static str,
    /// The most requests that one round can have.
    most: u64,
    /// Serves so many requests, and says how long it took.
    serve: Box<dyn FnMut(u64) -> Duration + 'a>,
}

impl Case<'_> {
    /// How many requests take three milliseconds or so.
    fn batch(&mut self) -> u64 {
        let calibration = CALIBRATION as u64;
        let each = (self.serve)(calibration).as_nanos() as u64 / calibration;
        (3_000_000 / each).clamp(8, self.most)
    }
}

impl<'a> Cases<'a> {
    /// Everything that is measured: the application alone, then ours, then the others; with `fresh`
    /// cookies that no request has brought before.
    fn all(runtime: &'a Runtime, fresh: usize) -> Self {
        let provider = runtime.block_on(cases::provider());
        let axum_oidc = runtime.block_on(cases::axum_oidc(&provider));
        let easyauth = cases::easyauth(&provider);
        let mut cases = Cases(Vec::new());
        cases.add(runtime, "bare axum router", cases::bare(), None);
        cases.add(runtime, "easyauth", easyauth.clone(), Some("/.auth/login/dev"));
        cases.add_fresh(runtime, "easyauth, a cookie never seen before", easyauth, fresh);
        cases.add(runtime, "eight headers inserted, nobody authenticated", cases::inject(), None);
        cases.add(runtime, "tower-http, eight SetRequestHeaderLayers", cases::eight_headers(), None);
        let tower_sessions = cases::tower_sessions();
        cases.add(runtime, "tower-sessions, private cookie", tower_sessions, Some("/login"));
        cases.add(runtime, "axum-login, login_required!", cases::axum_login(), Some("/login"));
        let axum_oidc_client = cases::axum_oidc_client(&provider);
        cases.add(runtime, "axum-oidc-client, AuthSession", axum_oidc_client, Some("/auth"));
        cases.add(runtime, "axum-oidc, ES256", axum_oidc, Some("/callback"));
        cases
    }

    /// Adds a case whose login begins at `start`, and makes sure that it lets nobody else in.
    fn add<S, B>(&mut self, runtime: &'a Runtime, name: &'static str, app: S, start: Option<&str>)
    where
        S: Service<Request<Body>, Response = Response<B>, Error = Infallible> + Clone + 'a,
    {
        let headers = runtime.block_on(browser::signed_in(&app, start.unwrap_or("/")));
        let mut stranger = headers.clone();
        stranger.remove("cookie");
        let status = |headers| runtime.block_on(browser::status(&app, headers));
        assert_eq!(status(&headers), StatusCode::OK, "{name}");
        assert_eq!(status(&stranger) == StatusCode::OK, start.is_none(), "{name}");
        let mut app = app;
        let serve = move |requests| {
            runtime.block_on(serve_each(&mut app, slice::from_ref(&headers), requests))
        };
        self.0.push(Case { name, most: u64::MAX, serve: Box::new(serve) });
    }

    /// Adds ours with a cookie that is another one in each request. All are of one session.
    fn add_fresh<S, B>(&mut self, runtime: &'a Runtime, name: &'static str, app: S, cookies: usize)
    where
        S: Service<Request<Body>, Response = Response<B>, Error = Infallible> + Clone + 'a,
    {
        let mut app = app;
        let refreshed = browser::refreshed(&app, "/.auth/login/dev", cookies);
        let mut unseen = runtime.block_on(refreshed);
        let serve = move |requests: u64| {
            let seen_now = unseen.split_off(unseen.len() - requests as usize);
            // In the processor's caches, as what was just parsed is.
            let seen_now = seen_now.clone();
            runtime.block_on(serve_each(&mut app, &seen_now, requests))
        };
        self.0.push(Case { name, most: FRESH as u64, serve: Box::new(serve) });
    }
}

/// Serves so many requests with one after another of `headers`.
async fn serve_each<S, B>(app: &mut S, headers: &[HeaderMap], requests: u64) -> Duration
where
    S: Service<Request<Body>, Response = Response<B>, Error = Infallible>,
{
    let started = processor_time();
    for (headers, _) in headers.iter().cycle().zip(0..requests) {
        let mut request = Request::new(Body::empty());
        *request.uri_mut() = Uri::from_static("/");
        *request.headers_mut() = headers.clone();
        let app = app.ready().await.unwrap_or_else(|never| match never {});
        black_box(app.call(request).await.unwrap_or_else(|never| match never {}));
    }
    processor_time() - started
}

/// What this thread has had of the processor, whatever else the machine was doing.
fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::try_from(time).unwrap()
}

pub fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

const ROUNDS: usize = 31;
/// Requests by which a case's pace is found; they warm it as well.
const CALIBRATION: usize = 256;
/// Requests in a round of those whose cookie has never been seen.
const FRESH: usize = 16;
