use super::*;
use crate::clock::Timestamp;
use crate::pending_login::Landing;
use crate::principal::{Issuer, ProviderId};

fn pending() -> PendingLogin {
    PendingLogin {
        id: LoginId::new(Timestamp::from_unix(1), [2; 8]),
        provider: ProviderId::parse("op").unwrap(),
        issuer: Issuer::new("https://op.example"),
        state: "00000000010202020202020202.secret".into(),
        nonce: "the-nonce".into(),
        // The verifier of RFC 7636, appendix B.
        code_verifier: "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk".into(),
        landing: Landing::default(),
        started_at: Timestamp::from_unix(1),
        max_age: None,
        request_token: None,
        replaces: None,
    }
}

fn url(endpoint: &str, mode: ResponseMode, further: &[(&str, &str)]) -> String {
    styled_url(endpoint, Style::OPENID, "openid profile email", mode, further)
}

fn styled_url(
    endpoint: &str,
    style: Style,
    scope: &str,
    mode: ResponseMode,
    further: &[(&str, &str)],
) -> String {
    let further: Vec<_> =
        further.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
    let request = AuthorizationRequest {
        endpoint: &Url::parse(endpoint).unwrap(),
        client_id: "web",
        redirect_uri: "https://app.example/.auth/login/op/callback",
        scope,
        response_type: ResponseType::Code,
        response_mode: mode,
        style,
        pending: &pending(),
        further: &further,
    };
    request.url().to_string()
}

#[test]
fn oc_01_the_request_has_every_parameter_once_in_the_originals_order() {
    assert_eq!(
        url("https://op.example/auth", ResponseMode::FormPost, &[("prompt", "consent")]),
        "https://op.example/auth?response_type=code\
         &redirect_uri=https%3A%2F%2Fapp.example%2F.auth%2Flogin%2Fop%2Fcallback\
         &client_id=web&scope=openid+profile+email&response_mode=form_post&prompt=consent\
         &code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM\
         &code_challenge_method=S256&nonce=the-nonce\
         &state=00000000010202020202020202.secret"
    );
}

#[test]
fn a_provider_without_openid_gets_no_nonce_and_one_without_scopes_no_scope() {
    let style = |response_type, pkce| Style { response_type, pkce, nonce: false };
    let query = |style, scope| {
        styled_url("https://op.example/auth", style, scope, ResponseMode::Query, &[])
            .replace("https://op.example/auth?", "")
            .replace("https%3A%2F%2Fapp.example%2F.auth%2Flogin%2Fop%2Fcallback", "CALLBACK")
            .replace("00000000010202020202020202.secret", "STATE")
    };

    assert_eq!(
        query(style(true, false), "user"),
        "response_type=code&redirect_uri=CALLBACK&client_id=web&scope=user&state=STATE"
    );
    assert_eq!(query(style(false, false), ""), "client_id=web&redirect_uri=CALLBACK&state=STATE");
    assert_eq!(
        query(style(false, true), ""),
        "client_id=web&redirect_uri=CALLBACK\
         &code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256\
         &state=STATE"
    );
}

#[test]
fn oc_01_no_further_parameter_replaces_or_doubles_one_of_ours() {
    let mut further: Vec<_> = RESERVED.iter().map(|name| (*name, "evil")).collect();
    further.extend([("scope", "evil"), ("prompt", "first"), ("prompt", "second")]);
    let url = url("https://op.example/auth?p=policy&state=evil", ResponseMode::Query, &further);
    let url = Url::parse(&url).unwrap();

    let mut names: Vec<_> = url.query_pairs().map(|(name, _)| name.into_owned()).collect();
    assert!(!url.as_str().contains("evil") && !url.as_str().contains("second"));
    assert_eq!(names[0], "p");
    names.sort_unstable();
    let all = names.len();
    names.dedup();
    assert_eq!(names.len(), all);
}

#[test]
fn what_a_visitor_passes_stays_one_value() {
    let url = url("https://op.example/auth", ResponseMode::Query, &[("login_hint", "a&scope=b#c")]);

    assert!(url.contains("login_hint=a%26scope%3Db%23c"));
}

fn verify(response: &str, iss_promised: bool) -> Result<VerifiedResponse, CallbackError> {
    let iss = if iss_promised { IssParameter::Promised } else { IssParameter::Possible };
    AuthorizationResponse::parse(response.as_bytes())?.verify(pending(), iss)
}

#[test]
fn an_issuer_that_no_provider_can_know_is_not_compared() {
    let response = format!("code=a&iss=https://git.example/oauth&{STATE}");
    let response = AuthorizationResponse::parse(response.as_bytes()).unwrap();

    assert!(response.verify(pending(), IssParameter::Meaningless).is_ok());
}

const STATE: &str = "state=00000000010202020202020202.secret";

#[test]
fn a_response_that_answers_the_login_gives_its_code() {
    for response in [
        format!("code=abc&{STATE}"),
        format!("{STATE}&code=abc&session_state=x%2By&unknown=1&unknown=2&"),
        format!("code=abc&{STATE}&iss=https%3A%2F%2Fop.example"),
    ] {
        let Ok(VerifiedResponse::Code(verified)) = verify(&response, false) else {
            panic!("{response}")
        };
        assert!(verified.code().matches("abc"));
    }
    let parsed = AuthorizationResponse::parse(format!("code=abc&{STATE}").as_bytes()).unwrap();
    assert_eq!(parsed.login_id(), Some(pending().id));
}

