//! Many sessions: what each takes in memory, what it costs that they are many, and what two threads
//! make of one. `cargo bench --bench sessions -- --sessions 1000000` signs in as many, and holds them
//! all in the cache.
#![allow(
    clippy::cast_precision_loss,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a program that prints tables"
)]

mod support;

use std::convert::Infallible;
use std::env;
use std::hint::black_box;
use std::sync::Barrier;
use std::thread;
use std::time::Instant;

use axum::body::Body;
use easyauth::store::MemoryStore;
use http::{Request, Response, StatusCode};
use support::{Node, Template, application, ask, runtime};
use tokio::runtime::Runtime;
use tower::{Layer, Service};

fn main() {
    let arguments: Vec<String> = env::args().collect();
    let most = match arguments.iter().position(|argument| argument == "--sessions") {
        Some(position) => arguments[position + 1].parse().unwrap(),
        None => MANY,
    };
    let node = Node::new(|config| {
        config.token_store(MemoryStore::new()).cache_capacity(ROOM_FOR_EACH * most as u64)
    });
    let mut crowd = Crowd::new(&node);
    println!(
        "| sessions | bytes of each | requests over bare, ns | one session's, ns | multiple |"
    );
    println!("|--:|--:|--:|--:|--:|");
    for count in [most / 100, most / 10, most] {
        crowd.grow_to(count);
        let [one, all] = crowd.nanoseconds_over_bare();
        println!(
            "| {count} | {:.0} | {all:.0} | {one:.0} | {:.2} |",
            crowd.bytes_of_each(),
            all / one
        );
    }
    two_threads(&node, &crowd.templates(1)[0]);
}

/// People who have signed in, each of whom has made a request, so that all are in the cache.
struct Crowd<'a> {
    node: &'a Node,
    runtime: Runtime,
    cookies: Vec<String>,
    /// What the heap has grown by: with the records in the memory store, and in the cache.
    grown: i64,
}

impl<'a> Crowd<'a> {
    fn new(node: &'a Node) -> Self {
        Self { node, runtime: runtime(), cookies: Vec::new(), grown: 0 }
    }

    fn grow_to(&mut self, count: usize) {
        let mut service = self.node.layer.layer(application());
        self.cookies.reserve_exact(count - self.cookies.len());
        let heap = allocation_counter::measure(|| {
            for number in self.cookies.len()..count {
                let cookie = self.node.sign_in(&self.runtime, &format!("user-{number:08}"));
                let request = Template::new(Some(&cookie));
                let response = self.runtime.block_on(ask(&mut service, &request));
                assert_eq!(response.status(), StatusCode::OK);
                self.cookies.push(cookie);
            }
        });
        self.grown += heap.bytes_current;
    }

    fn bytes_of_each(&self) -> f64 {
        let ours: usize = self.cookies.iter().map(String::capacity).sum();
        (self.grown as f64 - ours as f64) / self.cookies.len() as f64
    }

    /// So many requests' headers, of people who are far from each other.
    fn templates(&self, count: usize) -> Vec<Template> {
        let step = self.cookies.len().div_ceil(count);
        self.cookies.iter().step_by(step).map(|cookies| Template::new(Some(cookies))).collect()
    }

    /// What a request costs if all are one session's, and if they are anybody's at random.
    fn nanoseconds_over_bare(&self) -> [f64; 2] {
        let templates = self.templates(MOST_TEMPLATES);
        let mut bare = application();
        let mut layered = self.node.layer.layer(application());
        let mut over = [Vec::new(), Vec::new()];
        for round in 0..ROUNDS {
            for (templates, over) in [&templates[..1], &templates].into_iter().zip(&mut over) {
                let bare = nanoseconds(&self.runtime, &mut bare, templates, round);
                over.push(nanoseconds(&self.runtime, &mut layered, templates, round) - bare);
            }
        }
        over.map(|over| median(over.into_iter()))
    }
}

/// What two threads, each with its own runtime and router, do in the time that one does one's share.
fn two_threads(node: &Node, template: &Template) {
    let mut rounds: [Vec<f64>; 4] = Default::default();
    for _ in 0..ROUNDS {
        for threads in 1..=2 {
            let layered = || node.layer.layer(application());
            rounds[threads - 1].push(rate(threads, template, application));
            rounds[threads + 1].push(rate(threads, template, layered));
        }
    }
    let scaling = |one: usize, two: usize| {
        median(rounds[one].iter().zip(&rounds[two]).map(|(one, two)| two / one))
    };
    println!("\n| two threads | requests of one |");
    println!("|---|--:|");
    println!("| bare | {:.2} |", scaling(0, 1));
    println!("| one hot session | {:.2} |", scaling(2, 3));
}

/// Requests a nanosecond on so many threads.
fn rate<S, B>(threads: usize, template: &Template, service: impl Fn() -> S + Sync) -> f64
where
    S: Service<Request<Body>, Response = Response<B>, Error = Infallible>,
{
    let barrier = Barrier::new(threads);
    let work = || {
        let (runtime, mut service) = (runtime(), service());
        nanoseconds(&runtime, &mut service, std::slice::from_ref(template), 0);
        barrier.wait();
        nanoseconds(&runtime, &mut service, std::slice::from_ref(template), 0)
    };
    thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        running.into_iter().map(|thread| 1.0 / thread.join().unwrap()).sum()
    })
}

/// What one of many requests takes; they are `templates` in a random order.
fn nanoseconds<S, B>(runtime: &Runtime, service: &mut S, templates: &[Template], seed: usize) -> f64
where
    S: Service<Request<Body>, Response = Response<B>, Error = Infallible>,
{
    let mut random = seed;
    let started = Instant::now();
    runtime.block_on(async {
        for _ in 0..REQUESTS {
            // Knuth's multiplier; the high bits are random enough for this.
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let template = &templates[(random >> 33) % templates.len()];
            black_box(ask(service, template).await);
        }
    });
    started.elapsed().as_nanos() as f64 / REQUESTS as f64
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

const MANY: usize = 10_000;
/// More than a session takes in the cache.
const ROOM_FOR_EACH: u64 = 16 << 10;
const MOST_TEMPLATES: usize = 100_000;
const ROUNDS: usize = 31;
const REQUESTS: usize = 10_000;
