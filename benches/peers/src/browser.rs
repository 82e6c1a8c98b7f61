//! A browser that signs in: it keeps cookies and follows redirects between application and provider.

use std::collections::BTreeMap;
use std::fmt::Debug;

use axum::body::Body;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, header};
use tower::{Service, ServiceExt};
use url::Url;

/// Where the application believes to be. Nothing listens there.
pub const ORIGIN: &str = "http://127.0.0.1:9";

/// What a browser sends once somebody has signed in at `app`, beginning at the path `start`.
pub async fn signed_in<S, B>(app: &S, start: &str) -> HeaderMap
where
    S: Service<Request<Body>, Response = Response<B>> + Clone,
    S::Error: Debug,
{
    headers(&sign_in(app, start).await)
}

/// The same for us, so many times as the session is refreshed: each time with another cookie, that
/// has never been sent.
pub async fn refreshed<S, B>(app: &S, start: &str, times: usize) -> Vec<HeaderMap>
where
    S: Service<Request<Body>, Response = Response<B>> + Clone,
    S::Error: Debug,
{
    let mut cookies = sign_in(app, start).await;
    let refresh = Url::parse(ORIGIN).unwrap().join("/.auth/refresh").unwrap();
    let mut fresh = Vec::with_capacity(times);
    for _ in 0..times {
        let response = visit(app, &refresh, &headers(&cookies)).await;
        assert_eq!(response.status(), StatusCode::OK);
        keep(&mut cookies, response.headers());
        fresh.push(headers(&cookies));
    }
    fresh
}

async fn sign_in<S, B>(app: &S, start: &str) -> BTreeMap<String, String>
where
    S: Service<Request<Body>, Response = Response<B>> + Clone,
    S::Error: Debug,
{
    let mut cookies = BTreeMap::new();
    let mut next = Some(Url::parse(ORIGIN).unwrap().join(start).unwrap());
    while let Some(here) = next {
        let location = if here.as_str().starts_with(ORIGIN) {
            let response = visit(app, &here, &headers(&cookies)).await;
            keep(&mut cookies, response.headers());
            response.headers().get(header::LOCATION).cloned()
        } else {
            ask_provider(&here).await
        };
        let location = location.map(|location| location.to_str().unwrap().to_owned());
        // The page after the sign-in need not be visited.
        next = location.filter(|to| to != "/").map(|to| here.join(&to).unwrap());
    }
    cookies
}

/// The status that the application answers `headers` with.
pub async fn status<S, B>(app: &S, headers: &HeaderMap) -> StatusCode
where
    S: Service<Request<Body>, Response = Response<B>> + Clone,
    S::Error: Debug,
{
    visit(app, &Url::parse(ORIGIN).unwrap(), headers).await.status()
}

async fn visit<S, B>(app: &S, url: &Url, headers: &HeaderMap) -> Response<B>
where
    S: Service<Request<Body>, Response = Response<B>> + Clone,
    S::Error: Debug,
{
    let path = &url[url::Position::BeforePath..];
    let mut request = Request::get(path).body(Body::empty()).unwrap();
    *request.headers_mut() = headers.clone();
    app.clone().oneshot(request).await.unwrap()
}

async fn ask_provider(url: &Url) -> Option<HeaderValue> {
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
    let response = client.build().unwrap().get(url.as_str()).send().await.unwrap();
    let location = response.headers().get("location").expect("the provider redirects");
    HeaderValue::from_bytes(location.as_bytes()).ok()
}

fn keep(cookies: &mut BTreeMap<String, String>, response: &HeaderMap) {
    for line in response.get_all(header::SET_COOKIE) {
        let pair = line.to_str().unwrap().split(';').next().unwrap();
        let (name, value) = pair.split_once('=').unwrap();
        if value == "deleted" {
            cookies.remove(name);
        } else {
            cookies.insert(name.to_owned(), value.to_owned());
        }
    }
}

fn headers(cookies: &BTreeMap<String, String>) -> HeaderMap {
    let cookies = cookies.iter().map(|(name, value)| format!("{name}={value}"));
    let others = OTHER_COOKIES.map(str::to_owned);
    let cookies = others.into_iter().chain(cookies).collect::<Vec<_>>().join("; ");
    let browser = BROWSER.iter().map(|(name, value)| (*name, (*value).to_owned()));
    browser
        .chain([("cookie", cookies)])
        .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::try_from(value).unwrap()))
        .collect()
}

const BROWSER: [(&str, &str); 11] = [
    ("host", "127.0.0.1:9"),
    ("connection", "keep-alive"),
    ("cache-control", "max-age=0"),
    ("upgrade-insecure-requests", "1"),
    ("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0"),
    ("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
    ("accept-encoding", "gzip, deflate, br, zstd"),
    ("accept-language", "en-GB,en;q=0.7,mi;q=0.3"),
    ("sec-fetch-dest", "document"),
    ("sec-fetch-mode", "navigate"),
    ("sec-fetch-site", "same-origin"),
];

/// What else a site has a browser keep.
const OTHER_COOKIES: [&str; 3] = [
    "_ga=GA1.1.1583412345.1760000000",
    "theme=dark",
    "consent=eyJhbmFseXRpY3MiOnRydWUsImFkcyI6ZmFsc2UsInZlcnNpb24iOjN9",
];
