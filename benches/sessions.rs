//! Many sessions: what each takes in memory, what it costs that they are many, and what two threads
//! make of one. `cargo bench --bench sessions -- --sessions 1000000` signs in as many.
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
    let (node, cookies) = memory(most);
    let templates: Vec<_> =
        cookies.iter().take(MANY).map(|cookies| Template::new(Some(cookies))).collect();
    spread(&node, &templates);
    two_threads(&node, &templates[0]);
}

/// Signs `most` people in, each of whom makes one request, and prints what the heap has grown by:
/// with the records in the memory store, which has no bound, and in the cache, which has one.
fn memory(most: usize) -> (Node, Vec<String>) {
    let runtime = runtime();
    let node = Node::new(|config| config.token_store(MemoryStore::new()));
    let mut service = node.layer.layer(application());
    let mut cookies = Vec::with_capacity(most);
    let mut grown = 0;
    println!("| sessions | bytes a session |");
    println!("|--:|--:|");
    for count in [most / 100, most / 10, most] {
        let heap = allocation_counter::measure(|| {
            for number in cookies.len()..count {
                let cookie = node.sign_in(&runtime, &format!("user-{number:08}"));
                let response = runtime.block_on(ask(&mut service, &Template::new(Some(&cookie))));
                assert_eq!(response.status(), StatusCode::OK);
                cookies.push(cookie);
            }
        });
        grown += heap.bytes_current;
        let ours: usize = cookies.iter().map(String::capacity).sum();
        println!("| {count} | {:.0} |", (grown as f64 - ours as f64) / count as f64);
    }
    (node, cookies)
}

/// One session again and again beside all of them at random.
fn spread(node: &Node, templates: &[Template]) {
    let runtime = runtime();
    let mut bare = application();
    let mut layered = node.layer.layer(application());
    let mut rounds: [Vec<f64>; 4] = Default::default();
    for round in 0..ROUNDS {
        rounds[0].push(nanoseconds(&runtime, &mut bare, &templates[..1], round));
        rounds[1].push(nanoseconds(&runtime, &mut layered, &templates[..1], round));
        rounds[2].push(nanoseconds(&runtime, &mut bare, templates, round));
        rounds[3].push(nanoseconds(&runtime, &mut layered, templates, round));
    }
    let over = |layered: usize, bare: usize| {
        median(rounds[layered].iter().zip(&rounds[bare]).map(|(layered, bare)| layered - bare))
    };
    let (hot, uniform) = (over(1, 0), over(3, 2));
    println!("\n| requests | over bare, ns | as a multiple |");
    println!("|---|--:|--:|");
    println!("| of one session | {hot:.0} | 1.00 |");
    println!("| of {} at random | {uniform:.0} | {:.2} |", templates.len(), uniform / hot);
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
const ROUNDS: usize = 31;
const REQUESTS: usize = 10_000;