#[test]
fn oa_08_a_foreign_or_missing_issuer_ends_the_login_also_on_errors() {
    for (response, promised, expected) in [
        ("code=a&iss=https://evil.example", false, CallbackError::IssuerMismatch),
        ("code=a&iss=https://op.example/", true, CallbackError::IssuerMismatch),
        ("code=a&iss=", false, CallbackError::IssuerMismatch),
        ("error=access_denied&iss=https://evil.example", true, CallbackError::IssuerMismatch),
        ("code=a", true, CallbackError::IssuerMissing),
        ("error=access_denied", true, CallbackError::IssuerMissing),
    ] {
        let response = format!("{response}&{STATE}");
        assert_eq!(verify(&response, promised).err(), Some(expected), "{response}");
    }
}

#[test]
fn oc_28_a_known_parameter_twice_is_refused() {
    for name in ["code", "state", "iss", "error", "error_description"] {
        for response in [format!("{name}=a&{name}=a"), format!("{name}=a&x=1&{name}")] {
            let parsed = AuthorizationResponse::parse(response.as_bytes());
            assert_eq!(parsed.err(), Some(CallbackError::Duplicate(name)), "{response}");
        }
    }
    let escaped = AuthorizationResponse::parse(b"code=a&c%6Fde=b");
    assert_eq!(escaped.err(), Some(CallbackError::Duplicate("code")));
}

#[test]
fn a_malformed_or_empty_response_is_refused() {
    for (response, expected) in [
        ("", CallbackError::Neither),
        ("state=a", CallbackError::Neither),
        ("code=&state=a", CallbackError::Neither),
        ("code=a", CallbackError::NoState),
        ("code=a&state=", CallbackError::NoState),
        ("code=%ff&state=a", CallbackError::Malformed),
        ("code=a&state=other", CallbackError::StateMismatch),
        ("code=a&state=00000000010202020202020202.secre", CallbackError::StateMismatch),
    ] {
        assert_eq!(verify(response, false).err(), Some(expected), "{response}");
    }
}

#[test]
fn oc_25_a_refusal_of_the_provider_is_kept_short_and_plain() {
    let hostile = format!(
        "error=access_denied%3Cscript%3E&error_description=%0D%0A%3Cb%3E%E2%80%AE{}&{STATE}",
        "x".repeat(65_536)
    );
    let Ok(VerifiedResponse::Refused(error)) = verify(&hostile, false) else { panic!() };

    assert_eq!(error.code, "access_deniedscript");
    assert_eq!(error.aadsts, None);
}

#[test]
fn of_a_description_only_entra_ids_number_is_kept() {
    for (description, expected) in [
        ("AADSTS65004%3A+User+declined", Some(65_004)),
        ("AADSTS50105", Some(50_105)),
        ("AADSTS", None),
        ("AADSTS%2B1", None),
        ("AADSTS99999999999", None),
        ("see+AADSTS65004", None),
        ("", None),
    ] {
        let answer = format!("error=access_denied&error_description={description}&{STATE}");
        let Ok(VerifiedResponse::Refused(error)) = verify(&answer, false) else { panic!() };
        assert_eq!(error.aadsts, expected, "{description}");
    }
}

#[test]
fn an_error_beside_a_code_is_an_error() {
    let both = verify(&format!("code=a&error=access_denied&{STATE}"), false);

    assert!(matches!(both, Ok(VerifiedResponse::Refused(_))));
}

#[test]
fn a_request_for_an_id_token_beside_the_code_has_the_answer_posted() {
    let request = AuthorizationRequest {
        endpoint: &Url::parse("https://op.example/auth").unwrap(),
        client_id: "web",
        redirect_uri: "https://app.example/cb",
        scope: "openid",
        response_type: ResponseType::CodeIdToken,
        response_mode: ResponseMode::Query,
        style: Style::OPENID,
        pending: &pending(),
        further: &[],
    };

    assert!(request.url().as_str().starts_with(
        "https://op.example/auth?response_type=code+id_token\
         &redirect_uri=https%3A%2F%2Fapp.example%2Fcb&client_id=web&scope=openid\
         &response_mode=form_post&code_challenge="
    ));
}

#[test]
fn oa_09_an_id_token_beside_the_code_stands_for_a_promised_issuer_and_nothing_else_does() {
    let verify = |beside: &str| {
        let state = pending().state.expose().clone();
        let response = format!("state={state}&{beside}");
        let response = AuthorizationResponse::parse(response.as_bytes()).unwrap();
        response.verify(pending(), IssParameter::OrIdToken).err()
    };

    assert_eq!(verify("code=c&id_token=a.b.c"), None);
    assert_eq!(verify("code=c&iss=https://op.example"), None);
    for missing in ["code=c", "code=c&id_token=", "error=access_denied&id_token=a.b.c"] {
        assert_eq!(verify(missing), Some(CallbackError::IssuerMissing), "{missing}");
    }
    let foreign = "code=c&id_token=a.b.c&iss=https://evil.example";
    assert_eq!(verify(foreign), Some(CallbackError::IssuerMismatch));
}

#[test]
fn what_comes_beside_the_code_is_kept_with_it() {
    let read = |beside: &str| {
        let state = pending().state.expose().clone();
        let response = format!("code=c&state={state}{beside}");
        let response = AuthorizationResponse::parse(response.as_bytes()).unwrap();
        let VerifiedResponse::Code(code) =
            response.verify(pending(), IssParameter::Possible).unwrap()
        else {
            panic!("no code")
        };
        (code.id_token().map(|token| token.expose().clone()), code.user().map(str::to_owned))
    };

    assert_eq!(read("&id_token=a.b.c&user=%7B%7D"), (Some("a.b.c".into()), Some("{}".into())));
    assert_eq!(read("&id_token="), (None, None));
    let twice = b"code=c&state=s&id_token=a&id_token=b";
    assert_eq!(
        AuthorizationResponse::parse(twice).err(),
        Some(CallbackError::Duplicate("id_token"))
    );
}
