//! Programs that call an application behind Easy Auth: their token expires, and they do not notice.
#![allow(
    unreachable_pub,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "these are tests, and parts of them"
)]

mod support;

#[path = "client/bodies.rs"]
mod bodies;
#[path = "client/browser.rs"]
mod browser;
#[path = "client/fake.rs"]
mod fake;
#[path = "client/healing.rs"]
mod healing;
#[path = "client/kept.rs"]
mod kept;
#[path = "client/limits.rs"]
mod limits;
#[path = "client/own.rs"]
mod own;
#[path = "client/processes.rs"]
mod processes;
#[path = "client/services.rs"]
mod services;
#[path = "client/sign_out.rs"]
mod sign_out;
#[path = "client/somebody_else.rs"]
mod somebody_else;
#[path = "client/wire.rs"]
mod wire;
