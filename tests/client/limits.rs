//! To whom the token goes, and to whom it does not.

use easyauth::client::{AsIs, EasyAuthClient, RequestBody, User};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use tower::{Layer as _, ServiceBuilder, ServiceExt as _, service_fn};
use tower_http::follow_redirect::FollowRedirectLayer;

use crate::fake::{AnyBody, Fake, ORIGIN, full, get, send};

#[tokio::test]
async fn the_token_replaces_what_was_there() {
    let fake = Fake::new();
    let client = fake.builder().build().unwrap();
    let user = fake.user();
    client.set_user(user.clone()).await.unwrap();
    let mut request = get("/");
    for value in ["old", "older"] {
        request.headers_mut().append("x-zumo-auth", value.parse().unwrap());
    }

    assert_eq!(send(&client, &fake, request).await.status, 200);

    let headers = fake.served()[0].headers.clone();
    let tokens: Vec<_> = headers.get_all("x-zumo-auth").iter().collect();
    assert_eq!(tokens, [user.authentication_token().expose().as_str()]);
    assert!(!headers.contains_key("x-zumo-version"));
}

#[tokio::test]
async fn a_stranger_says_that_it_is_no_browser() {
    let fake = Fake::new();
    let client = fake.builder().build().unwrap();

    send(&client, &fake, get("/")).await;

    let headers = fake.tell(|state| state.refused[0].headers.clone());
    assert!(headers["x-zumo-version"].to_str().unwrap().starts_with("ZUMO/2.0 (lang=Rust"));
    assert!(!headers.contains_key("x-zumo-auth"));
}

/// Answers `/` of the application with a redirect to `location`, and notes what it gets.
type Seen = Arc<Mutex<Vec<(String, HeaderMap)>>>;

async fn redirected(client: &EasyAuthClient, location: &'static str) -> Vec<(String, HeaderMap)> {
    let seen: Seen = Arc::default();
    let network = {
        let seen = Arc::clone(&seen);
        service_fn(move |request: Request<RequestBody<AnyBody>>| {
            let uri = request.uri().to_string();
            seen.lock().unwrap().push((uri.clone(), request.headers().clone()));
            let mut response = Response::new(full(""));
            if uri == format!("{ORIGIN}/") {
                *response.status_mut() = StatusCode::TEMPORARY_REDIRECT;
                response.headers_mut().insert(header::LOCATION, location.parse().unwrap());
            }
            async move { Ok::<_, Infallible>(response) }
        })
    };
    let service = ServiceBuilder::new()
        .layer(FollowRedirectLayer::new())
        .layer(client.layer())
        .service(network);
    service.oneshot(Request::get(format!("{ORIGIN}/")).body(full("")).unwrap()).await.unwrap();
    seen.lock().unwrap().clone()
}

#[tokio::test]
async fn t_135_the_token_does_not_follow_a_redirect_to_somebody_else() {
    let fake = Fake::new();
    let client = fake.builder().build().unwrap();
    client.set_user(fake.user()).await.unwrap();
    for location in [
        "https://evil.example/",
        "http://app.example/",
        "https://app.example:444/",
        "https://app.example.evil.example/",
        "//evil.example/",
    ] {
        let seen = redirected(&client, location).await;
        assert_eq!(seen.len(), 2, "{location}");
        assert!(seen[0].1.contains_key("x-zumo-auth"));
        assert!(!seen[1].1.contains_key("x-zumo-auth"), "{location}");
    }
    let seen = redirected(&client, "/elsewhere").await;
    assert!(seen[1].1.contains_key("x-zumo-auth"));
}

/// The tokens that reach the network.
#[derive(Clone)]
struct Arrived(Vec<HeaderValue>);

async fn note<B>(request: Request<B>) -> Result<Response<AnyBody>, Infallible> {
    let tokens = request.headers().get_all("x-zumo-auth").iter().cloned().collect();
    let mut response = Response::new(full(""));
    response.extensions_mut().insert(Arrived(tokens));
    Ok(response)
}

fn arrived<B>(response: &Response<B>) -> Vec<HeaderValue> {
    response.extensions().get::<Arrived>().unwrap().0.clone()
}

#[tokio::test]
async fn t_135_a_token_that_came_along_goes_no_further() {
    let fake = Fake::new();
    let client = fake.builder().build().unwrap();
    let before = fake.user();
    let user = fake.user();
    client.set_user(before.clone()).await.unwrap();
    client.set_user(user.clone()).await.unwrap();
    let (before, user) = (before.authentication_token(), user.authentication_token());
    let (before, user) = (before.expose().as_str(), user.expose().as_str());
    let service = client.layer().layer(service_fn(note::<RequestBody<AnyBody>>));

    for tokens in [&[user][..], &[before], &["another", user], &[user, before], &["unknown"]] {
        let mut request = Request::get("https://other.example/").body(full("")).unwrap();
        for token in tokens {
            request.headers_mut().append("x-zumo-auth", token.parse().unwrap());
        }
        let mut as_is = request.headers().clone();
        let response = service.clone().oneshot(request).await.unwrap();
        assert!(arrived(&response).is_empty(), "{tokens:?}");

        // But for a program that says that it knows.
        let mut request = Request::get("https://other.example/").body(full("")).unwrap();
        std::mem::swap(request.headers_mut(), &mut as_is);
        request.extensions_mut().insert(AsIs);
        let response = service.clone().oneshot(request).await.unwrap();
        assert_eq!(arrived(&response), *tokens);
    }
}

#[tokio::test]
async fn t_135_layers_of_two_applications_leave_each_other_their_tokens() {
    let (fake, other) = (Fake::new(), Fake::at("https://other.example"));
    let (client, others) = (fake.builder().build().unwrap(), other.builder().build().unwrap());
    let (user, theirs) = (fake.user(), other.user_with("theirs"));
    client.set_user(user.clone()).await.unwrap();
    others.set_user(theirs.clone()).await.unwrap();
    let service = ServiceBuilder::new()
        .layer(client.layer())
        .layer(others.layer())
        .service(service_fn(note::<RequestBody<RequestBody<AnyBody>>>));

    for (uri, user) in [
        (ORIGIN, Some(user)),
        ("https://other.example", Some(theirs)),
        ("https://evil.example", None),
    ] {
        let request = Request::get(format!("{uri}/")).body(full("")).unwrap();
        let response = service.clone().oneshot(request).await.unwrap();
        let tokens: Vec<_> = user.iter().map(User::authentication_token).collect();
        let tokens: Vec<_> = tokens.iter().map(|token| token.expose().as_str()).collect();
        assert_eq!(arrived(&response), tokens, "{uri}");
    }
}

#[tokio::test]
async fn a_401_of_somebody_else_is_theirs() {
    let fake = Fake::new();
    let client = fake.stale();
    let request = Request::get("https://other.example/").body(full("")).unwrap();

    let answer = send(&client, &fake, request).await;

    assert_eq!((answer.status, fake.refreshes()), (401, 0));
    assert!(!fake.tell(|state| state.refused[0].headers.contains_key("x-zumo-auth")));
}

#[test]
fn an_application_on_another_machine_is_reached_by_https_only() {
    for origin in ["http://app.example", "app.example", "https://app.example/path", ""] {
        assert!(EasyAuthClient::builder(origin).build().is_err(), "{origin}");
    }
    assert!(EasyAuthClient::builder("http://localhost:8080").build().is_ok());
}
