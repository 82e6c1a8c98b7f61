use proptest::prelude::*;

use super::*;

fn url(text: &str) -> Url {
    Url::parse(text).unwrap()
}

fn token(token: &str, secret: &str) -> SigningToken {
    SigningToken { token: token.into(), secret: secret.into() }
}

fn answer(status: u16, body: &str) -> Response<Bytes> {
    let body = Bytes::copy_from_slice(body.as_bytes());
    Response::builder().status(status).body(body).unwrap()
}

/// The example of RFC 5849 §3.4.1.1, with the form of its body as further parameters.
#[test]
fn the_base_string_is_that_of_rfc_5849() {
    let address = url("http://example.com/request?b5=%3D%253D&a3=a&c%40=&a2=r%20b");
    let parameters = [
        ("oauth_consumer_key", "9djdj82h48djs9d2"),
        ("oauth_token", "kkk9d7dh3k39sjv7"),
        ("oauth_signature_method", "HMAC-SHA1"),
        ("oauth_timestamp", "137131201"),
        ("oauth_nonce", "7d8f3e4a"),
        ("c2", ""),
        ("a3", "2 q"),
    ];

    assert_eq!(
        base_string(&Method::POST, &address, &parameters),
        "POST&http%3A%2F%2Fexample.com%2Frequest&a2%3Dr%2520b%26a3%3D2%2520q%26a3%3Da%26b5%3D%253D\
         %25253D%26c%2540%3D%26c2%3D%26oauth_consumer_key%3D9djdj82h48djs9d2%26oauth_nonce%3D7d8f3\
         e4a%26oauth_signature_method%3DHMAC-SHA1%26oauth_timestamp%3D137131201%26oauth_token%3Dkkk\
         9d7dh3k39sjv7"
    );
}

/// The three requests of RFC 5849 §1.2.
#[test]
fn the_signatures_are_those_of_rfc_5849() {
    let secret = Secret::new("kd94hf93k423kf44".to_owned());
    let consumer = Consumer { key: "dpf43f3p2l4k3l03", secret: &secret };
    let sign =
        |method, address, token: Option<&SigningToken>, own: [(&str, &str); 2], further: &[_]| {
            let common =
                [("oauth_consumer_key", consumer.key), ("oauth_signature_method", "HMAC-SHA1")];
            signature(&method, &url(address), consumer, token, &[&common, &own, further].concat())
        };
    let stamp = |timestamp, nonce| [("oauth_timestamp", timestamp), ("oauth_nonce", nonce)];

    let initiate = sign(
        Method::POST,
        "https://photos.example.net/initiate",
        None,
        stamp("137131200", "wIjqoS"),
        &[("oauth_callback", "http://printer.example.com/ready")],
    );
    assert_eq!(initiate, "74KNZJeDHnMBp0EMJ9ZHt/XKycU=");
    let redeem = sign(
        Method::POST,
        "https://photos.example.net/token",
        Some(&token("hh5s93j4hdidpola", "hdhd0244k9j7ao03")),
        stamp("137131201", "walatlh"),
        &[("oauth_token", "hh5s93j4hdidpola"), ("oauth_verifier", "hfdp7dh39dks9884")],
    );
    assert_eq!(redeem, "gKgrFCywp7rO0OXSjdot/IHF7IU=");
    let photo = sign(
        Method::GET,
        "http://photos.example.net/photos?file=vacation.jpg&size=original",
        Some(&token("nnch734d00sl2jdk", "pfkkdhi9sl3r4s00")),
        stamp("137131202", "chapoH"),
        &[("oauth_token", "nnch734d00sl2jdk")],
    );
    assert_eq!(photo, "MdpQcU8iPSUjWoN/UDMsK2sui9I=");
}

/// X's own example ("Creating a signature", today and under its first version's address).
#[test]
fn the_signatures_are_those_of_xs_documentation() {
    let secret = Secret::new("kAcSOqF21Fu85e7zjz7ZN2U4ZRhfV3WpwPAoE3Z7kBw".to_owned());
    let consumer = Consumer { key: "xvz1evFS4wEEPTGEFPHBog", secret: &secret };
    let user = token(
        "370773112-GmHxMAgYyLbNEtIKZeRNFsMKPR9EyMZeS9weJAEb",
        "LswwdoUaIvS8ltyTt5jkRh4J50vUPVVHtR2YPi5kE",
    );
    let parameters = [
        ("status", "Hello Ladies + Gentlemen, a signed OAuth request!"),
        ("oauth_consumer_key", consumer.key),
        ("oauth_nonce", "kYjzVBB8Y0ZFabxSWbWovY3uYSQ2pTgmZeNu2VS4cg"),
        ("oauth_signature_method", "HMAC-SHA1"),
        ("oauth_timestamp", "1318622958"),
        ("oauth_token", user.token.expose()),
        ("oauth_version", "1.0"),
    ];
    for (version, expected) in
        [("1.1", "hCtSmYh+iHYCEqBWrE7C7hYmtUk="), ("1", "tnnArxj06cWHq44gCs1OSKk/jLY=")]
    {
        let address =
            format!("https://api.twitter.com/{version}/statuses/update.json?include_entities=true");
        let made = signature(&Method::POST, &url(&address), consumer, Some(&user), &parameters);
        assert_eq!(made, expected);
    }
}

