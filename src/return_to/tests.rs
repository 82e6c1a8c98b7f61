use proptest::prelude::*;
use url::Url;

use super::*;

#[test]
fn oa_12_every_row_of_the_corpus_is_judged_as_it_says() {
    let rows: Vec<_> = include_str!("../../tests/data/redirects.tsv").lines().skip(1).collect();
    assert!(rows.len() > 100, "the corpus is not there");

    let failures: Vec<_> = rows.into_iter().filter_map(judge_row).collect();
    assert!(failures.is_empty(), "{} rows:\n{}", failures.len(), failures.join("\n"));
}

fn judge_row(row: &str) -> Option<String> {
    let columns: Vec<_> = row.split('\t').collect();
    let [verdict, origin, value, why] = columns.as_slice() else {
        return Some(format!("{row}: columns"));
    };
    let value: String = serde_json::from_str(value).unwrap();
    let judged = destinations_on(origin, &[]).parse(&value);
    let expected = match *verdict {
        "allow" => judged.is_ok(),
        "deny" => judged.is_err(),
        _ => false,
    };
    (!expected).then(|| format!("{verdict} {value:?} ({why}): {judged:?}"))
}

#[test]
fn oa_12_what_is_sent_is_what_a_parser_made_of_the_input() {
    for (raw, expected) in [
        ("/", "/"),
        ("/orders?x=1#frag", "/orders?x=1#frag"),
        ("/søk?q=blåbær#ø", "/s%C3%B8k?q=bl%C3%A5b%C3%A6r#%C3%B8"),
        ("/%e5%98%8a%E5%98%8Dx", "/%e5%98%8a%E5%98%8Dx"),
        ("/files/a%2Fb", "/files/a%2Fb"),
        ("/#", "/#"),
        ("/?", "/?"),
        ("/q?a='b'|c", "/q?a=%27b%27|c"),
        ("/go?u=https://evil.example", "/go?u=https://evil.example"),
        ("https://app.example", "/"),
        ("https://app.example?x", "/?x"),
        ("https://app.example#x", "/#x"),
        ("HTTPS://APP.example:443/Home", "/Home"),
    ] {
        assert_eq!(accepted(raw), expected, "{raw}");
    }
}

#[test]
fn oa_12_refusals_say_what_is_wrong_and_never_the_value() {
    use ReturnToError::{Character, Length, NotAllowed, OwnRoute, Path, Relative};

    for (raw, expected) in [
        ("", Length),
        (" /", Character),
        ("/a\\b", Character),
        ("/a\u{202e}b", Character),
        ("home", Relative),
        ("https:/app.example/", Relative),
        ("//evil.example", Path),
        ("/%2e%2e/x", Path),
        ("/%zz", Path),
        ("https://evil.example/", NotAllowed),
        ("http://app.example/", NotAllowed),
        ("https://app.example:444/", NotAllowed),
        ("javascript://app.example/%0aalert(1)", NotAllowed),
        ("/.auth/me", OwnRoute),
    ] {
        assert_eq!(destinations(&[]).parse(raw), Err(expected), "{raw:?}");
        assert!(raw.is_empty() || !expected.to_string().contains(raw));
    }
}

#[test]
fn oa_12_the_limit_holds_for_what_comes_in_and_for_what_goes_out() {
    let longest = format!("/{}", "a".repeat(MAX_LENGTH - 1));
    assert_eq!(accepted(&longest), longest);
    assert_eq!(destinations(&[]).parse(&format!("{longest}a")), Err(ReturnToError::Length));

    // Two bytes each that leave as six.
    let fits = format!("/{}", "ø".repeat(341));
    assert_eq!(accepted(&fits).len(), 2047);
    assert_eq!(destinations(&[]).parse(&format!("{fits}ø")), Err(ReturnToError::Length));
}

