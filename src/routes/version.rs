//! `GET /.auth/version`.

use bytes::Bytes;
use http::{Response, StatusCode};

use super::reply;

pub(super) fn answer() -> Response<Bytes> {
    let document = concat!(r#"{"version":""#, env!("CARGO_PKG_VERSION"), r#""}"#);
    reply::json(StatusCode::OK, document)
}
