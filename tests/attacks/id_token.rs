//! ID tokens that are not what they should be.

use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::support::Document::*;
use crate::support::*;

/// A login whose ID token is no good ends after the keys were looked at, and before userinfo.
async fn refuse(story: &mut Story, case: &str) {
    let answer = story.try_sign_in("alice").await;
    assert_eq!(answer.status, 502, "{case}: {answer:?}");
    story.assert_refused(&answer, 502, &[Metadata, Token, Keys]);
}

/// Each value of `member` is refused; `None` is a member that is missing.
async fn refuse_each(member: &str, values: impl IntoIterator<Item = Option<Value>>) {
    for value in values {
        let mut story = Story::new();
        match &value {
            Some(value) => story.provider.set(IdToken, member, value.clone()),
            None => story.provider.remove(IdToken, member),
        }
        refuse(&mut story, &format!("{member} {value:?}")).await;
    }
}

fn now() -> i64 {
    ManualClock::new().unix()
}

#[tokio::test]
async fn oc_03_a_nonce_that_is_not_ours_is_refused() {
    let others = [json!("other"), json!(""), json!(["a"]), json!(1), json!(null)];
    refuse_each("nonce", others.map(Some).into_iter().chain([None])).await;
}

#[tokio::test]
async fn oc_04_an_issuer_is_compared_letter_for_letter() {
    let others = [
        "https://op.example/",
        "https://OP.example",
        "https://op.example:443",
        "http://op.example",
        "https://op.example.evil.example",
        "https://other.example",
        "",
    ];
    let others = others.map(|issuer| Some(json!(issuer)));
    refuse_each("iss", others.into_iter().chain([Some(json!(["https://op.example"])), None])).await;
}

#[tokio::test]
async fn oc_05_a_token_for_somebody_else_is_refused() {
    let others = [json!("other"), json!([]), json!(["web", "other"]), json!(1), json!("WEB")];
    refuse_each("aud", others.map(Some).into_iter().chain([None])).await;
}

#[tokio::test]
async fn oc_05_an_array_of_us_alone_is_us() {
    let mut story = Story::new();
    story.provider.set(IdToken, "aud", json!([CLIENT_ID]));
    story.sign_in("alice").await;
}

#[tokio::test]
async fn oc_06_the_authorized_party_is_us() {
    refuse_each("azp", [Some(json!("other")), Some(json!(1))]).await;
    for (azp, status) in [(None, 502), (Some("other"), 502), (Some(CLIENT_ID), 302)] {
        let mut story = Story::with_provider(|provider| provider.trusted_audience("api"));
        story.provider.set(IdToken, "aud", json!([CLIENT_ID, "api"]));
        azp.into_iter().for_each(|azp| story.provider.set(IdToken, "azp", azp));

        let answer = story.try_sign_in("alice").await;

        assert_eq!(answer.status, status, "{azp:?}");
    }
}

#[tokio::test]
async fn oc_10_a_token_is_good_until_it_expires_and_a_minute_more() {
    for (exp, good) in [
        (json!(now() - 59), true),
        (json!(now() - 60), false),
        (json!(now() - 61), false),
        (json!(1e300), false),
        (json!(u64::MAX), false),
        (json!(-1), false),
        (json!((now() + 600).to_string()), false),
        (json!(null), false),
        (json!(now() as f64 + 60.5), true),
    ] {
        let mut story = Story::new();
        story.provider.set(IdToken, "exp", exp.clone());
        if good { story.sign_in("alice").await } else { refuse(&mut story, &exp.to_string()).await }
    }
    refuse_each("exp", [None]).await;
    refuse_each("nbf", [Some(json!(now() + 61)), Some(json!("0"))]).await;
}

#[tokio::test]
async fn oc_11_a_token_of_last_week_or_of_tomorrow_is_refused() {
    let moments = [now() - 7 * 86_400, now() - 601, now() + 61, now() + 300];
    refuse_each("iat", moments.map(|moment| Some(json!(moment))).into_iter().chain([None])).await;
}

