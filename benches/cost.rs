//! What one request costs: allocations and instructions, which are the same on a busy machine.
//! Fails if a warm, signed-in request costs more than it may.
//!
//! Both are counted by valgrind, as the difference of two runs of this program of different length,
//! so that what happens before the first request does not count. It knows no SHA and no wide AES
//! instructions, so cryptography counts for more than it takes.
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a program that prints a table"
)]

mod support;

use std::convert::Infallible;
use std::env;
use std::process::{Command, ExitCode};

use axum::body::Body;
use http::{Request, Response, StatusCode};
use support::{Measure, Template, ask};
use tokio::runtime::Runtime;
use tower::Service;

/// Over the bare application: the most that a case may cost, allocations and instructions.
const LIMITS: [(&str, u64, u64); 3] = [
    ("signed in", 3, 8_600),
    ("signed in, no store", 3, 8_600),
    // The router puts the layer, its future and its body into boxes.
    ("signed in, by Router::layer", 9, 10_800),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().collect();
    if let [_, flag, case, requests] = arguments.as_slice()
        && flag == RUN
    {
        support::all(&mut Run { case, requests: requests.parse().unwrap() });
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
        let (few, many) = (Counts::of(name, FEW), Counts::of(name, MANY));
        let each = |few: u64, many: u64| (many - few + (MANY - FEW) / 2) / (MANY - FEW);
        self.0.push(Cost {
            name,
            allocations: each(few.allocations, many.allocations),
            bytes: each(few.bytes, many.bytes),
            instructions: each(few.instructions, many.instructions),
        });
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

/// What a run of this program takes from its start to its end.
struct Counts {
    allocations: u64,
    bytes: u64,
    instructions: u64,
}

impl Counts {
    /// Of the run that serves so many requests of `case`.
    fn of(case: &str, requests: u64) -> Self {
        let heap = valgrind(&["--tool=memcheck", "--undef-value-errors=no"], case, requests);
        let heap: Vec<u64> = number_words(&heap, "total heap usage:");
        let callgrind = ["--tool=callgrind", "--callgrind-out-file=/dev/null"];
        let collect = || number_words(&valgrind(&callgrind, case, requests), "Collected :")[0];
        // The lower of two: a hash table with an unlucky seed is not the request's.
        let instructions = collect().min(collect());
        // "1,234 allocs, 1,234 frees, 56,789 bytes allocated"
        Self { allocations: heap[0], bytes: heap[2], instructions }
    }
}

fn valgrind(tool: &[&str], case: &str, requests: u64) -> String {
    let mut run = Command::new("valgrind");
    run.args(tool).arg(env::current_exe().unwrap()).args([RUN, case, &requests.to_string()]);
    let run = run.output().expect("valgrind is installed");
    String::from_utf8_lossy(&run.stderr).into_owned()
}

/// The numbers in the line of valgrind's report that begins with `title`.
fn number_words(report: &str, title: &str) -> Vec<u64> {
    let line = report.lines().find_map(|line| line.split_once(title));
    let (_, line) = line.unwrap_or_else(|| panic!("valgrind counts nothing: {report}"));
    line.split(' ').filter_map(|word| word.replace(',', "").parse().ok()).collect()
}

const RUN: &str = "--run";
const FEW: u64 = 200;
const MANY: u64 = 1_200;
/// Percent. Hash tables are seeded, and compilers differ.
const TOLERANCE: u64 = 5;
