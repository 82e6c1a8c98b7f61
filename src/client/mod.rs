//! The other side: programs that call an application behind Easy Auth, signed in.
//!
//! The application may be behind this library or on Azure. A program holds a session token, sends it
//! as `X-ZUMO-AUTH`, and one day gets a 401: the token has expired, or the key that signed it was
//! replaced. [`SignedInLayer`] is for that day. Around any HTTP client that is a tower service, it
//! sends requests as the user who is signed in, and heals their 401s:
//!
//! ```text
//!  request ─► attach the token ─► the client ─► 401?
//!                                                │ somebody has a newer token: replay
//!                                                │ else one refresh, for all who wait
//!                                                │ else one login, by the program's own callback
//!                                                ▼
//!                                  the same request, once more, with the new token
//! ```
//!
//! # Example
//!
//! ```no_run
//! use bytes::Bytes;
//! use easyauth::client::{EasyAuthClient, FileUserStore};
//! use http::Request;
//! use http_body_util::Full;
//! use hyper_util::client::legacy::Client;
//! use hyper_util::rt::TokioExecutor;
//! use tower::{Layer, ServiceExt};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let app = EasyAuthClient::builder("https://app.example")
//!     .user_store(FileUserStore::open("/home/alice/.config/app/user.json")?)
//!     .login(|login| async move {
//!         let show = |address: &str| eprintln!("Sign in at {address}");
//!         Ok(login.in_browser("aad", show).await?)
//!     })
//!     .build()?;
//! # let connector = hyper_util::client::legacy::connect::HttpConnector::new();
//! let http = app.layer().layer(Client::builder(TokioExecutor::new()).build(connector));
//!
//! let request = Request::get("https://app.example/orders").body(Full::<Bytes>::default())?;
//! let response = http.oneshot(request).await?;
//! # Ok(())
//! # }
//! ```
//!
//! # What is sent to whom
//!
//! The token goes to the application's origin only: scheme, host and port of an absolute URI. There it
//! takes the place of any `X-ZUMO-AUTH` that a request has. Requests to others pass as they are, but
//! for an `X-ZUMO-AUTH`, which is taken off, whatever it holds, unless the layer of a client of that
//! other application has put it there. [`AsIs`] in a request's extensions leaves it alone altogether.
//!
//! **The service inside must not follow redirects**: it would take the token along, wherever they
//! lead. Put such a layer outside of this one, where each step is judged anew, as tower-http's
//! `FollowRedirect`; and switch redirects off in a client that follows them by itself, as reqwest does.
//!
//! # What is healed
//!
//! A 401 that is Easy Auth's own: its challenge is `Bearer` with the application's host as `realm`, so
//! the application has not seen the request. A 401 without a challenge, or with another `Bearer`, may
//! be the application's: it is healed for methods that are idempotent, and POST and PATCH get it as it
//! is. One that asks for another scheme, such as `Basic`, is nothing to us.
//!
//! * **Once.** A request is sent twice at most, whatever comes of the second time. If a token that has
//!   just been renewed is refused too, nothing more is tried for a while.
//! * **One for all.** However many requests are refused with one token, one refresh or login answers
//!   them all, and all share its failure. Whoever is refused with an older token is replayed with the
//!   newer. The same among processes on one [`UserStore`].
//! * **As the same user.** If somebody else has signed in meanwhile, by another [user id](User::user_id),
//!   the 401 comes back: what one user has sent is not sent again as another. What was sent as nobody,
//!   or with a token whose user has no id, is sent as whoever signs in.
//! * **Detached.** A caller who hangs up takes nothing along, and what a server has issued is not lost.
//!   All is bounded in time: a refresh by ten seconds, a login by
//!   [`login_limit`](EasyAuthClientBuilder::login_limit).
//! * **Never worse.** If nothing helps, each caller gets their own 401, its body intact, with
//!   [`NotHealed`] in its extensions to say why. What may pass, such as a 503 or a broken line, signs
//!   nobody out and asks nobody to sign in. After a failure nothing is tried for a second, after the
//!   next for two, up to a minute.
//! * **No loops.** Refreshes and logins go to the application by a client of their own, and never
//!   through the layer.
//!
//! # Bodies
//!
//! A request's body is sent as it comes, and kept while it is, up to 256 KiB
//! ([`body_limit`](EasyAuthClientBuilder::body_limit)), so that the same bytes and trailers can be sent
//! again. A longer one is sent once, and so is that of a request with [`SendOnce`] in its extensions:
//! the program gets the 401 when the token has been renewed, and may send it again by itself.
//!
//! # Other clients
//!
//! The service inside takes a [`Request`](http::Request) with a [`RequestBody`], and is [`Clone`].
//! reqwest's service has types of its own, which convert:
//!
//! ```ignore
//! let inner = ServiceBuilder::new()
//!     .map_request(|request: http::Request<RequestBody<B>>| {
//!         reqwest::Request::try_from(request.map(reqwest::Body::wrap)).expect("an absolute URI")
//!     })
//!     .map_response(http::Response::<reqwest::Body>::from)
//!     .service(reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build()?);
//! let http = app.layer().layer(inner);
//! ```
//!
//! # Signing in
//!
//! [`login_with_token`](EasyAuthClient::login_with_token) for programs that have a provider's token,
//! [`login_in_browser`](EasyAuthClient::login_in_browser) for those at a command line, and
//! [`Login::redirected`] for those with a web view. The callback that is set by
//! [`login`](EasyAuthClientBuilder::login) can use the same.

pub use self::builder::{ClientSetupError, EasyAuthClientBuilder};
pub use self::easy_auth_client::EasyAuthClient;
pub use self::error::{Call, ClientError};
pub use self::future::ResponseFuture;
pub use self::identity::Identity;
pub use self::layer::SignedInLayer;
pub use self::login::{Login, ProviderToken};
pub use self::request_body::RequestBody;
pub use self::response_body::ResponseBody;
pub use self::sent::NotHealed;
pub use self::service::{AsIs, SendOnce, SignedIn};
pub use self::store::{BoxFuture, FileUserStore, MemoryUserStore, Turn, UserStore, UserStoreError};
pub use self::user::{NotAUser, User};

mod browser;
mod builder;
mod calls;
mod challenge;
mod current;
mod easy_auth_client;
mod error;
mod future;
mod identity;
mod layer;
mod login;
mod renewal;
mod request_body;
mod response_body;
mod sent;
mod service;
mod store;
mod user;