#[test]
fn our_own_routes_are_no_targets_but_the_landing_page_is() {
    assert_eq!(accepted("/.auth/login/done?x#token=1"), "/.auth/login/done?x#token=1");
    assert_eq!(accepted("https://app.example/.auth/login/complete"), "/.auth/login/complete");
    for raw in [
        "/.auth/login/done/",
        "/.auth/login/d%6fne",
        "/.auth;/login/done",
        "/%2eauth/login/done",
        "/.AUTH",
    ] {
        assert_eq!(destinations(&[]).parse(raw), Err(ReturnToError::OwnRoute), "{raw}");
    }

    let prefix = ApiPrefix::parse("/api/login").unwrap();
    let elsewhere = Destinations::new(app_origin(), prefix, &[""; 0]).unwrap();
    assert!(elsewhere.parse("/.auth/me").is_ok());
    assert!(elsewhere.parse("/api/x").is_ok());
    assert!(elsewhere.parse("/api/login/login/done").is_ok());
    for raw in ["/api/login/me", "/api//login/me", "/API/LOGIN", "/api%2flogin/me"] {
        assert_eq!(elsewhere.parse(raw), Err(ReturnToError::OwnRoute), "{raw}");
    }
}

#[test]
fn a_loopback_origin_over_http_is_an_origin_like_others() {
    let local = destinations_on("http://localhost:8080", &[]);

    assert_eq!(local.parse("http://localhost:8080/x").unwrap().as_str(), "/x");
    for raw in ["https://localhost:8080/x", "http://localhost/x", "http://127.0.0.1:8080/x"] {
        assert_eq!(local.parse(raw), Err(ReturnToError::NotAllowed), "{raw}");
    }
}

#[test]
fn oa_12_a_listed_page_is_admitted_and_nothing_beside_it() {
    let listed = destinations(&["https://spa.example/app"]);

    for (raw, expected) in [
        ("https://spa.example/app", "https://spa.example/app"),
        ("https://spa.example/app?x", "https://spa.example/app?x"),
        ("https://spa.example/app#ø", "https://spa.example/app#%C3%B8"),
        ("HTTPS://SPA.example:443/app", "https://spa.example/app"),
    ] {
        let target = listed.parse(raw).unwrap();
        assert_eq!(target.as_str(), expected);
        assert!(target.is_external());
        assert_eq!(ReturnTo::from_sealed(expected.to_owned()), Some(target));
    }
    for raw in [
        "https://spa.example/application",
        "https://spa.example/app/",
        "https://spa.example/app/sub",
        "https://spa.example/app/../x",
        "https://spa.example/x/../app",
        "https://spa.example/App",
        "https://spa.example/%61pp",
        "https://spa.example/",
        "https://spa.example",
        "http://spa.example/app",
        "https://spa.example:8443/app",
        "https://user@spa.example/app",
        "https://spa.example@evil.example/app",
        "https://evil.example/https://spa.example/app",
        "//spa.example/app",
    ] {
        assert!(listed.parse(raw).is_err(), "{raw}");
        assert!(listed.parse_mobile(raw).is_err(), "{raw}");
    }
    assert!(!listed.parse("https://app.example/").unwrap().is_external());
}

#[test]
fn oa_12_only_a_listed_url_with_a_slash_at_the_end_admits_what_is_below() {
    let listed = destinations(&["https://spa.example/app/", "https://whole.example/?ignored#too"]);

    for raw in [
        "https://spa.example/app/",
        "https://spa.example/app/sub?x",
        "https://whole.example/.auth/x",
    ] {
        assert_eq!(listed.parse(raw).unwrap().as_str(), raw);
    }
    for raw in [
        "https://spa.example/app",
        "https://spa.example/app/../x",
        "https://spa.example/app/%2e%2e/x",
        "https://spa.example/app/%252e%252e/x",
        "https://spa.example/app/..;/x",
        "https://spa.example/app/%5c",
        "https://spa.example//app/",
    ] {
        assert!(listed.parse(raw).is_err(), "{raw}");
    }
}

#[test]
fn oa_12_an_installed_application_is_a_target_of_mobile_logins_only() {
    let listed = destinations(&["myapp://easyauth.callback", "ms-app://s-1-15-2-3/"]);

    for (raw, expected) in [
        ("myapp://easyauth.callback", "myapp://easyauth.callback"),
        ("MyApp://easyauth.callback", "myapp://easyauth.callback"),
        ("myapp://easyauth.callback?a=ø#b", "myapp://easyauth.callback?a=%C3%B8#b"),
        ("ms-app://s-1-15-2-3/", "ms-app://s-1-15-2-3/"),
    ] {
        assert_eq!(listed.parse(raw), Err(ReturnToError::NotAllowed), "{raw}");
        let target = listed.parse_mobile(raw).unwrap();
        assert_eq!(target.as_str(), expected);
        assert!(target.is_external());
        assert_eq!(ReturnTo::from_sealed(expected.to_owned()), Some(target));
    }
    for raw in [
        "myapp://easyauth.callback/",
        "myapp://easyauth.callback.evil",
        "myapp://Easyauth.callback",
        "myapp://easyauth.callback:1",
        "myapp://x@easyauth.callback",
        "myapp:easyauth.callback",
        "myapp2://easyauth.callback",
        "ms-app://s-1-15-2-3",
        "myapp://easyauth.callback?\r\nx: y",
        "https://evil.example?myapp://easyauth.callback",
    ] {
        assert!(listed.parse_mobile(raw).is_err(), "{raw:?}");
    }
    assert_eq!(listed.parse_mobile("/orders").unwrap().as_str(), "/orders");
}

