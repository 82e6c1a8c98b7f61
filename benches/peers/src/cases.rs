//! The application, bare and behind each of the layers. Where one tells who asks, the handler takes
//! that.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::error_handling::HandleErrorLayer;
use axum::response::IntoResponse;
use axum::routing::{MethodRouter, get};
use axum_login::{AuthManagerLayerBuilder, AuthUser, AuthnBackend, UserId, login_required};
use axum_oidc::error::MiddlewareError;
use axum_oidc::{EmptyAdditionalClaims, OidcAuthLayer, OidcLoginLayer};
use axum_oidc_client::auth::AuthenticationLayer;
use axum_oidc_client::auth_builder::OAuthConfigurationBuilder;
use axum_oidc_client::auth_cache::AuthCache;
use axum_oidc_client::auth_session::AuthSession;
use axum_oidc_client::cache::TwoTierAuthCache;
use axum_oidc_client::cache::config::TwoTierCacheConfig;
use axum_oidc_client::logout::handle_default_logout::DefaultLogoutHandler;
use easyauth::dev_idp::DevIdp;
use easyauth::provider::OpenIdConnect;
use easyauth::store::MemoryStore;
use easyauth::{Config, EasyAuth, EasyAuthLayer, Key, Principal};
use http::{HeaderName, HeaderValue, Request, Response, StatusCode, Uri};
use serde::{Deserialize, Serialize};
use tower::{Layer, Service, ServiceBuilder};
use tower_http::set_header::SetRequestHeaderLayer;

use crate::browser::ORIGIN;

/// Somebody who is signed in needs a provider for it.
pub async fn provider() -> DevIdp {
    let provider = DevIdp::builder().sign_in_automatically_as("alice");
    // Nobody's token is refreshed while it is measured.
    provider.access_token_lifetime(Duration::from_secs(86_400)).start().await.unwrap()
}

pub fn bare() -> Router {
    Router::new().route("/", hello())
}

/// Eight headers, with values as long as ours.
fn headers() -> [(HeaderName, HeaderValue); 8] {
    [
        ("x-ms-client-principal", 600),
        ("x-ms-client-principal-id", 36),
        ("x-ms-client-principal-name", 20),
        ("x-ms-client-principal-idp", 3),
        ("x-ms-token-dev-id-token", 800),
        ("x-ms-token-dev-access-token", 800),
        ("x-ms-token-dev-expires-on", 28),
        ("x-ms-token-dev-refresh-token", 60),
    ]
    .map(|(name, length)| {
        (HeaderName::from_static(name), HeaderValue::try_from("x".repeat(length)).unwrap())
    })
}

/// The floor: eight headers inserted in a loop, as the outermost service. Nobody is authenticated.
pub fn inject() -> impl Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Clone
{
    let headers: Arc<[_]> = Arc::new(headers());
    ServiceBuilder::new()
        .map_request(move |mut request: Request<Body>| {
            request.headers_mut().reserve(headers.len());
            for (name, value) in headers.iter() {
                request.headers_mut().insert(name.clone(), value.clone());
            }
            request
        })
        .service(bare())
}

/// The same by the layers that tower-http has for it.
pub fn eight_headers()
-> impl Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Clone {
    let [a, b, c, d, e, f, g, h] =
        headers().map(|(name, value)| SetRequestHeaderLayer::overriding(name, value));
    let layers = ServiceBuilder::new().layer(a).layer(b).layer(c).layer(d);
    layers.layer(e).layer(f).layer(g).layer(h).service(bare())
}

fn hello() -> MethodRouter {
    get(async || "hello")
}

pub fn easyauth(provider: &DevIdp) -> EasyAuth<Router> {
    let (id, secret) = (provider.client_id(), provider.client_secret());
    let config = Config::builder()
        .public_origin(ORIGIN)
        .encryption_keys([Key::generate().unwrap()])
        .signing_keys([Key::generate().unwrap()])
        .user_id_key(Key::generate().unwrap())
        .token_store(MemoryStore::new())
        .provider(
            // Of all tokens there are; the refresh token is the eighth header.
            OpenIdConnect::new("dev", provider.issuer(), id, secret).scopes([
                "openid",
                "profile",
                "email",
                "offline_access",
            ]),
        );
    let hello = async |_: Principal| "hello";
    EasyAuthLayer::new(config.build().unwrap()).layer(Router::new().route("/", get(hello)))
}

