//! Refusals: what a person can do about it, on a page or in JSON, and a name for the log.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use http::request::Parts;
use http::{Response, StatusCode, header};
use serde_json::json;

use super::page::{Link, Page};
use super::{asker, challenge, onward, reply};
use crate::error::{DecisionId, Error, Fault, Refusal, SubStatus};
use crate::relying_party::RelyingParty;
use crate::return_to::ReturnTo;
use crate::seal::random;

/// What is said about a refusal.
#[derive(Clone, Copy, Debug)]
pub(super) struct Explanation {
    /// For the log and the response's extensions.
    pub(super) reason: &'static str,
    /// For programs.
    pub(super) error: &'static str,
    /// For people: what has happened.
    pub(super) heading: &'static str,
    /// For people: what it means and what they can do.
    pub(super) description: &'static str,
}

/// Refuses a request.
pub(super) fn refuse(
    relying_party: &RelyingParty,
    parts: &Parts,
    status: StatusCode,
    sub_status: SubStatus,
    explanation: &Explanation,
) -> Response<Bytes> {
    refuse_login(relying_party, parts, status, sub_status, explanation, &ReturnTo::default())
}

/// Refuses a login that was to lead to `return_to`.
pub(super) fn refuse_login(
    relying_party: &RelyingParty,
    parts: &Parts,
    status: StatusCode,
    sub_status: SubStatus,
    explanation: &Explanation,
    return_to: &ReturnTo,
) -> Response<Bytes> {
    let refusal = Refusal {
        sub_status,
        decision_id: next_decision(),
        reason: explanation.reason,
        error: None,
    };
    tracing::debug!(
        decision = %refusal.decision_id,
        status = code(status, sub_status),
        reason = refusal.reason,
        "refused"
    );
    render(relying_party, parts, status, refusal, explanation, return_to)
}

/// Tells of a failure, to the one who asked as much as helps them, to the log what happened.
pub(super) fn fail(relying_party: &RelyingParty, parts: &Parts, error: &Error) -> Response<Bytes> {
    let explanation = explain(error.fault());
    let status = error.fault().status();
    let refusal = Refusal {
        sub_status: error.sub_status(),
        decision_id: next_decision(),
        reason: explanation.reason,
        error: Some(error.clone()),
    };
    log(error, &refusal, status);
    render(relying_party, parts, status, refusal, &explanation, &ReturnTo::default())
}

fn log(error: &Error, refusal: &Refusal, status: StatusCode) {
    let (decision, status) = (refusal.decision_id, code(status, refusal.sub_status));
    let cause = error.chain();
    match error.fault() {
        Fault::User | Fault::UserAgent => tracing::warn!(%decision, status, cause, "refused"),
        Fault::Provider | Fault::Setup | Fault::Unavailable => {
            tracing::error!(%decision, status, cause, "failed");
        }
    }
}

/// What is said about a failure that is somebody's `fault`.
pub(super) fn explain(fault: Fault) -> Explanation {
    match fault {
        Fault::Provider => Explanation {
            reason: "the provider's answer was refused",
            error: "provider_error",
            heading: "Signing in did not work",
            description: "The sign-in service answered something that we cannot accept. Try again; \
                          if it stays so, tell whoever runs this site, and quote the reference \
                          below.",
        },
        Fault::Setup => Explanation {
            reason: "the configuration is wrong",
            error: "configuration_error",
            heading: "Signing in is not set up correctly",
            description: "You cannot mend this yourself. Tell whoever runs this site, and quote the \
                          reference below.",
        },
        Fault::Unavailable => Explanation {
            reason: "something we depend on does not answer",
            error: "temporarily_unavailable",
            heading: "Signing in is not possible at the moment",
            description: "A service that is needed for it does not answer. Try again in a few \
                          minutes.",
        },
        Fault::User => Explanation {
            reason: "the account may not sign in",
            error: "access_denied",
            heading: "This account may not sign in here",
            description: "You are signed in at the sign-in service with an account that is not let \
                          in here. Use another one, or ask whoever runs this site.",
        },
        Fault::UserAgent => Explanation {
            reason: "the login could not be finished",
            error: "invalid_request",
            heading: "This sign-in cannot be finished",
            description: "It took too long, was finished already, or was begun in another browser. \
                          If it happens again, allow cookies for this site.",
        },
    }
}

pub(super) const NOT_ADMITTED: Explanation = Explanation {
    reason: "the provider's authorization policy does not admit the user",
    error: "access_denied",
    heading: "You may not use this application",
    description: "Whoever runs it has not given you access. If you think that they should, ask \
                  them, and quote the reference.",
};

fn render(
    relying_party: &RelyingParty,
    parts: &Parts,
    status: StatusCode,
    refusal: Refusal,
    explanation: &Explanation,
    return_to: &ReturnTo,
) -> Response<Bytes> {
    let reference = format!("{} · {}", code(status, refusal.sub_status), refusal.decision_id);
    let mut response = if asker::wants_page(parts) {
        let home = relying_party.settings().origin.with_slash();
        let onward = onward::of(relying_party, parts, status, refusal.sub_status, return_to);
        let onward = onward.as_ref().map(|onward| Link { label: onward.label, href: &onward.href });
        let home = Link { label: "Return to the website", href: &home };
        let links: Vec<_> = onward.into_iter().chain([home]).collect();
        let page = Page {
            title: explanation.heading,
            heading: explanation.heading,
            paragraphs: &[explanation.description],
            links: &links,
            code: Some(&reference),
            ..Page::default()
        };
        reply::page(status, &page)
    } else {
        let document = json!({
            "error": explanation.error,
            "description": explanation.description,
            "reference": reference,
        });
        reply::json(status, document.to_string())
    };
    if status == StatusCode::UNAUTHORIZED {
        let challenge = challenge::of(relying_party, parts, explanation);
        response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    }
    response.extensions_mut().insert(refusal);
    response
}

fn code(status: StatusCode, sub_status: SubStatus) -> String {
    format!("{}.{}", status.as_u16(), sub_status.code())
}

/// Counted from a random start: unique within a process for certain, and between processes as good
/// as certain.
fn next_decision() -> DecisionId {
    static NEXT: LazyLock<AtomicU64> =
        LazyLock::new(|| AtomicU64::new(random().map_or(0, u64::from_be_bytes)));
    DecisionId(NEXT.fetch_add(1, Ordering::Relaxed))
}
