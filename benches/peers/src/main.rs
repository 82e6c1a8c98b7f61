//! The same signed-in request through the peers and through us.
//!
//! `peers` measures `Service::call` in this process, `peers count` its allocations and instructions,
//! and `peers loopback` real HTTP with `wrk` (server on core 0, client on core 1). Every session comes
//! from a real sign-in; those of the OpenID Connect peers at our development provider, which signs
//! with ES256.

mod browser;
mod cases;
mod in_process;
mod loopback;
#[path = "../../support/valgrind.rs"]
mod valgrind;

use std::env;

fn main() {
    if let Some((case, requests)) = valgrind::asked_to_serve() {
        return in_process::serve(&case, requests);
    }
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        [] => in_process::measure(),
        ["count"] => in_process::count(),
        ["loopback"] => loopback::measure(),
        ["serve", case] => loopback::serve(case),
        _ => panic!("usage: peers [count | loopback]"),
    }
}
