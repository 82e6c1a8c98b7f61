//! What one request takes, from `Service::call` to its response.

mod support;

use std::convert::Infallible;
use std::hint::black_box;
use std::time::{Duration, Instant};

use axum::body::Body;
use criterion::Criterion;
use http::{Request, Response, StatusCode};
use support::{Measure, Template, ask};
use tokio::runtime::Runtime;
use tower::Service;

struct Time(Criterion);

impl Measure for Time {
    fn case<S, B>(
        &mut self,
        runtime: &Runtime,
        name: &'static str,
        mut service: S,
        request: &Template,
        status: StatusCode,
    ) where
        S: Service<Request<Body>, Response = Response<B>, Error = Infallible>,
    {
        let response = runtime.block_on(ask(&mut service, request));
        assert_eq!(response.status(), status, "{name}");
        self.0.bench_function(name, |bencher| {
            bencher.iter_custom(|times| runtime.block_on(serve(&mut service, request, times)));
        });
    }
}

async fn serve<S, B>(service: &mut S, request: &Template, times: u64) -> Duration
where
    S: Service<Request<Body>, Response = Response<B>, Error = Infallible>,
{
    let started = Instant::now();
    for _ in 0..times {
        black_box(ask(service, request).await);
    }
    started.elapsed()
}

fn main() {
    let mut time = Time(Criterion::default().configure_from_args());
    support::all(&mut time);
    time.0.final_summary();
}
