//! `/.auth/*`: an HTTP request in, an HTTP response out; and what a request gets that nobody has
//! signed in for. The only code that reads our paths.

mod asker;
mod bearer;
mod callback;
mod challenge;
mod choose;
mod client_login;
mod csrf;
mod done;
mod gate;
mod landing;
mod login;
mod logout;
mod me;
mod onward;
pub(crate) mod page;
mod parameters;
mod posted;
mod preflight;
mod redeem;
mod refresh;
mod refuse;
mod reply;
mod resource_metadata;
mod unread;
mod version;

use bytes::Bytes;
use http::request::Parts;
use http::{Method, Request, Response, StatusCode, header};
use http_body::Body;
use tower::BoxError;

pub(crate) use self::csrf::changes;
pub(crate) use self::gate::{
    Verdict, authenticated, insist_on_https, settle, sign_in, unauthenticated,
};
pub(crate) use self::preflight::is_preflight;
use self::refuse::Explanation;
pub(crate) use self::unread::after_body;
use crate::api_prefix::Place;
use crate::error::SubStatus;
use crate::relying_party::RelyingParty;

/// One of our own routes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Route {
    Choose,
    Login {
        provider: String,
    },
    Callback {
        provider: String,
    },
    Redeem {
        provider: String,
    },
    LoginDone,
    Logout,
    LogoutDone,
    Me,
    Refresh,
    /// What clients of the resource at this path need to know.
    ResourceMetadata {
        resource: String,
    },
    Version,
    /// Below our prefix, and nothing of ours: never the application's either.
    None,
}

impl Route {
    /// The route that `path` leads to; `None` if it is the application's.
    pub(crate) fn of(relying_party: &RelyingParty, path: &str) -> Option<Self> {
        let settings = relying_party.settings();
        if settings.logout_path.as_deref() == Some(path) {
            return Some(Self::Logout);
        }
        if let Some(resource) = resource_metadata::resource_of(relying_party, path) {
            return Some(Self::ResourceMetadata { resource: resource.to_owned() });
        }
        match settings.api_prefix.place(path) {
            Place::Application => None,
            Place::NoRoute => Some(Self::None),
            Place::Route(rest) => Some(Self::read(rest)),
        }
    }

    /// Our fixed words count without their case, as providers' names do.
    fn read(rest: &str) -> Self {
        let segments: Vec<&str> = rest.split('/').collect();
        let word = |position: usize| {
            segments.get(position).map(|segment| segment.to_ascii_lowercase()).unwrap_or_default()
        };
        let provider = || segments.get(1).map(|name| (*name).to_owned()).unwrap_or_default();
        match (segments.len(), word(0).as_str(), word(1).as_str(), word(2).as_str()) {
            (1, "login", _, _) => Self::Choose,
            (2, "login", "done" | "complete", _) => Self::LoginDone,
            (2, "login", _, _) => Self::Login { provider: provider() },
            (3, "login", _, "callback") => Self::Callback { provider: provider() },
            (3, "login", _, "token") => Self::Redeem { provider: provider() },
            (1, "logout", _, _) => Self::Logout,
            (2, "logout", "done" | "complete", _) => Self::LogoutDone,
            (1, "me", _, _) => Self::Me,
            (1, "refresh", _, _) => Self::Refresh,
            (1, "version", _, _) => Self::Version,
            _ => Self::None,
        }
    }

    /// The methods that the route answers; `HEAD` is a `GET` whose body is not sent.
    const fn methods(&self) -> &'static [Method] {
        // A look at a code would use it up.
        const GET: &[Method] = &[Method::GET];
        const READ: &[Method] = &[Method::GET, Method::HEAD];
        const READ_OR_POST: &[Method] = &[Method::GET, Method::HEAD, Method::POST];
        match self {
            Self::Login { .. } | Self::Callback { .. } | Self::Logout | Self::Refresh => {
                READ_OR_POST
            }
            Self::Redeem { .. } => GET,
            _ => READ,
        }
    }
}

/// Answers a request to one of our routes.
pub(crate) async fn answer<B>(
    relying_party: &RelyingParty,
    route: Route,
    request: Request<B>,
) -> Response<Bytes>
where
    B: Body + Send,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    let (parts, body) = request.into_parts();
    if route != Route::None && !route.methods().contains(&parts.method) {
        return method_not_allowed(relying_party, &route, &parts);
    }
    let foreign = csrf::is_forged(relying_party, &parts);
    let response = match route {
        Route::Logout if foreign => csrf::confirm_logout(relying_party, &parts),
        Route::Refresh if foreign => csrf::refuse(relying_party, &parts),
        Route::Choose => choose::answer(relying_party, &parts),
        Route::Login { provider } if parts.method == Method::POST => {
            client_login::answer(relying_party, &provider, &parts, body).await
        }
        Route::Redeem { provider } => redeem::answer(relying_party, &provider, &parts).await,
        Route::Login { provider } => login::answer(relying_party, &provider, &parts).await,
        Route::Callback { provider } => {
            callback::answer(relying_party, &provider, &parts, body).await
        }
        Route::LoginDone => done::signed_in(relying_party),
        Route::Logout => logout::answer(relying_party, &parts).await,
        Route::LogoutDone => done::signed_out(relying_party),
        Route::Me => me::answer(relying_party, &parts).await,
        Route::Refresh => refresh::answer(relying_party, &parts).await,
        Route::ResourceMetadata { resource } => {
            resource_metadata::answer(relying_party, &resource, &parts).await
        }
        Route::Version => version::answer(),
        Route::None => not_found(relying_party, &parts),
    };
    reply::secure(response, &parts.method)
}

fn not_found(relying_party: &RelyingParty, parts: &Parts) -> Response<Bytes> {
    let description = "This address is reserved for signing in and out, and nothing is at it.";
    nothing_here(relying_party, parts, "no such route", description)
}

fn no_such_provider(relying_party: &RelyingParty, parts: &Parts) -> Response<Bytes> {
    let description = "No sign-in service has the name that this address gives.";
    nothing_here(relying_party, parts, "no such provider", description)
}

fn nothing_here(
    relying_party: &RelyingParty,
    parts: &Parts,
    reason: &'static str,
    description: &'static str,
) -> Response<Bytes> {
    let heading = "There is nothing here";
    let explanation = Explanation { reason, error: "not_found", heading, description };
    let sub_status = SubStatus::LoginProtocolError;
    refuse::refuse(relying_party, parts, StatusCode::NOT_FOUND, sub_status, &explanation)
}

fn method_not_allowed(
    relying_party: &RelyingParty,
    route: &Route,
    parts: &Parts,
) -> Response<Bytes> {
    let explanation = Explanation {
        reason: "method not allowed",
        error: "method_not_allowed",
        heading: "This cannot be done this way",
        description: "The address exists, but not for this request method.",
    };
    let status = StatusCode::METHOD_NOT_ALLOWED;
    let sub_status = SubStatus::LoginProtocolError;
    let mut response = refuse::refuse(relying_party, parts, status, sub_status, &explanation);
    let allowed: Vec<&str> = route.methods().iter().map(Method::as_str).collect();
    if let Ok(allowed) = allowed.join(", ").try_into() {
        response.headers_mut().insert(header::ALLOW, allowed);
    }
    reply::secure(response, &parts.method)
}