#[tokio::test]
async fn oc_12_a_subject_is_1_to_255_visible_characters() {
    let others = ["".into(), "x".repeat(256), "ålice".into(), "a\0b".into(), "a\nb".into()];
    let others = others.map(|subject: String| Some(json!(subject)));
    refuse_each("sub", others.into_iter().chain([Some(json!(7)), None])).await;
}

#[tokio::test]
async fn oc_13_who_asks_for_a_recent_sign_in_gets_one_or_none() {
    for (auth_time, status) in [
        (None, 502),
        (Some(json!("now")), 502),
        (Some(json!(now() - 121)), 502),
        (Some(json!(now() + 61)), 502),
        (Some(json!(now() - 60)), 302),
    ] {
        let mut story = Story::new();
        match &auth_time {
            Some(auth_time) => story.provider.set(IdToken, "auth_time", auth_time.clone()),
            None => story.provider.remove(IdToken, "auth_time"),
        }
        let answer = story.browser.visit("/.auth/login/op?max_age=60").await;
        let there = answer.location().parse().unwrap();
        let answer = story.browser.come_back(&story.provider.authorize(&there, "alice")).await;

        assert_eq!(answer.status, status, "{auth_time:?}: {answer:?}");
        assert_eq!(answer.gives_session(), status == 302);
    }
}

#[tokio::test]
async fn oc_13_a_max_age_that_would_not_be_checked_is_not_sent() {
    for (configured, visitor, sent) in [
        (None, "60", Some("60")),
        (None, "+60", None),
        (None, "%2B60", None),
        (None, "60.0", None),
        (None, "6e1", None),
        (None, "", None),
        (None, "99999999999999999999", None),
        (Some("60"), "30", Some("30")),
        (Some("60"), "61", Some("60")),
        (Some("60"), "soon", Some("60")),
    ] {
        let Story { mut browser, provider, .. } = Story::with_provider(|provider| {
            configured.into_iter().fold(provider, |it, age| it.login_parameter("max_age", age))
        });
        provider.remove(IdToken, "auth_time");

        let answer = browser.visit(&format!("/.auth/login/op?max_age={visitor}")).await;
        let there: url::Url = answer.location().parse().unwrap();
        let asked: Vec<_> = there.query_pairs().filter(|(name, _)| name == "max_age").collect();
        let answer = browser.come_back(&provider.authorize(&there, "alice")).await;

        let asked: Vec<_> = asked.iter().map(|(_, value)| value.as_ref()).collect();
        assert_eq!(asked, sent.into_iter().collect::<Vec<_>>(), "{configured:?} {visitor}");
        assert_eq!(answer.gives_session(), sent.is_none(), "{configured:?} {visitor}");
    }
}

#[tokio::test]
async fn oc_15_a_token_that_vouches_for_another_access_token_is_refused() {
    let half = BASE64_URL_SAFE_NO_PAD.encode([7; 16]);
    let whole = BASE64_URL_SAFE_NO_PAD.encode([7; 32]);
    refuse_each("at_hash", [json!(half), json!(whole), json!(""), json!(1)].map(Some)).await;
}

#[tokio::test]
async fn oc_16_a_token_that_vouches_for_another_code_is_refused() {
    let half = BASE64_URL_SAFE_NO_PAD.encode([7; 16]);
    let whole = BASE64_URL_SAFE_NO_PAD.encode([7; 32]);
    refuse_each("c_hash", [json!(half), json!(whole), json!(""), json!(1)].map(Some)).await;
}