/// The id of a session in an encrypted cookie, and a handler that asks who it is.
pub fn tower_sessions() -> Router {
    use tower_sessions::{MemoryStore, Session, SessionManagerLayer, cookie::Key};

    let hello = async |session: Session| match session.get::<User>("user").await {
        Ok(Some(_)) => "hello".into_response(),
        _ => StatusCode::UNAUTHORIZED.into_response(),
    };
    let login = async |session: Session| session.insert("user", User::alice()).await.unwrap();
    Router::new()
        .route("/", get(hello))
        .route("/login", get(login))
        .layer(SessionManagerLayer::new(MemoryStore::default()).with_private(Key::generate()))
}

pub fn axum_login() -> Router {
    use axum_login::tower_sessions::{MemoryStore, SessionManagerLayer};

    let login = async |mut session: axum_login::AuthSession<Users>| {
        let user = session.authenticate(1).await.unwrap().unwrap();
        session.login(&user).await.unwrap();
    };
    let sessions = SessionManagerLayer::new(MemoryStore::default());
    let users = Users(Arc::new(HashMap::from([(1, User::alice())])));
    let hello = async |session: axum_login::AuthSession<Users>| match session.user {
        Some(_) => "hello".into_response(),
        None => StatusCode::UNAUTHORIZED.into_response(),
    };
    Router::new()
        .route("/", get(hello))
        .route_layer(login_required!(Users))
        .route("/login", get(login))
        .layer(AuthManagerLayerBuilder::new(users, sessions).build())
}

#[derive(Clone, Debug)]
struct Users(Arc<HashMap<i64, User>>);

/// What applications want to know of whoever asks.
#[derive(Clone, Debug, Deserialize, Serialize)]
struct User {
    id: i64,
    name: String,
    email: String,
}

impl User {
    fn alice() -> Self {
        Self { id: 1, name: "Alice".to_owned(), email: "alice@example.com".to_owned() }
    }
}

impl AuthUser for User {
    type Id = i64;

    fn id(&self) -> i64 {
        self.id
    }

    fn session_auth_hash(&self) -> &[u8] {
        b"hash of the password"
    }
}

impl AuthnBackend for Users {
    type User = User;
    type Credentials = i64;
    type Error = Infallible;

    async fn authenticate(&self, id: i64) -> Result<Option<User>, Infallible> {
        Ok(self.0.get(&id).cloned())
    }

    async fn get_user(&self, id: &UserId<Self>) -> Result<Option<User>, Infallible> {
        Ok(self.0.get(id).cloned())
    }
}

/// Its login happens at any path; our provider wants one that ends in `/callback`.
pub async fn axum_oidc(provider: &DevIdp) -> Router {
    use older_tower_sessions::{MemoryStore, SessionManagerLayer};

    let failed = async |error: MiddlewareError| error.into_response();
    let auth = OidcAuthLayer::<EmptyAdditionalClaims>::discover_client(
        Uri::from_static(ORIGIN),
        provider.issuer().to_owned(),
        provider.client_id().to_owned(),
        Some(provider.client_secret().to_owned()),
        vec!["profile".to_owned(), "email".to_owned()],
    );
    let auth = auth.await.unwrap();
    let login = OidcLoginLayer::<EmptyAdditionalClaims>::new();
    bare()
        .route("/callback", hello())
        .layer(ServiceBuilder::new().layer(HandleErrorLayer::new(failed)).layer(login))
        .layer(ServiceBuilder::new().layer(HandleErrorLayer::new(failed)).layer(auth))
        .layer(SessionManagerLayer::new(MemoryStore::default()))
}

/// Its layer enforces nothing; its extractor does.
pub fn axum_oidc_client(provider: &DevIdp) -> Router {
    let issuer = provider.issuer();
    let configuration = OAuthConfigurationBuilder::default()
        .with_authorization_endpoint(&format!("{issuer}/authorize"))
        .with_token_endpoint(&format!("{issuer}/token"))
        .with_client_id(provider.client_id())
        .with_client_secret(provider.client_secret())
        .with_redirect_uri(&format!("{ORIGIN}/auth/callback"))
        .with_private_cookie_key(
            "a key of sixty-four bytes, at the least, for cookies of this test",
        )
        .with_scopes(vec!["openid", "email", "profile"])
        .with_post_logout_redirect_uri("/")
        .with_session_max_age(3_600)
        .build()
        .unwrap();
    let cache: Arc<dyn AuthCache + Send + Sync> =
        Arc::new(TwoTierAuthCache::new(None, TwoTierCacheConfig::default()).unwrap());
    let handler = Arc::new(DefaultLogoutHandler);
    Router::new().route("/", get(async |_: AuthSession| "hello")).layer(AuthenticationLayer::new(
        Arc::new(configuration),
        cache,
        handler,
    ))
}
