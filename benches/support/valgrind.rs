//! Counts what a program does, by valgrind: the same on a busy machine.
#![allow(dead_code, unreachable_pub, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

use std::env;
use std::process::Command;

/// What a run of this program takes from its start to its end.
struct Run {
    allocations: u64,
    bytes: u64,
    instructions: u64,
}

/// What each request costs.
pub struct Counts {
    pub allocations: u64,
    pub bytes: u64,
    pub instructions: u64,
}

impl Counts {
    /// Of a request of `case`: the difference of two runs of this program of different length, so
    /// that what happens before the first request does not count. The program is to serve as many
    /// requests as its arguments `--run CASE REQUESTS` say.
    pub fn of(case: &str) -> Self {
        let (few, many) = (Run::of(case, FEW), Run::of(case, MANY));
        let each = |few: u64, many: u64| (many - few + (MANY - FEW) / 2) / (MANY - FEW);
        Self {
            allocations: each(few.allocations, many.allocations),
            bytes: each(few.bytes, many.bytes),
            instructions: each(few.instructions, many.instructions),
        }
    }
}

/// The case and the number of requests that this run of the program is to serve, if it is to.
pub fn asked_to_serve() -> Option<(String, u64)> {
    let arguments: Vec<String> = env::args().collect();
    match arguments.as_slice() {
        [_, flag, case, requests] if flag == RUN => Some((case.clone(), requests.parse().unwrap())),
        _ => None,
    }
}

impl Run {
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
