//! What we say to OpenID providers and what they say to us, under the RFCs' names.
//!
//! Bytes in, values out: nothing here waits, tells the time or draws random values. One file a
//! format.
//!
//! | file                  | format                                        | where it is written down                 |
//! |-----------------------|-----------------------------------------------|------------------------------------------|
//! | `authorization`       | the request a browser is sent with, its answer | RFC 6749 §4.1.1–2, RFC 7636, RFC 9207    |
//! | `bearer`              | tokens that callers bring                     | RFC 6750 §2.1, RFC 9068 §4               |
//! | `client_assertion`    | signed statements of who we are               | RFC 7523 §2.2, §3                        |
//! | `discovery`           | provider metadata                             | OpenID Connect Discovery §3–4            |
//! | `id_token`            | what a provider states about a sign-in        | OpenID Connect Core §2, §3.1.3.7         |
//! | `id_token::refreshed` | the same, after a refresh                     | OpenID Connect Core §12.2                |
//! | `json`                | JSON documents, read strictly                 | RFC 8259, RFC 7493 §2.3                  |
//! | `jwa`                 | names of signature algorithms                 | RFC 7518 §3.1, RFC 8037 §3.1             |
//! | `jwk`                 | key sets                                      | RFC 7517 §5, RFC 7518 §6, RFC 8037 §2    |
//! | `jws`                 | signed documents in compact form              | RFC 7515 §5.2, §7.1                      |
//! | `jwt`                 | the claims that signed documents share        | RFC 7519 §4.1                            |
//! | `oauth1`              | signed requests, and what answers them        | RFC 5849                                 |
//! | `private_key`         | the keys that we sign with                    | RFC 7468, RFC 5958                       |
//! | `token`               | the token endpoint's requests and answers     | RFC 6749 §4.1.3–5.2                      |
//! | `userinfo`            | what a provider tells about a user on request | OpenID Connect Core §5.3                 |

pub(crate) mod authorization;
pub(crate) mod bearer;
pub(crate) mod client_assertion;
pub(crate) mod discovery;
pub(crate) mod id_token;
pub(crate) mod json;
pub(crate) mod jwa;
pub(crate) mod jwk;
pub(crate) mod jws;
mod jwt;
pub(crate) mod oauth1;
pub(crate) mod private_key;
pub(crate) mod token;
pub(crate) mod userinfo;

#[cfg(test)]
mod test_keys;
