//! Azure App Service's Easy Auth as one tower layer.
//!
//! [`EasyAuthLayer`] signs people in at an OpenID Connect or OAuth 2.0 [`provider`], keeps their tokens
//! encrypted, and tells the service inside who asks: in request headers (`X-MS-CLIENT-PRINCIPAL…`, as
//! on Azure) and as a [`Principal`]. Its own routes are below `/.auth`.
//!
//! ```text
//!                  ┌──────────────────────── EasyAuth<S> ────────────────────────┐
//!    request ─────►│ scrub identity headers (folded names), before anything else │
//!                  │                                                             │
//!                  │ /.auth/… ? ── yes ─► routes ─► relying party ─► provider    │─► our answer
//!                  │     │ no                         │      └───► token store   │
//!                  │     ▼                            └ oauth, wire: pure        │
//!                  │ a session? ── yes ─► Principal + headers ─► inner service   │─► its answer
//!                  │     │ no                                                    │
//!                  │     └─► the rule for this path: pass on · 302 · 401/403/404 │─► our answer
//!                  └─────────────────────────────────────────────────────────────┘
//! ```
//!
//! A request whose session this process has met in the last seconds goes straight through: nothing is
//! awaited or boxed, and the service is not cloned.
//!
//! # Example
//!
//! ```no_run
//! use axum::Router;
//! use axum::routing::get;
//! use easyauth::provider::OpenIdConnect;
//! use easyauth::{Config, EasyAuthLayer, Principal};
//!
//! async fn home(user: Principal) -> String {
//!     format!("Hello, {}!", user.name())
//! }
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let secret = std::env::var("OIDC_CLIENT_SECRET")?;
//!     let config = Config::builder()
//!         .public_origin("https://app.example")
//!         .state_directory("/var/lib/app/.auth")
//!         .provider(OpenIdConnect::new("oidc", "https://login.example", "client-id", secret))
//!         .excluded_paths(["/health"])
//!         .build()?
//!         .open()
//!         .await?;
//!     let app = Router::new()
//!         .route("/", get(home))
//!         .route("/health", get(|| async { "ok" }))
//!         .layer(EasyAuthLayer::new(config));
//!
//!     let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
//!     axum::serve(listener, app).await?;
//!     Ok(())
//! }
//! ```
//!
//! At the provider, register `https://app.example/.auth/login/oidc/callback` as the redirect URI.
//! [`build`](ConfigBuilder::build) checks the configuration without IO, [`open`](Config::open)
//! reaches the keys and the token store, and providers are first called when somebody signs in, so
//! the application starts while they are away. A file such as Azure's `auth.json` configures the
//! same by [`ConfigBuilder::from_auth_json`], which lists all settings. When the server stops,
//! [`drain`](EasyAuthLayer::drain) waits for token refreshes that are under way.
//!
//! # Where to put the layer
//!
//! One layer around everything that may ask who is signed in, and outside of everything that does.
//!
//! * **Outside of it** goes what looks at nobody's identity: tracing, time limits, limits of bodies,
//!   compression, catching panics. Identity headers have not been scrubbed there and prove nothing.
//! * **Inside** goes what depends on who asks: authorization, limits per user, and caches. A cache
//!   outside must honour `Cache-Control: private`, which every answer to somebody known gets.
//! * [`Router::layer`] covers the routes that are there when it is called. Call it last: a route, a
//!   fallback or a router that is added afterwards is **open to everybody**, and a fallback set
//!   afterwards takes `/.auth` away.
//! * A layer on a nested router, or a `route_layer`, only gates what it is on: `/.auth` is not reached
//!   through it. Put one around the whole.
//! * `axum::serve` wants a `Router`. Where the layer has to run before routing, as with a layer that
//!   rewrites paths inside of it, wrap the router and hand the whole to another as its fallback:
//!
//! ```
//! use axum::Router;
//! use easyauth::EasyAuthLayer;
//! use tower::Layer;
//!
//! fn behind(auth: &EasyAuthLayer, app: Router) -> Router {
//!     Router::new().fallback_service(auth.layer(app))
//! }
//! ```
//!
//! Of two layers around one another the outer one decides for those it knows. Under axum's
//! `Router::nest` the original path counts, not what is left of it (feature `axum`).
//!
//! The service's error type stays what it is: a refusal of ours is a response, with a [`Refusal`] in
//! its extensions that says why. The service must be [`Clone`], as axum's routers are.
//!
//! # Why these defaults
//!
//! * **Strangers are sent to sign in** ([`Unauthenticated::RedirectToLogin`]), and programs get 401:
//!   a script cannot do anything with a provider's login page. What is open, one has to name.
//! * **The public origin has no default in code.** Redirects and cookies follow it; whatever a
//!   request says of the host is the sender's choice.
//! * **Tokens rest in encrypted files**, with keys that are made at the first start, so that a
//!   restart signs nobody out and nothing needs to be set up first.
//! * **A session is a record and the cookie only its name**, so that signing out ends it for every
//!   copy of the cookie, and the cookie stays under 300 bytes.
//! * **A session lasts eight hours, and a login may take five minutes**, as on Azure.
//! * **A session token names a session too**, and is refused with the session: the original's is good
//!   until it expires, whoever has signed out.
//! * **The cookie is `SameSite=Lax`**: no other site can act with it by a form or a script.
//! * **Unknown settings are errors.** A misspelt `excludedPath` that is ignored opens or closes
//!   something that nobody decided.
//!
//! # Features
//!
//! | feature | default | what it brings |
//! |---|---|---|
//! | `axum` | yes | [`Principal`] and `Option<Principal>` as extractors; the original path under `Router::nest` |
//! | `client` | no | `client`: for programs that call an application behind Easy Auth |
//! | `conformance` | no | `store::conformance`: the suite that every token store must pass |
//! | `dev-idp` | no | `dev_idp`: an OpenID provider for development and tests, on loopback only |
//!
//! # Modules
//!
//! * The crate's root has what every application needs: [`Config`], [`EasyAuthLayer`],
//!   [`Principal`].
//! * [`provider`]: identity providers: what to register at each, what arrives from it, and how it is
//!   configured.
//! * [`store`]: where tokens rest, and what a store of your own has to promise.
//! * [`http_client`] and [`clock`]: the ways to the network and to the time, both replaceable.
//! * `client` (feature `client`): the other side, for programs that call the application.
//! * `dev_idp` (feature `dev-idp`): somebody to sign in at, for development.
//!
//! [`Router::layer`]: https://docs.rs/axum/latest/axum/struct.Router.html#method.layer
#![cfg_attr(docsrs, feature(doc_cfg))]
#![cfg_attr(doctest, doc = include_str!("../README.md"))]

mod api_prefix;
#[cfg(feature = "client")]
pub mod client;
pub mod clock;
mod config;
#[cfg(feature = "dev-idp")]
pub mod dev_idp;
mod directory;
mod error;
#[cfg(feature = "axum")]
mod extract;
mod flight;
mod future;
pub mod http_client;
mod layer;
mod oauth;
mod origin;
mod path;
mod pending_login;
mod principal;
pub mod provider;
mod record;
mod relying_party;
mod return_to;
mod routes;
mod seal;
mod secret;
mod service;
mod session;
pub mod store;
mod token;
mod wire;

pub use config::{Config, ConfigBuilder, ConfigError, SessionLifetime, Unauthenticated};
pub use error::{DecisionId, Error, Fault, Refusal, SubStatus};
#[cfg(feature = "axum")]
pub use extract::NotSignedIn;
pub use future::{ResponseBody, ResponseFuture};
pub use layer::EasyAuthLayer;
pub use origin::{OriginError, PublicOrigin};
pub use principal::{Claim, Principal, ProviderId};
pub use seal::{Key, KeyError, RandomError};
pub use secret::Secret;
pub use service::{ConnectionScheme, EasyAuth};
pub use token::TokenSet;
