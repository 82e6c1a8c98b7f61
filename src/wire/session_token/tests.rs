use http::HeaderValue;

use super::*;

const NOW: Timestamp = Timestamp::from_unix(1_760_000_000);
const ORIGIN: &str = "https://app.example/";

fn key(seed: u8, length: u8) -> Key {
    let bytes: Vec<u8> = (0..length).map(|step: u8| step.wrapping_mul(7) ^ seed).collect();
    Key::from_bytes(&bytes).unwrap()
}

fn tokens(keys: &[Key]) -> SessionTokens {
    SessionTokens::new(keys, ORIGIN).unwrap()
}

fn handle() -> SessionHandle {
    SessionHandle {
        user: UserKey::new([0xab; 16]),
        session: SessionId::new([7; 16]),
        generation: 3,
        created_at: NOW,
        expires_at: Timestamp::from_unix(1_760_003_600),
    }
}

fn op() -> ProviderId {
    ProviderId::parse("op").unwrap()
}

fn token() -> String {
    tokens(&[key(0, 32)]).encode(&handle(), &op(), NOW).expose().clone()
}

fn part(token: &str, index: usize) -> String {
    let part = token.split('.').nth(index).unwrap();
    String::from_utf8(URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

/// A token of exactly this header and these claims, signed with `key` by HS256.
fn signed(key: &Key, header: &str, claims: &str) -> String {
    let text = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.bytes());
    let signature = URL_SAFE_NO_PAD.encode(hmac::sign(&key, text.as_bytes()));
    format!("{text}.{signature}")
}

fn decoded(token: &str) -> Option<SessionHandle> {
    tokens(&[key(0, 32)]).decode(token.as_bytes(), NOW)
}

const HEADER: &str = r#"{"typ":"JWT","alg":"HS256"}"#;

#[test]
fn a_token_is_written_as_the_original_writes_it_and_read_back() {
    let token = token();

    assert_eq!(part(&token, 0), HEADER);
    assert_eq!(
        part(&token, 1),
        concat!(
            r#"{"stable_sid":"sid:abababababababababababababababab","#,
            r#""sub":"sid:abababababababababababababababab","idp":"op","ver":"3","#,
            r#""iss":"https://app.example/","aud":"https://app.example/","#,
            r#""exp":1760003600,"nbf":1759999940,"#,
            r#""session_id":"BwcHBwcHBwcHBwcHBwcHBw","session_generation":3,"#,
            r#""session_start":1760000000}"#
        )
    );
    assert_eq!(decoded(&token), Some(handle()));
}

#[test]
fn the_token_that_the_originals_server_sdk_is_tested_with_verifies() {
    let key =
        Key::parse("69dfd814c383dda4ea7aaeb26e605d419011e7ef3863d5cd2eee7a3607ec8f4d").unwrap();
    let published = "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.\
        eyJ1aWQiOiJmYWNlYm9vazoxMjM0IiwiYXVkIjoiaHR0cHM6Ly9mYWtlc2l0ZS5mYWtlYXp1cmV3ZWJzaXRlcy5uZXQvIiwiaXNzIjoiaHR0cHM6Ly9mYWtlc2l0ZS5mYWtlYXp1cmV3ZWJzaXRlcy5uZXQvIiwibmJmIjoxNDQ2Mjg0OTkzfQ.\
        0tActGDSsR-5q8AbtNT3deiGMb525nbUg6wkvTd9ZQ0";
    let tokens =
        SessionTokens::new(std::slice::from_ref(&key), "https://fakesite.fakeazurewebsites.net/")
            .unwrap();

    let payload = tokens.verify(published.as_bytes()).unwrap();

    assert!(payload.starts_with(br#"{"uid":"facebook:1234","aud":"https://fakesite."#));
    assert_eq!(SigningKey::new(&key).sign(&payload), published, "and is signed the same");
    assert_eq!(tokens.decode(published.as_bytes(), NOW), None, "it names no session, and no end");
}

#[test]
fn the_keys_length_decides_the_algorithm() {
    for (length, algorithm, bytes) in [
        (32, "HS256", 32),
        (33, "HS384", 48),
        (48, "HS384", 48),
        (49, "HS512", 64),
        (64, "HS512", 64),
    ] {
        let tokens = tokens(&[key(0, length)]);
        let token = tokens.encode(&handle(), &op(), NOW).expose().clone();

        assert_eq!(part(&token, 0), format!(r#"{{"typ":"JWT","alg":"{algorithm}"}}"#));
        let signature = token.split('.').nth(2).unwrap();
        assert_eq!(URL_SAFE_NO_PAD.decode(signature).unwrap().len(), bytes);
        assert_eq!(tokens.decode(token.as_bytes(), NOW), Some(handle()), "{length}");
    }
}

#[test]
fn the_first_key_makes_and_all_verify() {
    let old = token();
    let rotated = tokens(&[key(9, 64), key(0, 32)]);
    let new = rotated.encode(&handle(), &op(), NOW).expose().clone();

    assert_eq!(rotated.decode(old.as_bytes(), NOW), Some(handle()));
    assert_eq!(rotated.decode(new.as_bytes(), NOW), Some(handle()));
    assert_eq!(decoded(&new), None);
    assert_eq!(tokens(&[key(9, 64)]).decode(old.as_bytes(), NOW), None);
}

#[test]
fn t_80_no_other_header_is_read_whoever_signed_it() {
    let claims = part(&token(), 1);
    for header in [
        r#"{"alg":"HS256","typ":"JWT"}"#,
        r#"{"typ":"JWT","alg":"HS256","kid":"1"}"#,
        r#"{"typ":"JWT","alg":"none"}"#,
        r#"{"typ":"JWT","alg":"RS256"}"#,
        r#"{"typ":"JWT","alg":"HS384"}"#,
        r#"{"typ":"JWT","alg":"HS256","crit":["exp"]}"#,
        r#"{"typ":"at+jwt","alg":"HS256"}"#,
        r#"{"alg":"HS256"}"#,
        "{}",
        "",
    ] {
        assert_eq!(decoded(&signed(&key(0, 32), header, &claims)), None, "{header}");
    }
    assert_eq!(decoded(&signed(&key(0, 32), HEADER, &claims)), Some(handle()));
    assert_eq!(decoded(&signed(&key(1, 32), HEADER, &claims)), None, "another key");
    let unsigned = token();
    let (unsigned, _) = unsigned.rsplit_once('.').unwrap();
    for rest in ["", ".", "..", ".AA", "."] {
        assert_eq!(decoded(&format!("{unsigned}{rest}")), None, "{rest}");
    }
}

#[test]
fn t_80_every_claim_must_be_there_and_be_ours() {
    let claims = part(&token(), 1);
    for (from, to) in [
        (r#""iss":"https://app.example/""#, r#""iss":"https://app.example""#),
        (r#""iss":"https://app.example/""#, r#""iss":"http://app.example/""#),
        (r#""aud":"https://app.example/""#, r#""aud":"https://other.example/""#),
        (r#""aud":"https://app.example/""#, r#""aud":["https://app.example/"]"#),
        (r#""iss":"https://app.example/","#, ""),
        (r#""aud":"https://app.example/","#, ""),
        (r#""exp":1760003600,"#, ""),
        (r#""exp":1760003600"#, r#""exp":"1760003600""#),
        (r#""exp":1760003600"#, r#""exp":1760003600.5"#),
        (r#""exp":1760003600"#, r#""exp":1e300"#),
        (r#""exp":1760003600"#, r#""exp":9223372036854775808"#),
        (r#""exp":1760003600"#, r#""exp":null"#),
        (r#""exp":1760003600"#, r#""exp":1760003600,"exp":1760003601"#),
        (r#""exp":1760003600"#, r#""exp":1759999940"#),
        (r#""nbf":1759999940"#, r#""nbf":1760000001"#),
        (r#""nbf":1759999940,"#, ""),
        (r#""ver":"3""#, r#""ver":3"#),
        (r#""ver":"3""#, r#""ver":"4""#),
        (r#""ver":"3","#, ""),
        (r#""sub":"sid:ab"#, r#""sub":"sid:bb"#),
        (r#"sid:ab"#, r#"sid:AB"#),
        (r#"sid:ab"#, r#"sid:+b"#),
        (r#"sid:ab"#, r#"sid:ababab"#),
        (r#"sid:ab"#, r#"ab"#),
        (r#""stable_sid":"#, r#""stable":"#),
        (r#""session_id":"BwcH"#, r#""session_id":""#),
        (r#""session_id":"#, r#""session":"#),
        (r#""session_generation":3"#, r#""session_generation":-3"#),
        (r#""session_generation":3,"#, ""),
        (r#"}"#, ""),
        (r#"}"#, "}}"),
    ] {
        let changed = claims.replace(from, to);
        assert_ne!(changed, claims, "{from}");
        assert_eq!(decoded(&signed(&key(0, 32), HEADER, &changed)), None, "{from} -> {to}");
    }
    let more = claims.replace('}', r#","later":{"x":[1]}}"#);
    assert_eq!(
        decoded(&signed(&key(0, 32), HEADER, &more)),
        Some(handle()),
        "members may be added"
    );
}

#[test]
fn t_30_jw_10_no_bit_of_a_token_can_be_changed_and_it_has_one_spelling() {
    let token = token();
    for position in 0..token.len() {
        for bit in 0..8 {
            let mut forged = token.clone().into_bytes();
            forged[position] ^= 1 << bit;
            let tokens = tokens(&[key(0, 32)]);
            assert_eq!(tokens.decode(&forged, NOW), None, "bit {bit} of {position}");
        }
        assert_eq!(decoded(&token[..position]), None, "{position}");
    }
    for other in [
        format!("{token}="),
        format!("{token}."),
        format!(" {token}"),
        format!("{token} "),
        format!("Bearer {token}"),
        token.replace('.', ".."),
        ".".repeat(1 << 20),
        String::new(),
    ] {
        assert_eq!(decoded(&other), None);
    }
}

#[test]
fn two_tokens_in_one_request_prove_nothing() {
    let mut request = HeaderMap::new();
    assert_eq!(find(&request), None);
    request.append(&NAME, HeaderValue::from_static("one"));
    assert_eq!(find(&request), Some(&b"one"[..]));
    request.append(&NAME, HeaderValue::from_static("one"));
    assert_eq!(find(&request), Some(&b""[..]));
    strip(&mut request);
    assert!(request.is_empty());
}