#[test]
fn oa_12_a_program_on_loopback_comes_back_to_any_port() {
    let listed = destinations(&[
        "http://127.0.0.1/easyauth.callback",
        "http://[::1]/easyauth.callback",
        "http://127.0.0.2:8080/easyauth.callback",
        "http://localhost/easyauth.callback",
        "https://spa.example/easyauth.callback",
    ]);

    for raw in [
        "http://127.0.0.1:49152/easyauth.callback",
        "http://[::1]:49152/easyauth.callback?x",
        "http://127.0.0.2:8080/easyauth.callback",
    ] {
        assert_eq!(listed.parse_mobile(raw).unwrap().as_str(), raw);
    }
    for raw in [
        "http://127.0.0.1:49152/",
        "http://127.0.0.1:49152/easyauth.callback/",
        "http://127.0.0.10:49152/easyauth.callback",
        "http://127.0.0.2:8081/easyauth.callback",
        "http://localhost:49152/easyauth.callback",
        "https://127.0.0.1:49152/easyauth.callback",
        "https://spa.example:8443/easyauth.callback",
        "http://127.0.0.1:49152@evil.example/easyauth.callback",
    ] {
        assert!(listed.parse_mobile(raw).is_err(), "{raw}");
    }
    // A browser's own login has no business there, and what is there may not ask in its name.
    assert!(listed.parse("http://127.0.0.1:49152/easyauth.callback").is_err());
    assert!(!listed.trusts_origin_of("http://127.0.0.1:49152"));
}

#[test]
fn a_listed_url_that_could_mean_too_much_is_a_configuration_error() {
    for entry in ["https://*.example/", "https://spa.example/*", "*", "myapp://*"] {
        let error = Destinations::new(app_origin(), ApiPrefix::default(), &[entry]).unwrap_err();
        assert_eq!(error, ExternalUrlError::Wildcard(entry.to_owned()));
    }
    for entry in
        ["http://spa.example/", "https://user@spa.example/", "https://", "https://spa.example:x/"]
    {
        let error = Destinations::new(app_origin(), ApiPrefix::default(), &[entry]).unwrap_err();
        assert!(matches!(error, ExternalUrlError::Origin(named, _) if named == entry), "{entry}");
    }
    for entry in [
        "",
        "spa.example",
        "/app",
        "//spa.example/",
        "https://spa.example/a b",
        "https://spa.example/../x",
        "https://spa.example//x",
        "myapp",
        "myapp:callback",
        "myapp://",
        "myapp://user@host",
        "://x",
        "1app://x",
        "javascript://x",
        "JavaScript://x",
        "data://x",
        "file:///etc/passwd",
        "intent://x",
    ] {
        let error = Destinations::new(app_origin(), ApiPrefix::default(), &[entry]).unwrap_err();
        assert_eq!(error, ExternalUrlError::Malformed(entry.to_owned()));
        assert!(error.to_string().starts_with("login.allowedExternalRedirectUrls: "));
    }
    assert!(
        Destinations::new(app_origin(), ApiPrefix::default(), &["http://localhost:3000/"]).is_ok()
    );
}

