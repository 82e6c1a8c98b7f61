//! Attacks, each named after its row: what must happen is that nothing happens.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::wildcard_imports,
    reason = "these are tests"
)]

mod support;

#[path = "attacks/answers.rs"]
mod answers;
#[path = "attacks/authorization.rs"]
mod authorization;
#[path = "attacks/bearer.rs"]
mod bearer;
#[path = "attacks/callback.rs"]
mod callback;
#[path = "attacks/cookies.rs"]
mod cookies;
#[path = "attacks/id_token.rs"]
mod id_token;
#[path = "attacks/leaks.rs"]
mod leaks;
#[path = "attacks/pages.rs"]
mod pages;
#[path = "attacks/refresh.rs"]
mod refresh;
#[path = "attacks/session_token.rs"]
mod session_token;
