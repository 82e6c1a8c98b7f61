//! `X-MS-CLIENT-PRINCIPAL`: base64 of the user as JSON.

use std::collections::{BTreeSet, HashMap};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use crate::principal::{Claim, Principal};

/// The header's value for `principal`, at most `most` characters long.
///
/// Where the claims are too many (hundreds of groups), the types that take the most room are left
/// out, and a claim says so: `hasgroups` = `true` for groups, as Entra ID itself does, else
/// `has<type>`, of the first [`MOST_MARKERS`]. The request's extensions and `/.auth/me` still have
/// them all.
pub(crate) fn encode(principal: &Principal, most: usize) -> Encoded {
    let mut claims: Vec<&Claim> = principal.claims().iter().collect();
    let mut markers: Vec<Claim> = Vec::new();
    let mut left_out = 0;
    loop {
        let value = spell(principal, &claims, &markers);
        if value.len() <= most || claims.is_empty() {
            return Encoded { value, left_out };
        }
        let dropped = largest_types(&claims, value.len() - most);
        claims.retain(|claim| !dropped.contains(claim.typ.as_str()));
        left_out += dropped.len();
        let free = MOST_MARKERS.saturating_sub(markers.len());
        markers.extend(dropped.into_iter().take(free).map(|typ| Claim::new(marker(typ), "true")));
    }
}

/// The value of the header, and how many claim types it lacks.
#[derive(Debug)]
pub(crate) struct Encoded {
    pub(crate) value: String,
    pub(crate) left_out: usize,
}

fn spell(principal: &Principal, claims: &[&Claim], markers: &[Claim]) -> String {
    let document = Document {
        auth_typ: principal.provider().as_str(),
        claims: claims.iter().copied().chain(markers).collect(),
        name_typ: principal.name_type(),
        role_typ: ROLE_TYPE,
    };
    // Writing strings into a vector cannot fail.
    STANDARD.encode(serde_json::to_vec(&document).unwrap_or_default())
}

/// The types that take the most room, as many as it takes to shorten the header by `excess`.
fn largest_types<'a>(claims: &[&'a Claim], excess: usize) -> BTreeSet<&'a str> {
    let mut sizes: HashMap<&str, usize> = HashMap::new();
    for claim in claims {
        *sizes.entry(&claim.typ).or_default() += claim.typ.len() + claim.val.len() + FRAME;
    }
    let mut sizes: Vec<_> = sizes.into_iter().map(|(typ, size)| (size, typ)).collect();
    sizes.sort_unstable_by(|one, other| other.cmp(one));
    let mut freed = 0;
    let needed = sizes.into_iter().take_while(|(size, _)| {
        let enough = freed >= excess;
        // Base64 makes four characters of three bytes.
        freed += size / 3 * 4;
        !enough
    });
    needed.map(|(_, typ)| typ).collect()
}

fn marker(typ: &str) -> String {
    // Claim types are URIs or short names; the last segment is the one people know.
    let name: String = typ.rsplit('/').next().unwrap_or(typ).chars().take(64).collect();
    format!("has{name}")
}

#[derive(Serialize)]
struct Document<'a> {
    auth_typ: &'a str,
    claims: Vec<&'a Claim>,
    name_typ: &'a str,
    role_typ: &'a str,
}

/// The claim type that .NET looks for roles under; the original always names this one.
pub(crate) const ROLE_TYPE: &str = "http://schemas.microsoft.com/ws/2008/06/identity/claims/role";

/// `{"typ":"","val":""},`
const FRAME: usize = 20;
/// So many types are said to be left out. Whoever has more of them has made them up.
const MOST_MARKERS: usize = 16;

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::principal::{Identity, ProviderId};

    fn principal(claims: Vec<Claim>) -> Principal {
        Principal::new(
            Identity {
                provider: ProviderId::parse("op").unwrap(),
                user_id: "alice".to_owned(),
                name: "Alice".to_owned(),
                name_typ: "name".to_owned(),
                claims,
            },
            None,
        )
    }

    fn decode(value: &str) -> Value {
        serde_json::from_slice(&STANDARD.decode(value).unwrap()).unwrap()
    }

    #[test]
    fn the_document_has_exactly_the_four_keys_of_the_original() {
        let encoded = encode(&principal(vec![Claim::new("name", "Ünï\r\n\"")]), 1000);

        assert_eq!(
            decode(&encoded.value),
            json!({
                "auth_typ": "op",
                "claims": [{"typ": "name", "val": "Ünï\r\n\""}],
                "name_typ": "name",
                "role_typ": ROLE_TYPE,
            })
        );
        assert_eq!(encoded.left_out, 0);
    }

    #[test]
    fn t_08_five_hundred_groups_are_left_out_and_marked() {
        let mut claims: Vec<_> = (0..500).map(|n| Claim::new("groups", n.to_string())).collect();
        claims.push(Claim::new("name", "Alice"));
        let encoded = encode(&principal(claims), 12 << 10);

        assert!(encoded.value.len() <= 12 << 10);
        assert_eq!(encoded.left_out, 1);
        assert_eq!(
            decode(&encoded.value)["claims"],
            json!([{"typ": "name", "val": "Alice"}, {"typ": "hasgroups", "val": "true"}])
        );
    }

    #[test]
    fn t_08_types_without_number_cost_neither_time_nor_room() {
        let claims = (0..50_000).map(|n| Claim::new(format!("made-up-{n:06}"), "1")).collect();
        let encoded = encode(&principal(claims), 12 << 10);

        assert!(encoded.value.len() <= 12 << 10, "{}", encoded.value.len());
        let claims = decode(&encoded.value)["claims"].as_array().unwrap().clone();
        let markers = claims.iter().filter(|claim| claim["val"] == "true").count();
        assert_eq!(markers, MOST_MARKERS);
        assert_eq!(encoded.left_out, 50_000 - (claims.len() - markers));
    }

    #[test]
    fn t_07_one_claim_of_100_kib_is_left_out_too() {
        let encoded = encode(&principal(vec![Claim::new("bio", "x".repeat(100 << 10))]), 12 << 10);

        assert_eq!(decode(&encoded.value)["claims"], json!([{"typ": "hasbio", "val": "true"}]));
    }
}