#[test]
fn what_is_sent_is_what_was_signed_and_no_layer_prints_it() {
    let secret = Secret::new("consumer-secret".to_owned());
    let consumer = Consumer { key: "key", secret: &secret };
    let stamp = Stamp { nonce: "n", timestamp: Timestamp::from_unix(7) };
    let address = url("https://api.x.com/oauth/request_token");
    let request = request_token(&address, consumer, "https://a/b?c=d e", stamp).unwrap();
    let header = &request.headers()[header::AUTHORIZATION];

    assert!(header.is_sensitive());
    assert_eq!(request.method(), Method::POST);
    let text = header.to_str().unwrap();
    assert!(
        text.starts_with("OAuth oauth_callback=\"https%3A%2F%2Fa%2Fb%3Fc%3Dd%20e\", "),
        "{text}"
    );
    assert!(text.contains("oauth_nonce=\"n\"") && text.contains("oauth_timestamp=\"7\""), "{text}");
    assert!(!text.contains("consumer-secret") && !text.contains("oauth_token="), "{text}");
}

#[test]
fn a_request_token_counts_only_if_the_callback_is_confirmed() {
    let read = |status, body: &str| read_request_token(&answer(status, body));
    let given = "oauth_token=t&oauth_token_secret=s";

    assert!(read(200, &format!("{given}&oauth_callback_confirmed=true")).is_ok());
    for unconfirmed in [given.to_owned(), format!("{given}&oauth_callback_confirmed=false")] {
        assert_eq!(read(200, &unconfirmed).unwrap_err(), OAuth1Error::Unconfirmed);
    }
    let half = "oauth_token=t&oauth_callback_confirmed=true";
    assert_eq!(read(200, half).unwrap_err(), OAuth1Error::Malformed);
    let refused = OAuth1Error::NoRequestToken(StatusCode::UNAUTHORIZED);
    assert_eq!(read(401, given).unwrap_err(), refused);
}

#[test]
fn an_access_token_comes_with_who_its_user_is() {
    let body = "oauth_token=t&oauth_token_secret=s&user_id=7&screen_name=alice";
    let (token, members) = read_access_token(&answer(200, body)).unwrap();

    assert!(token.token.matches("t") && token.secret.matches("s"));
    assert_eq!(member(&members, "user_id"), Some("7"));
    assert_eq!(member(&members, "oauth_token_secret"), None);
    let twice = "oauth_token=t&oauth_token=u&oauth_token_secret=s";
    assert_eq!(read_access_token(&answer(200, twice)).unwrap_err(), OAuth1Error::Malformed);
}

#[test]
fn a_callback_answers_only_the_login_of_its_request_token() {
    let mine = token("mine", "secret");
    let read = |query: &str| CallbackResponse::parse(query.as_bytes());

    let approved = read("oauth_token=mine&oauth_verifier=v").unwrap();
    assert!(approved.answers(&mine) && approved.verifier.is_some());
    let denied = read("denied=mine").unwrap();
    assert!(denied.answers(&mine) && denied.verifier.is_none());
    assert!(!read("oauth_token=theirs&oauth_verifier=v").unwrap().answers(&mine));
    for unclear in [
        "",
        "oauth_token=mine",
        "oauth_verifier=v",
        "oauth_token=mine&oauth_token=b&oauth_verifier=v",
        "oauth_token=mine&oauth_verifier=v&denied=mine",
        "oauth_token=mine&oauth_verifier=",
    ] {
        assert_eq!(read(unclear).unwrap_err(), OAuth1Error::NoVerifier, "{unclear}");
    }
}

#[test]
fn a_visitor_cannot_replace_the_request_token() {
    let further = [("oauth_token", "theirs"), ("force_login", "true"), ("force_login", "no")];
    let further = further.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let address = authorization_url(&url("https://x.example/a"), &token("mine", "s"), &further);

    assert_eq!(address.as_str(), "https://x.example/a?oauth_token=mine&force_login=true");
}

proptest! {
    #[test]
    fn no_answer_panics(text in "[a-z_=&%0-9+]{0,80}", bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        for body in [text.as_bytes(), &bytes] {
            let response = Response::new(Bytes::copy_from_slice(body));
            let _ = read_request_token(&response);
            let _ = read_access_token(&response);
            let _ = CallbackResponse::parse(body);
        }
    }
}
