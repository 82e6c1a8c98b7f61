//! A hyper service behind the layer, without axum: `cargo run --example hyper`.
//!
//! People sign in at a provider for development that runs inside this program.

#![allow(clippy::print_stdout, reason = "it tells people where to look")]

use std::convert::Infallible;
use std::error::Error;

use easyauth::dev_idp::DevIdp;
use easyauth::provider::OpenIdConnect;
use easyauth::store::MemoryStore;
use easyauth::{Config, EasyAuthLayer, Principal};
use hyper::body::Incoming;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tower::{Layer, service_fn};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let idp = DevIdp::start().await?;
    let config = Config::builder()
        .public_origin(format!("http://{address}"))
        .provider(OpenIdConnect::new("dev", idp.issuer(), idp.client_id(), idp.client_secret()))
        .token_store(MemoryStore::new())
        .build()?;
    let service = EasyAuthLayer::new(config).layer(service_fn(greet));

    println!("listening on http://{address}");
    loop {
        let (stream, _) = listener.accept().await?;
        let service = TowerToHyperService::new(service.clone());
        tokio::spawn(async move {
            let server = Builder::new(TokioExecutor::new());
            // A connection that breaks is its visitor's affair.
            let _ = server.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

/// Only those who are signed in come this far.
async fn greet(request: Request<Incoming>) -> Result<Response<String>, Infallible> {
    let name = request.extensions().get().map_or("", Principal::name);
    Ok(Response::new(format!("Hello, {name}!\n")))
}
