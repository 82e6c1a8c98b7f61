//! What we say under our own name: to browsers, to the application, and to the token store.
//!
//! | file | format |
//! |---|---|
//! | `cookie` | names, attributes and chunks of our cookies (RFC 6265) |
//! | `session` | the inside of the session cookie |
//! | `session_token` | the token of `X-ZUMO-AUTH`, a JWT |
//! | `login_result` | how a login ends for a program: JSON, a fragment or a message |
//! | `app_code` | the inside of an installed application's code |
//! | `login` | the inside of a pending login's cookie |
//! | `record` | the inside of a record of the token store |
//! | `principal` | `X-MS-CLIENT-PRINCIPAL` |
//! | `header` | the request headers that the application sees: scrub, then set |
//! | `me` | `/.auth/me` |
//! | `lookalike` | what others could take for a token in `Authorization` |

pub(crate) mod app_code;
pub(crate) mod cookie;
pub(crate) mod header;
pub(crate) mod login;
pub(crate) mod login_result;
pub(crate) mod lookalike;
pub(crate) mod me;
pub(crate) mod principal;
pub(crate) mod record;
pub(crate) mod session;
pub(crate) mod session_token;
