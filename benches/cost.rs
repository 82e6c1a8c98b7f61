//! What one request costs: allocations and instructions, which are the same on a busy machine.
//! Fails if a warm, signed-in request costs more than it may.
//!
//! Both are counted by valgrind. It knows no SHA and no wide AES instructions, so cryptography counts
//! for more than it takes.
#![allow(clippy::indexing_slicing, clippy::print_stdout, reason = "a program that prints a table")]

mod support;
#[path = "support/valgrind.rs"]
mod valgrind;

use std::convert::Infallible;
use std::process::ExitCode;

use axum::body::Body;
use http::{Request, Response, StatusCode};
use support::{Measure, Template, ask};
use tokio::runtime::Runtime;
use tower::Service;
use valgrind::Counts;

/// Over the bare application: the most that a case may cost, allocations and instructions.
const LIMITS: [(&str, u64, u64); 4] = [
    ("bearer", 3, 8_600),
    ("signed in", 3, 8_600),
    ("signed in, no store", 3, 8_600),
    // The router puts the layer, its future and its body into boxes.
    ("signed in, by Router::layer", 9, 10_800),
];

fn main() -> ExitCode {
    if let Some((case, requests)) = valgrind::asked_to_serve() {
        support::all(&mut Run { case: &case, requests });
        return ExitCode::SUCCESS;
    }
    let mut costs = Costs::default();
    support::all(&mut costs);
    costs.print();
    costs.judge()
}

/// Serves requests of one case, for somebody who counts from outside.
struct Run<'a> {
    case: &'a str,
    requests: u64,
}

impl Measure for Run<'_> {
    fn case<S, B>(
        &mut self,
        runtime: &Runtime,
        name: &'static str,
        mut service: S,
        request: &Template,
        _: StatusCode,
    ) where
        S: Service<Request<Body>, Response = Response<B>, Error = Infallible>,
    {
        if name == self.case {
            runtime.block_on(serve(&mut service, request, self.requests));
        }
    }
}

/// What each case costs in one request.
#[derive(Default)]
struct Costs(Vec<Cost>);

struct Cost {
    name: &'static str,
    allocations: u64,
    bytes: u64,
    instructions: u64,
}

impl Measure for Costs {
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
        let Counts { allocations, bytes, instructions } = Counts::of(name);
        self.0.push(Cost { name, allocations, bytes, instructions });
    }
}

impl Costs {
    fn over_bare(&self) -> impl Iterator<Item = (&Cost, u64, u64)> {
        let bare = &self.0[0];
        self.0.iter().map(|cost| {
            let allocations = cost.allocations.saturating_sub(bare.allocations);
            (cost, allocations, cost.instructions.saturating_sub(bare.instructions))
        })
    }

    fn print(&self) {
        println!("| request | allocations | over bare | bytes | instructions | over bare |");
        println!("|---|--:|--:|--:|--:|--:|");
        for (cost, allocations, instructions) in self.over_bare() {
            let Cost { name, allocations: all, bytes, instructions: every } = cost;
            println!("| {name} | {all} | {allocations} | {bytes} | {every} | {instructions} |");
        }
    }

    fn judge(&self) -> ExitCode {
        let mut code = ExitCode::SUCCESS;
        for (cost, allocations, instructions) in self.over_bare() {
            let limit = LIMITS.iter().find(|(name, ..)| *name == cost.name);
            let Some((name, most_allocations, most_instructions)) = limit else { continue };
            if allocations > *most_allocations {
                println!(
                    "{name}: {allocations} allocations over bare, may have {most_allocations}"
                );
                code = ExitCode::FAILURE;
            }
            if instructions > most_instructions + most_instructions * TOLERANCE / 100 {
                println!("{name}: {instructions} instructions, may have {most_instructions}");
                code = ExitCode::FAILURE;
            }
        }
        code
    }
}

async fn serve<S, B>(service: &mut S, request: &Template, times: u64)
where
    S: Service<Request<Body>, Response = Response<B>, Error = Infallible>,
{
    for _ in 0..times {
        ask(service, request).await;
    }
}

/// Percent. Hash tables are seeded, and compilers differ.
const TOLERANCE: u64 = 5;
