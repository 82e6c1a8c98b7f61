//! `/.auth/*`: an HTTP request in, an HTTP response out.

pub(crate) mod page;