#[tokio::test]
async fn oc_07_jw_01_an_unsigned_or_badly_signed_token_is_refused() {
    let encode = |header: &str| BASE64_URL_SAFE_NO_PAD.encode(header);
    for algorithm in ["none", "None", "nOnE", "NONE", ""] {
        let header = encode(&json!({"alg": algorithm, "typ": "JWT"}).to_string());
        for signature in ["", "AAAA"] {
            let mut story = Story::new();
            let header = header.clone();
            story.provider.forge(move |token| {
                let claims = token.split('.').nth(1).unwrap();
                format!("{header}.{claims}.{signature}")
            });
            refuse(&mut story, algorithm).await;
        }
    }
    let mut story = Story::new();
    story.provider.forge(|token| {
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let mut signature = BASE64_URL_SAFE_NO_PAD.decode(signature).unwrap();
        signature[100] ^= 1;
        format!("{signed}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))
    });
    refuse(&mut story, "a bit of the signature").await;

    let mut story = Story::new();
    story.provider.forge(|token| {
        let claims = json!({"sub": "mallory"}).to_string();
        let parts: Vec<&str> = token.split('.').collect();
        format!("{}.{}.{}", parts[0], BASE64_URL_SAFE_NO_PAD.encode(claims), parts[2])
    });
    refuse(&mut story, "other claims").await;
}

#[tokio::test]
async fn oc_07_the_right_name_on_the_wrong_key_is_refused() {
    let mut story = Story::new();
    story.provider.sign_with(SigningKey::other_rs256("k1"));
    refuse(&mut story, "wrong key").await;
}

#[tokio::test]
async fn oc_08_only_what_the_provider_promises_to_sign_by_is_taken() {
    let mut story = Story::new();
    story.provider.set(Metadata, "id_token_signing_alg_values_supported", json!(["ES256"]));
    refuse(&mut story, "RS256 where ES256 is promised").await;
}

#[tokio::test]
async fn oc_09_a_public_key_is_no_shared_secret() {
    let jwk = SigningKey::rs256("k1").jwk();
    let modulus = BASE64_URL_SAFE_NO_PAD.decode(jwk["n"].as_str().unwrap()).unwrap();
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{}", BASE64_STANDARD.encode(&modulus));
    for secret in [jwk.to_string().into_bytes(), modulus, pem.into_bytes(), Vec::new()] {
        for promised in [json!(["RS256"]), json!(["RS256", "HS256"])] {
            let mut story = Story::new();
            story.provider.set(Metadata, "id_token_signing_alg_values_supported", promised);
            story.provider.sign_with(SigningKey::hs256("k1", &secret));
            refuse(&mut story, "HS256").await;
        }
    }
    let mut story = Story::new();
    story.provider.sign_with(SigningKey::hs256("k1", CLIENT_SECRET.as_bytes()));
    refuse(&mut story, "HS256 with the client's secret").await;
}

#[tokio::test]
async fn jw_07_jw_08_jw_09_a_header_that_asks_for_more_is_refused_or_ignored_and_never_followed() {
    for (member, value) in [
        ("crit", json!(["exp"])),
        ("crit", json!([])),
        ("crit", json!(["b64"])),
        ("typ", json!("at+jwt")),
        ("typ", json!("logout+jwt")),
        ("typ", json!("dpop+jwt")),
        ("alg", json!("ES256")),
        ("alg", json!(["RS256"])),
        ("alg", json!(null)),
    ] {
        let mut story = Story::new();
        story.provider.set(IdTokenHeader, member, value.clone());
        refuse(&mut story, &format!("{member} {value}")).await;
    }
    let evil = SigningKey::other_rs256("evil");
    for (member, value) in [
        ("jku", json!("https://evil.example/keys")),
        ("x5u", json!("http://169.254.169.254/")),
        ("jwk", evil.jwk()),
        ("x5c", json!(["MIIB"])),
    ] {
        let mut story = Story::new();
        story.provider.set(IdTokenHeader, member, value);
        story.provider.sign_with(evil.named("k1"));
        refuse(&mut story, member).await;
    }
}

#[tokio::test]
async fn jw_08_a_kid_is_a_name_and_nothing_else() {
    for kid in ["../../etc/passwd", "' or 1=1 --", "k1\r\nx: y", "K1"] {
        let mut story = Story::new();
        story.provider.set(IdTokenHeader, "kid", kid);

        let answer = story.try_sign_in("alice").await;

        // An unknown name is reason to fetch the keys again, once.
        story.assert_refused(&answer, 502, &[Metadata, Token, Keys, Keys]);
    }
}

#[tokio::test]
async fn jw_10_a_token_has_one_spelling() {
    let forgeries: [fn(&str) -> String; 8] = [
        |token| format!("{token}="),
        |token| format!("{token}\n"),
        |token| format!(" {token}"),
        |token| format!("{token}.{token}"),
        |token| token.replacen('.', "..", 1),
        |token| token.rsplit_once('.').unwrap().0.to_owned(),
        |_| ".".repeat(100_000),
        |token| format!("{token}{}", "A".repeat(20_000)),
    ];
    for (number, forge) in forgeries.into_iter().enumerate() {
        let mut story = Story::new();
        story.provider.forge(forge);
        refuse(&mut story, &number.to_string()).await;
    }
}

#[tokio::test]
async fn jw_02_an_encrypted_token_is_no_way_around_the_signature() {
    let header = json!({"alg": "dir", "enc": "A256GCM", "cty": "JWT"}).to_string();
    let header = BASE64_URL_SAFE_NO_PAD.encode(header);
    let mut story = Story::new();
    story.provider.forge(move |token| {
        let claims = token.split('.').nth(1).unwrap();
        format!("{header}..AAAAAAAAAAAAAAAA.{claims}.AAAAAAAAAAAAAAAAAAAAAA")
    });
    refuse(&mut story, "JWE").await;
}

#[tokio::test]
async fn jw_05_a_token_is_text_in_utf_8_without_a_mark() {
    let changes: [fn(&str) -> String; 3] = [
        |text| format!("\u{feff}{text}"),
        |text| text.chars().flat_map(|character| [character, '\0']).collect(),
        |text| format!("{text}{text}"),
    ];
    for (number, change) in changes.into_iter().enumerate() {
        for header_too in [false, true] {
            let mut story = Story::new();
            story.provider.forge(move |token| {
                SigningKey::rs256("k1").resign(token, |header, claims| {
                    let header = if header_too { change(header) } else { header.to_owned() };
                    (header, change(claims))
                })
            });
            refuse(&mut story, &number.to_string()).await;
        }
    }
}

#[tokio::test]
async fn oc_27_a_claim_that_is_there_twice_is_refused() {
    let mut story = Story::new();
    story.provider.forge(|token| {
        SigningKey::rs256("k1").resign(token, |header, claims| {
            (header.to_owned(), claims.replacen('{', r#"{"sub":"mallory","#, 1))
        })
    });
    refuse(&mut story, "two subjects").await;
}

#[tokio::test]
async fn jw_06_a_key_of_one_provider_vouches_for_no_other() {
    let clock = ManualClock::new();
    let providers = [FakeProvider::new("op", &clock), FakeProvider::new("other", &clock)];
    let (key, stolen) = (SigningKey::es256("same"), SigningKey::es256("same"));
    providers[0].rotate_to(key);
    providers[1].rotate_to(stolen.clone());
    let store = TestStore::new();
    let app = App::new(config(&providers, &store, &clock).build().unwrap(), &clock);
    Browser::new(&app).sign_in(&providers[1], "bob").await;
    let writes = store.writes();
    providers[0].sign_with(stolen);

    let answer = Browser::new(&app).try_sign_in(&providers[0], "alice").await;

    assert_eq!(answer.sub_status(), "502.83");
    assert_eq!(store.writes(), writes);
}

#[tokio::test]
async fn oc_23_t_50_unknown_keys_make_one_fetch_a_second_at_most() {
    let mut story = Story::new();
    story.sign_in("alice").await;
    story.provider.take_asked();
    story.provider.sign_with(SigningKey::es256("unknown"));
    for _ in 0..50 {
        let answer = story.another_browser().try_sign_in(&story.provider, "mallory").await;
        assert_eq!(answer.status, 502);
    }
    assert_eq!(story.provider.requests(Keys).len(), 1);

    story.provider.sign_with(SigningKey::rs256("k1"));
    story.another_browser().sign_in(&story.provider, "bob").await;
    assert_eq!(story.provider.requests(Keys).len(), 1);
}

#[tokio::test]
async fn t_50_an_empty_set_of_keys_is_no_reason_to_ask_for_ever() {
    let mut story = Story::new();
    story.provider.publish(&[]);
    for _ in 0..50 {
        assert_eq!(story.try_sign_in("mallory").await.status, 502);
    }
    assert_eq!(story.provider.requests(Keys).len(), 2);
}