#[test]
fn a_request_is_come_back_to_if_it_is_a_target_itself() {
    for (uri, expected) in [
        ("/orders?x=1", "/orders?x=1"),
        ("/", "/"),
        ("https://evil.example/orders?x", "/orders?x"),
        ("/panel?left={%22a%22:[1]}^`", "/panel?left=%7B%22a%22:[1]%7D%5E%60"),
        ("/a?u=//x%2F&b=100%", "/a?u=//x%2F&b=100%"),
        ("/.auth/me", "/"),
        ("//evil.example/", "/"),
        ("/a/../b", "/"),
        ("/%5cevil.example", "/"),
        ("*", "/"),
        ("evil.example:443", "/"),
    ] {
        let uri: Uri = uri.parse().unwrap();
        assert_eq!(destinations(&[]).of_request(&uri).as_str(), expected, "{uri}");
    }

    let long: Uri = format!("/?{}", "a".repeat(MAX_LENGTH)).parse().unwrap();
    assert_eq!(destinations(&[]).of_request(&long), ReturnTo::default());
}

#[test]
fn what_was_sealed_must_still_have_the_form_of_a_target() {
    for text in ["/", "/a?b#c", "https://spa.example/app", "myapp://easyauth.callback"] {
        assert_eq!(ReturnTo::from_sealed(text.to_owned()).unwrap().as_str(), text);
    }
    for text in ["", "x", "//evil.example", "/a b", "/a\r\nb", "/é", "/\0", ":", "://x", "x?a://"]
    {
        assert_eq!(ReturnTo::from_sealed(text.to_owned()), None, "{text:?}");
    }
    assert_eq!(ReturnTo::from_sealed(format!("/{}", "a".repeat(MAX_LENGTH))), None);
}

proptest! {
    #[test]
    fn oa_12_whatever_is_accepted_stays_on_our_origin(raw in targets()) {
        let destinations = destinations(&["https://spa.example/app/", "myapp://easyauth.callback"]);
        let base = Url::parse("https://app.example/deep/in/the/app?x").unwrap();

        if let Ok(target) = destinations.parse(&raw) {
            let url = base.join(target.as_str()).unwrap();
            prop_assert!(!url.path().starts_with("//"));
            prop_assert!(target.as_str().bytes().all(|byte| byte.is_ascii_graphic()));
            if target.is_external() {
                prop_assert!(url.as_str().starts_with("https://spa.example/app/"));
            } else {
                prop_assert_eq!(url.origin(), base.origin());
            }
            // The browser's own reading of the input leads to the same place.
            prop_assert_eq!(base.join(&raw).unwrap(), url);
            prop_assert_eq!(destinations.parse(target.as_str()), Ok(target.clone()));
            prop_assert_eq!(ReturnTo::from_sealed(target.as_str().to_owned()), Some(target));
        }
    }

    #[test]
    fn arbitrary_text_is_judged_without_a_panic(raw in any::<String>()) {
        let listed = Destinations::new(app_origin(), ApiPrefix::default(), &[&raw]);
        let destinations = listed.unwrap_or_else(|_| destinations(&[]));
        let _ = destinations.parse(&raw);
        let _ = destinations.parse_mobile(&raw);
        let _ = ReturnTo::from_sealed(raw);
    }
}

/// Texts of the pieces that targets and attacks are made of.
fn targets() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "/",
        "//",
        "\\",
        ".",
        "..",
        "%2e",
        "%2f",
        "%5c",
        "%25",
        "%",
        ";",
        ":",
        "@",
        "?",
        "#",
        "a",
        "ø",
        "%c3%b8",
        "\t",
        "\n",
        "\u{200b}",
        "\u{ff0f}",
        "'",
        "|",
        "[",
        "]",
        ".auth",
        "login/done",
        "evil.example",
        "app",
    ]);
    let starts = prop::sample::select(vec![
        "",
        "/",
        "/a",
        "//",
        "https://app.example",
        "https://app.example/",
        "https://spa.example/app/",
        "https://",
        "HTTPS://APP.EXAMPLE:443",
        "http://app.example",
        "myapp://easyauth.callback",
    ]);
    (starts, prop::collection::vec(pieces, 0..8))
        .prop_map(|(start, pieces)| start.to_owned() + &pieces.concat())
}

fn accepted(raw: &str) -> String {
    destinations(&[]).parse(raw).unwrap().as_str().to_owned()
}

fn destinations(allowed: &[&str]) -> Destinations {
    destinations_on("https://app.example", allowed)
}

fn destinations_on(origin: &str, allowed: &[&str]) -> Destinations {
    let origin = PublicOrigin::parse(origin).unwrap();
    Destinations::new(origin, ApiPrefix::default(), allowed).unwrap()
}

fn app_origin() -> PublicOrigin {
    PublicOrigin::parse("https://app.example").unwrap()
}
