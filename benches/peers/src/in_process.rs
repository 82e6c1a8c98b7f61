//! `Service::call` on a current-thread runtime: every case in turn, round after round, so that all
//! of them meet the same machine; the median of the rounds counts.

use std::convert::Infallible;
use std::hint::black_box;
use std::time::Instant;

use axum::body::Body;
use http::{HeaderMap, Request, Response, StatusCode, Uri};
use tokio::runtime::Runtime;
use tower::{Service, ServiceExt};

use crate::browser;
use crate::cases;

pub fn measure() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let provider = runtime.block_on(cases::provider());
    let axum_oidc = runtime.block_on(cases::axum_oidc(&provider));
    let mut cases = Cases { runtime: &runtime, rounds: Vec::new() };
    cases.add("bare axum router", cases::bare(), None);
    cases.add("easyauth", cases::easyauth(&provider), Some("/.auth/login/dev"));
    cases.add("tower-http 0.7, eight SetRequestHeaderLayers", cases::eight_headers(), None);
    cases.add("tower-sessions 0.15, private cookie", cases::tower_sessions(), Some("/login"));
    cases.add("axum-login 0.18, login_required!", cases::axum_login(), Some("/login"));
    cases.add(
        "axum-oidc-client 0.7, AuthSession",
        cases::axum_oidc_client(&provider),
        Some("/auth"),
    );
    cases.add("axum-oidc 0.6, ES256", axum_oidc, Some("/callback"));
    cases.run();
}

struct Cases<'a> {
    runtime: &'a Runtime,
    rounds: Vec<(&'static str, Box<dyn FnMut() -> f64 + 'a>)>,
}

impl<'a> Cases<'a> {
    /// Adds a case whose login begins at `start`, and makes sure that it lets nobody else in.
    fn add<S, B>(&mut self, name: &'static str, app: S, start: Option<&str>)
    where
        S: Service<Request<Body>, Response = Response<B>, Error = Infallible> + Clone + 'a,
    {
        let runtime = self.runtime;
        let start = start.unwrap_or("/");
        let headers = runtime.block_on(browser::signed_in(&app, start));
        let mut stranger = headers.clone();
        stranger.remove("cookie");
        let status = |headers| runtime.block_on(browser::status(&app, headers));
        assert_eq!(status(&headers), StatusCode::OK, "{name}");
        assert_eq!(status(&stranger) == StatusCode::OK, start == "/", "{name}");
        let mut app = app;
        let round = move || runtime.block_on(nanoseconds_each(&mut app, &headers));
        self.rounds.push((name, Box::new(round)));
    }

    fn run(mut self) {
        let mut times = vec![Vec::new(); self.rounds.len()];
        for round in 0..WARM_UP + ROUNDS {
            for ((_, case), times) in self.rounds.iter_mut().zip(&mut times) {
                let time = case();
                if round >= WARM_UP {
                    times.push(time);
                }
            }
        }
        let bare = times[0].clone();
        let over = |times: &[f64]| median(times.iter().zip(&bare).map(|(time, bare)| time - bare));
        let ours = over(&times[1]);
        println!("| | ns a request | over bare | ours, as a part of it |");
        println!("|---|--:|--:|--:|");
        for ((name, _), times) in self.rounds.iter().zip(&times) {
            let all = median(times.iter().copied());
            let over = over(times);
            let part = if over > 0.0 { format!("{:.3}", ours / over) } else { String::new() };
            println!("| {name} | {all:.0} | {over:.0} | {part} |");
        }
    }
}

/// Requests for about three milliseconds.
async fn nanoseconds_each<S, B>(app: &mut S, headers: &HeaderMap) -> f64
where
    S: Service<Request<Body>, Response = Response<B>, Error = Infallible>,
{
    let started = Instant::now();
    let mut requests = 0;
    while started.elapsed().as_micros() < 3_000 {
        for _ in 0..8 {
            let mut request = Request::new(Body::empty());
            *request.uri_mut() = Uri::from_static("/");
            *request.headers_mut() = headers.clone();
            let app = app.ready().await.unwrap_or_else(|never| match never {});
            black_box(app.call(request).await.unwrap_or_else(|never| match never {}));
        }
        requests += 8;
    }
    started.elapsed().as_nanos() as f64 / f64::from(requests)
}

pub fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

const WARM_UP: usize = 3;
const ROUNDS: usize = 31;
