//! Tries a configuration: `cargo run --example echo -- --config auth.json [--listen 127.0.0.1:8080]`.
//!
//! An application that answers every request with what it received, as JSON, behind the layer that
//! an Azure `auth.json` configures. A configuration error goes to stderr, with exit code 2.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it is a command-line program")]

use std::error::Error;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use axum::body::Bytes;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderMap, Method, Uri};
use axum::{Json, Router};
use easyauth::{Config, ConfigBuilder, EasyAuthLayer, Principal};
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;

#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::try_from_default_env().unwrap_or_else(|_| "info".into()))
        .with_writer(std::io::stderr)
        .init();
    let Some(options) = Options::parse(std::env::args().skip(1)) else {
        eprintln!("usage: echo --config auth.json [--listen 127.0.0.1:8080]");
        return ExitCode::from(2);
    };
    match run(options).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}

async fn run(options: Options) -> Result<(), Box<dyn Error>> {
    let json = std::fs::read_to_string(&options.config)
        .map_err(|error| format!("{}: {error}", options.config.display()))?;
    let listener = TcpListener::bind(options.listen)
        .await
        .map_err(|error| format!("--listen {}: {error}", options.listen))?;
    let address = listener.local_addr()?;
    let config: Config = ConfigBuilder::from_auth_json(&json)?
        .default_public_origin(format!("http://{address}"))
        .build()?
        .open()
        .await?;
    let app = Router::new()
        .fallback(echo)
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(EasyAuthLayer::new(config));

    println!("listening on http://{address}");
    axum::serve(listener, app).await?;
    Ok(())
}

async fn echo(
    method: Method,
    uri: Uri,
    principal: Option<Principal>,
    headers: HeaderMap,
    body: Bytes,
) -> Json<Value> {
    let path = uri.path_and_query().map_or_else(|| uri.path(), |path| path.as_str());
    let sha256 = digest(&SHA256, &body);
    let hex: String = sha256.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    Json(json!({
        "method": method.as_str(),
        "path": path,
        "headers": lines(&headers),
        "principal": principal.as_ref().map(|principal| describe(principal, &headers)),
        "body_sha256": hex,
    }))
}

fn lines(headers: &HeaderMap) -> Vec<[String; 2]> {
    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    headers.iter().map(|(name, value)| [name.to_string(), text(value.as_bytes())]).collect()
}

/// The principal as its headers name it, with the claims of the request's extension.
fn describe(principal: &Principal, headers: &HeaderMap) -> Value {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    json!({
        "provider": header("x-ms-client-principal-idp"),
        "user_id": header("x-ms-client-principal-id"),
        "name": header("x-ms-client-principal-name"),
        "claims": principal.claims(),
    })
}

struct Options {
    config: PathBuf,
    listen: SocketAddr,
}

impl Options {
    fn parse(mut arguments: impl Iterator<Item = String>) -> Option<Self> {
        let mut config = None;
        let mut listen = SocketAddr::from(([127, 0, 0, 1], 8080));
        while let Some(option) = arguments.next() {
            match option.as_str() {
                "--config" => config = Some(arguments.next()?.into()),
                "--listen" => listen = arguments.next()?.parse().ok()?,
                _ => return None,
            }
        }
        Some(Self { config: config?, listen })
    }
}

/// The longest body that is read, in bytes.
const MAX_BODY: usize = 64 << 20;
