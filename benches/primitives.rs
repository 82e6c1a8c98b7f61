//! What stands below a sign-in: sealing, opening, and the check of an ID token.
//!
//! The formats are nobody's business outside, so their modules are compiled in here once more.
#![allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    unnameable_types,
    unused_imports,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "modules of the library, each of which is used in part; a measurement may panic"
)]

#[path = "../src/api_prefix.rs"]
mod api_prefix;
#[path = "../src/clock.rs"]
mod clock;
#[path = "../src/oauth/mod.rs"]
mod oauth;
#[path = "../src/origin.rs"]
mod origin;
#[path = "../src/path.rs"]
mod path;
#[path = "../src/pending_login.rs"]
mod pending_login;
#[path = "../src/principal.rs"]
mod principal;
#[path = "../src/record.rs"]
mod record;
#[path = "../src/return_to/mod.rs"]
mod return_to;
#[path = "../src/seal/mod.rs"]
mod seal;
#[path = "../src/secret.rs"]
mod secret;
#[path = "../src/session.rs"]
mod session;
#[path = "../src/token.rs"]
mod token;

#[path = "../tests/support/signing.rs"]
mod signing;

use std::hint::black_box;

use criterion::{BatchSize, Criterion};
use serde_json::json;

use self::clock::Timestamp;
use self::oauth::id_token::{self, DEFAULT_SKEW, Delivery, Expected};
use self::oauth::jwk::KeySet;
use self::oauth::jws::Keys;
use self::principal::Issuer;
use self::seal::{Key, KeyRing, Purpose};
use self::signing::SigningKey;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    for length in [64, 600, 2048] {
        sealing(&mut criterion, length);
    }
    for key in [SigningKey::rs256("k"), SigningKey::es256("k")] {
        id_tokens(&mut criterion, &key);
    }
    criterion.final_summary();
}

fn sealing(criterion: &mut Criterion, length: usize) {
    let keys = KeyRing::new(&[Key::generate().unwrap()], "").unwrap();
    let plaintext = vec![b'x'; length];
    let seal = || keys.seal(Purpose::Session, "1", NOW, black_box(&plaintext)).unwrap();
    criterion.bench_function(&format!("seal {length} B"), |bencher| bencher.iter(seal));

    let sealed = seal();
    let open = |mut sealed: Vec<u8>| {
        keys.open(Purpose::Session, "1", NOW, 90, &mut sealed).unwrap();
        sealed
    };
    criterion.bench_function(&format!("open {length} B"), |bencher| {
        bencher.iter_batched(|| sealed.clone(), open, BatchSize::SmallInput);
    });
}

fn id_tokens(criterion: &mut Criterion, key: &SigningKey) {
    let claims = json!({
        "iss": ISSUER, "sub": "alice", "aud": "web", "iat": NOW.as_unix(),
        "exp": NOW.as_unix() + 600, "name": "Alice Archer", "email": "alice@op.example",
    });
    let token = key.token(&json!({"alg": key.algorithm, "kid": "k"}), &claims);
    let published = json!({"keys": [key.jwk()]}).to_string();
    let published = KeySet::parse(published.as_bytes()).unwrap();
    let issuer = Issuer::new(ISSUER);
    let expected = Expected {
        issuer: &issuer,
        alias: None,
        client_id: "web",
        trusted_audiences: &[],
        nonce: None,
        access_token: None,
        code: None,
        delivery: Delivery::TokenEndpoint,
        max_age: None,
        acr_values: &[],
        now: NOW,
        skew: DEFAULT_SKEW,
    };
    let algorithms = [oauth::jwa::Algorithm::Rs256, oauth::jwa::Algorithm::Es256];
    criterion.bench_function(&format!("verify an ID token, {}", key.algorithm), |bencher| {
        bencher.iter(|| {
            let keys = Keys::Published(&published);
            id_token::verify(black_box(&token), keys, &algorithms, &expected).unwrap()
        });
    });
}

const NOW: Timestamp = Timestamp::from_unix(1_760_000_000);
const ISSUER: &str = "https://op.example";
