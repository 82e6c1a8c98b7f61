//! The newcomer's minute: `cargo run --example quickstart`.
//!
//! An axum application behind the layer, with a sign-in provider of its own that runs inside this
//! program. Options: `--listen 127.0.0.1:PORT` (default 8080, or a free port if that is taken) and
//! `--state DIR` (default: a temporary directory, removed at the end).

#![allow(clippy::print_stdout, reason = "it tells people where to look")]

mod view;

use std::error::Error;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::{fs, io};

use axum::Router;
use axum::http::{HeaderMap, HeaderName, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::get;
use easyauth::dev_idp::DevIdp;
use easyauth::provider::OpenIdConnect;
use easyauth::{Config, EasyAuthLayer, Principal, Unauthenticated};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse(std::env::args().skip(1))?;
    let temporary = tempfile::tempdir()?;
    let state = options.state.unwrap_or_else(|| temporary.path().to_owned());
    let listener = bind(options.listen).await?;
    let address = listener.local_addr()?;
    let provider_address = state.join("provider-address");
    let idp = start_provider(&provider_address).await?;

    let provider = OpenIdConnect::new("dev", idp.issuer(), idp.client_id(), idp.client_secret())
        .scopes(["openid", "profile", "email", "offline_access"]);
    let config = Config::builder()
        .public_origin(format!("http://{address}"))
        .state_directory(state)
        .provider(provider)
        .unauthenticated(Unauthenticated::Allow)
        // For `examples/client.rs`, which signs in in a browser and comes back to a port of its own.
        .allowed_external_redirect_urls(["http://127.0.0.1/easyauth.callback"])
        .build()?
        .open()
        .await?;
    fs::write(provider_address, idp.issuer())?;
    let app = Router::new()
        .route("/", get(home))
        .route("/private", get(private))
        .route("/api/hello", get(hello))
        .route("/style.css", get(style))
        .route("/script.js", get(script))
        .layer(EasyAuthLayer::new(config));

    println!("listening on http://{address}");
    println!("Open that address in a browser and sign in as anybody; Ctrl-C ends it.");
    let stop = async { drop(tokio::signal::ctrl_c().await) };
    axum::serve(listener, app).with_graceful_shutdown(stop).await?;
    Ok(())
}

/// `/`: open to everybody.
async fn home(principal: Option<Principal>, headers: HeaderMap) -> Response {
    match &principal {
        Some(principal) => page(view::signed_in(&person(principal), &identity_headers(&headers))),
        None => page(view::signed_out()),
    }
}

/// `/private`: for those who are signed in; others sign in first and come back.
async fn private(principal: Option<Principal>) -> Response {
    match &principal {
        Some(principal) => page(view::private(principal.name())),
        None => Redirect::to("/.auth/login/dev?post_login_redirect_uri=/private").into_response(),
    }
}

/// `/api/hello`: for programs; those that are not signed in get a 401.
async fn hello(principal: Principal) -> String {
    format!("Hello, {}!\n", principal.name())
}

fn person(principal: &Principal) -> view::Person<'_> {
    view::Person {
        provider: principal.provider().as_str(),
        user_id: principal.user_id(),
        name: principal.name(),
        claims: principal.claims().iter().map(|claim| (&*claim.typ, &*claim.val)).collect(),
    }
}

/// What the layer told this application about the user.
fn identity_headers(headers: &HeaderMap) -> Vec<(&str, String)> {
    let ours = headers.iter().filter(|(name, _)| name.as_str().starts_with("x-ms-"));
    ours.map(|(name, value)| {
        (name.as_str(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    })
    .collect()
}

fn page(html: String) -> Response {
    let headers: [(HeaderName, &str); 3] = [
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; \
             img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        ),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, Html(html)).into_response()
}

async fn style() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], include_str!("style.css"))
}

async fn script() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/javascript; charset=utf-8")], include_str!("script.js"))
}

async fn bind(address: Option<SocketAddr>) -> io::Result<TcpListener> {
    if let Some(address) = address {
        return TcpListener::bind(address).await;
    }
    match TcpListener::bind("127.0.0.1:8080").await {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            TcpListener::bind("127.0.0.1:0").await
        }
        outcome => outcome,
    }
}

/// Starts the provider where it was the last time, if it can: users are known by its address, too, and
/// would be others at another.
async fn start_provider(remembered: &Path) -> io::Result<DevIdp> {
    let earlier = fs::read_to_string(remembered).ok();
    let address = earlier.and_then(|issuer| issuer.strip_prefix("http://")?.parse().ok());
    if let Some(address) = address
        && let Ok(idp) = DevIdp::builder().address(address).start().await
    {
        return Ok(idp);
    }
    DevIdp::start().await
}

#[derive(Default)]
struct Options {
    listen: Option<SocketAddr>,
    state: Option<PathBuf>,
}

impl Options {
    fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, Box<dyn Error>> {
        let mut options = Self::default();
        while let Some(name) = arguments.next() {
            let mut value = || arguments.next().ok_or_else(|| format!("{name}: {USAGE}"));
            match name.as_str() {
                "--listen" => options.listen = Some(loopback(&value()?)?),
                "--state" => options.state = Some(value()?.into()),
                _ => return Err(format!("{name} is not known; {USAGE}").into()),
            }
        }
        Ok(options)
    }
}

fn loopback(address: &str) -> Result<SocketAddr, Box<dyn Error>> {
    let address: SocketAddr = address.parse().map_err(|error| format!("--listen: {error}"))?;
    // Its provider signs anybody in as anyone.
    if !address.ip().is_loopback() {
        return Err("--listen: the quickstart runs on this computer only; use 127.0.0.1".into());
    }
    Ok(address)
}

const USAGE: &str = "usage: quickstart [--listen 127.0.0.1:PORT] [--state DIR]";
