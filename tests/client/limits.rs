//! To whom the token goes, and to whom it does not.

use easyauth::client::{EasyAuthClient, RequestBody};
use http::{HeaderMap, Request, Response, StatusCode, header};
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

#[tokio::test]
async fn t_135_a_token_that_came_along_goes_no_further() {
    let fake = Fake::new();
    let client = fake.builder().build().unwrap();
    let user = fake.user();
    client.set_user(user.clone()).await.unwrap();
    let seen: Seen = Arc::default();
    let noted = Arc::clone(&seen);
    let network = service_fn(move |request: Request<RequestBody<AnyBody>>| {
        noted.lock().unwrap().push((String::new(), request.headers().clone()));
        async { Ok::<_, Infallible>(Response::new(full(""))) }
    });
    let service = client.layer().layer(network);
    let elsewhere = |token: &str| {
        Request::get("https://other.example/").header("x-zumo-auth", token).body(full("")).unwrap()
    };

    service.clone().oneshot(elsewhere(user.authentication_token().expose())).await.unwrap();
    service.oneshot(elsewhere("of the other application")).await.unwrap();

    let seen = seen.lock().unwrap();
    assert!(!seen[0].1.contains_key("x-zumo-auth"));
    assert_eq!(seen[1].1["x-zumo-auth"], "of the other application");
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
