//! Groups that did not fit into an ID token ([group overage]), and how Microsoft Graph is asked for
//! them ([getMemberObjects]).
//!
//! [group overage]: https://learn.microsoft.com/security/zero-trust/develop/configure-tokens-group-claims-app-roles#group-overages
//! [getMemberObjects]: https://learn.microsoft.com/graph/api/directoryobject-getmemberobjects

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Request, Response, StatusCode};

use crate::oauth::json::{self, Object, Value};
use crate::principal::Claim;
use crate::secret::Secret;

/// Whether the user has groups and the token has none of them: `_claim_names` says where they are,
/// or, where the token came through the browser, `hasgroups` that there are some.
pub(crate) fn are_left_out(id_token: &Object) -> bool {
    let elsewhere = id_token.get("_claim_names").and_then(Value::as_object);
    let elsewhere = elsewhere.is_some_and(|names| names.get("groups").is_some());
    let marked = match id_token.get("hasgroups") {
        Some(Value::Bool(marked)) => *marked,
        Some(Value::String(marked)) => marked.eq_ignore_ascii_case("true"),
        _ => false,
    };
    (elsewhere || marked) && id_token.get("groups").is_none()
}

/// The Microsoft Graph of the cloud that `issuer` belongs to. What a token says of where its groups
/// are (`_claim_sources`) is never fetched.
pub(super) fn graph(issuer: &str) -> &'static str {
    let clouds = [
        ("microsoftonline.us", "https://graph.microsoft.us"),
        ("microsoftonline.cn", "https://microsoftgraph.chinacloudapi.cn"),
        ("chinacloudapi.cn", "https://microsoftgraph.chinacloudapi.cn"),
    ];
    let of = |(domain, _): &&(&str, &str)| issuer.contains(*domain);
    clouds.iter().find(of).map_or("https://graph.microsoft.com", |(_, graph)| graph)
}

pub(super) fn endpoint(graph: &str) -> String {
    format!("{graph}/v1.0/me/getMemberObjects")
}

/// Asks for the ids of all groups of the user of `access_token`.
///
/// # Errors
///
/// If address or access token cannot be sent.
pub(crate) fn request(
    endpoint: &str,
    access_token: &Secret<String>,
) -> Result<Request<Bytes>, GroupsError> {
    let credentials = Secret::new(format!("Bearer {}", access_token.expose()));
    let unfit = |_| GroupsError::Unfit;
    let mut authorization =
        HeaderValue::from_str(credentials.expose()).map_err(|_| GroupsError::Unfit)?;
    authorization.set_sensitive(true);
    Request::post(endpoint)
        .header(AUTHORIZATION, authorization)
        .header(ACCEPT, "application/json")
        .header(CONTENT_TYPE, "application/json")
        .body(Bytes::from_static(br#"{"securityEnabledOnly":true}"#))
        .map_err(unfit)
}

/// Reads the answer to [`request`].
///
/// # Errors
///
/// If it is no list of ids.
pub(crate) fn parse(response: &Response<Bytes>) -> Result<Vec<Claim>, GroupsError> {
    if response.status() != StatusCode::OK {
        return Err(GroupsError::Status(response.status()));
    }
    let answer = json::object(response.body()).map_err(|_| GroupsError::Unreadable)?;
    let ids = answer.get("value").and_then(Value::as_strings).ok_or(GroupsError::Unreadable)?;
    Ok(ids.into_iter().map(|id| Claim::new("groups", id)).collect())
}

/// Why a user's groups are not known.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum GroupsError {
    #[error(
        "Microsoft Graph answered with status {0}; the access token must be for it, and the \
         application have its delegated permission User.Read"
    )]
    Status(StatusCode),
    #[error("the request for groups cannot be written: check its address")]
    Unfit,
    #[error("Microsoft Graph's answer is no list of ids")]
    Unreadable,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left_out(claims: &str) -> bool {
        are_left_out(&json::object(claims.as_bytes()).unwrap())
    }

    #[test]
    fn groups_are_left_out_where_the_token_says_so_and_has_none() {
        let names = r#""_claim_names":{"groups":"src1"}"#;

        assert!(left_out(&format!("{{{names}}}")));
        assert!(left_out(r#"{"hasgroups":true}"#) && left_out(r#"{"hasgroups":"true"}"#));
        assert!(!left_out(&format!(r#"{{{names},"groups":["g"]}}"#)));
        for claims in ["{}", r#"{"_claim_names":{"other":"src1"}}"#, r#"{"hasgroups":false}"#] {
            assert!(!left_out(claims), "{claims}");
        }
    }

    #[test]
    fn graphs_answer_is_a_list_of_ids_or_no_groups_at_all() {
        let parse = |status: u16, body: &'static str| {
            let response = Response::builder().status(status);
            super::parse(&response.body(Bytes::from_static(body.as_bytes())).unwrap())
        };
        let golden = include_str!("../../../tests/data/aad/member-groups.json");

        let groups = parse(200, golden).unwrap();
        assert_eq!(groups.len(), 3);
        assert_eq!(groups[0], Claim::new("groups", "fee2c45b-915a-4a64-b130-f4eb9e75525e"));
        assert_eq!(parse(403, golden).err(), Some(GroupsError::Status(StatusCode::FORBIDDEN)));
        for body in ["", "[]", "{}", r#"{"value":[7]}"#, r#"{"value":"g"}"#] {
            assert_eq!(parse(200, body).err(), Some(GroupsError::Unreadable), "{body}");
        }
    }

    #[test]
    fn each_cloud_has_its_own_graph_and_the_token_has_no_say_in_it() {
        for (issuer, expected) in [
            ("https://login.microsoftonline.com/t/v2.0", "https://graph.microsoft.com"),
            ("https://login.microsoftonline.us/t/v2.0", "https://graph.microsoft.us"),
            (
                "https://login.partner.microsoftonline.cn/t/v2.0",
                "https://microsoftgraph.chinacloudapi.cn",
            ),
            ("https://sts.chinacloudapi.cn/t/", "https://microsoftgraph.chinacloudapi.cn"),
        ] {
            assert_eq!(graph(issuer), expected);
        }
    }
}
