//! An OpenID provider that lives in the test, behind the port that the layer calls providers by.
//!
//! It is honest and strict: it checks the client's secret, the code verifier and the redirect URI,
//! and redeems a code once. Stories make it lie: [`set`](FakeProvider::set) and
//! [`remove`](FakeProvider::remove) change a member of one of its documents,
//! [`reply`](FakeProvider::reply) replaces a whole answer.

use std::collections::HashMap;
use std::future;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use bytes::Bytes;
use easyauth::http_client::HttpClient;
use easyauth::provider::OpenIdConnect;
use http::{HeaderMap, Request, Response, StatusCode, header};
use ring::digest;
use serde_json::{Map, Value, json};
use tower::BoxError;
use tower::util::BoxCloneSyncService;
use url::{Url, form_urlencoded};

use super::{ManualClock, SigningKey, verify_statement};

/// What a provider says, by the document it says it in.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Document {
    Metadata,
    Keys,
    /// The token endpoint's answer.
    Token,
    Userinfo,
    /// The claims of the ID token, before it is signed.
    IdToken,
    /// The header of the ID token, before it is signed.
    IdTokenHeader,
    /// The claims of the ID token that comes beside the code, before it is signed.
    IdTokenBesideCode,
    /// Microsoft Graph's list of groups.
    Groups,
}

/// What comes in the place of an honest answer.
#[derive(Clone, Debug)]
pub enum Reply {
    /// This status, content type and body.
    Raw(u16, &'static str, Bytes),
    /// A redirect to there.
    Redirect(&'static str),
    /// The honest answer, after a while.
    Late(Duration),
    /// Nothing, ever.
    Never,
    /// No connection.
    Unreachable,
}

impl Reply {
    pub fn json(body: impl Into<Bytes>) -> Self {
        Self::Raw(200, "application/json", body.into())
    }

    pub fn status(status: u16) -> Self {
        Self::Raw(status, "text/html", Bytes::from_static(b"<h1>Oops</h1>"))
    }
}

/// A request that the provider got.
#[derive(Clone, Debug)]
pub struct Asked {
    pub document: Document,
    pub uri: String,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Asked {
    /// A parameter of the form that was posted.
    pub fn parameter(&self, name: &str) -> Option<String> {
        let mut form = form_urlencoded::parse(&self.body);
        form.find(|(found, _)| found == name).map(|(_, value)| value.into_owned())
    }
}

/// The provider. Clones are the same one.
#[derive(Clone)]
pub struct FakeProvider {
    pub name: &'static str,
    pub issuer: String,
    clock: ManualClock,
    state: Arc<Mutex<State>>,
}

struct State {
    key: SigningKey,
    published: Vec<Value>,
    changes: Vec<(Document, String, Option<Value>)>,
    replies: HashMap<Document, Reply>,
    forged: Option<Forge>,
    lax: bool,
    refuses_with: Option<(String, String)>,
    /// What comes back beside every code.
    beside_code: Vec<(String, String)>,
    codes: HashMap<String, Grant>,
    /// What the refresh tokens stand for that have not been used: each is good for one refresh.
    refreshable: HashMap<String, Grant>,
    asked: Vec<Asked>,
    strays: Vec<String>,
    issued: Vec<String>,
}

type Forge = Arc<dyn Fn(&str) -> String + Send + Sync>;

/// What a code stands for.
#[derive(Clone)]
struct Grant {
    user: String,
    nonce: Option<String>,
    challenge: Option<String>,
    redirect_uri: String,
    signed_in_at: i64,
}

impl FakeProvider {
    /// The provider `https://<name>.example`, to whom we are `web`.
    pub fn new(name: &'static str, clock: &ManualClock) -> Self {
        let key = SigningKey::rs256("k1");
        let state = State {
            published: vec![key.jwk()],
            key,
            changes: Vec::new(),
            replies: HashMap::new(),
            forged: None,
            lax: false,
            refuses_with: None,
            beside_code: Vec::new(),
            codes: HashMap::new(),
            refreshable: HashMap::new(),
            asked: Vec::new(),
            strays: Vec::new(),
            issued: Vec::new(),
        };
        Self {
            name,
            issuer: format!("https://{name}.example"),
            clock: clock.clone(),
            state: Arc::new(Mutex::new(state)),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// The same below a path, as tenants are.
    pub fn below(name: &'static str, path: &str, clock: &ManualClock) -> Self {
        let issuer = format!("https://{name}.example{path}");
        Self { issuer, ..Self::new(name, clock) }
    }

    /// From now on a parameter comes back beside every code.
    pub fn answer_beside_code(&self, name: &str, value: &str) {
        self.state().beside_code.push((name.to_owned(), value.to_owned()));
    }

    /// From now on nothing does.
    pub fn forget_beside_code(&self) {
        self.state().beside_code.clear();
    }

    /// From now on ID tokens state what `claims` say, but for what they must say of this sign-in.
    pub fn state_claims(&self, claims: &str) {
        let claims: Map<String, Value> = serde_json::from_str(claims).unwrap();
        let own = ["iss", "aud", "azp", "exp", "iat", "nbf", "nonce", "at_hash", "c_hash"];
        for member in ["sub", "name", "email", "auth_time"] {
            self.remove(Document::IdToken, member);
            self.remove(Document::IdTokenBesideCode, member);
        }
        for (member, value) in claims.into_iter().filter(|(name, _)| !own.contains(&name.as_str()))
        {
            self.set(Document::IdToken, &member, value.clone());
            self.set(Document::IdTokenBesideCode, &member, value);
        }
    }

    /// How an application is configured for it.
    pub fn settings(&self) -> OpenIdConnect {
        OpenIdConnect::new(self.name, &self.issuer, CLIENT_ID, CLIENT_SECRET)
    }

    /// From now on `member` of `document` is `value`.
    pub fn set(&self, document: Document, member: &str, value: impl Into<Value>) {
        self.state().changes.push((document, member.to_owned(), Some(value.into())));
    }

    /// From now on `document` has no `member`.
    pub fn remove(&self, document: Document, member: &str) {
        self.state().changes.push((document, member.to_owned(), None));
    }

    /// From now on this comes in the place of `document`.
    pub fn reply(&self, document: Document, reply: Reply) {
        self.state().replies.insert(document, reply);
    }

    /// From now on every signed ID token goes through `forge`.
    pub fn forge(&self, forge: impl Fn(&str) -> String + Send + Sync + 'static) {
        self.state().forged = Some(Arc::new(forge));
    }

    /// From now on it redeems codes without asking for a code verifier.
    pub fn forget_pkce(&self) {
        self.state().lax = true;
    }

    /// From now on nobody is signed in: the browser comes back with this error.
    pub fn refuse_with(&self, error: &str, description: &str) {
        self.state().refuses_with = Some((error.to_owned(), description.to_owned()));
    }

    /// Forgets what it was asked and what it has issued: of a million sign-ins that is a lot.
    pub fn forget(&self) {
        let mut state = self.state();
        state.asked.clear();
        state.issued.clear();
    }

    /// Honest again, in everything but its keys.
    pub fn be_honest(&self) {
        let mut state = self.state();
        state.changes.clear();
        state.replies.clear();
        state.forged = None;
        state.refuses_with = None;
    }

    /// Signs with `key` from now on, and publishes it.
    pub fn rotate_to(&self, key: SigningKey) {
        self.publish(&[&key]);
        self.sign_with(key);
    }

    /// Signs with `key` from now on, whatever it publishes.
    pub fn sign_with(&self, key: SigningKey) {
        self.state().key = key;
    }

    /// Publishes these keys and no others.
    pub fn publish(&self, keys: &[&SigningKey]) {
        self.state().published = keys.iter().map(|key| key.jwk()).collect();
    }

    /// Which documents were asked for, in order; forgets them.
    pub fn take_asked(&self) -> Vec<Document> {
        self.state().asked.drain(..).map(|asked| asked.document).collect()
    }

    /// The requests for `document` so far.
    pub fn requests(&self, document: Document) -> Vec<Asked> {
        self.state().asked.iter().filter(|asked| asked.document == document).cloned().collect()
    }

    /// Addresses that were called and that it has not published.
    pub fn strays(&self) -> Vec<String> {
        self.state().strays.clone()
    }

    /// Every secret that it has handed out or been told.
    pub fn secrets(&self) -> Vec<String> {
        let mut secrets = self.state().issued.clone();
        secrets.push(CLIENT_SECRET.to_owned());
        secrets
    }

    /// What happens when `user` signs in there: the browser arrives with `request`, and leaves with
    /// the response.
    pub fn authorize(&self, request: &Url, user: &str) -> Callback {
        assert!(request.as_str().starts_with(&format!("{}/authorize?", self.issuer)), "{request}");
        let query: HashMap<String, String> = request.query_pairs().into_owned().collect();
        assert_eq!(query["client_id"], CLIENT_ID);
        let redirect_uri = query["redirect_uri"].clone();
        let mut parameters = Vec::new();
        let refuses_with = self.state().refuses_with.clone();
        if let Some((error, description)) = refuses_with {
            parameters.push(("error".to_owned(), error));
            parameters.push(("error_description".to_owned(), description));
        } else {
            let grant = Grant {
                user: user.to_owned(),
                nonce: query.get("nonce").cloned(),
                challenge: query.get("code_challenge").cloned(),
                redirect_uri: redirect_uri.clone(),
                signed_in_at: self.clock.unix(),
            };
            let code = self.issue_code(grant.clone());
            parameters.push(("code".to_owned(), code.clone()));
            if query["response_type"] == "code id_token" {
                let token = self.id_token_beside(&grant, &code);
                parameters.push(("id_token".to_owned(), token));
            }
            parameters.extend(self.state().beside_code.clone());
        }
        parameters.push(("state".to_owned(), query["state"].clone()));
        if self.document(Document::Metadata)[ISS_PARAMETER] == json!(true) {
            parameters.push(("iss".to_owned(), self.issuer.clone()));
        }
        let posted = query.get("response_mode").is_some_and(|mode| mode == "form_post");
        self.state().issued.extend([query["state"].clone(), query["nonce"].clone()]);
        Callback { from: self.issuer.clone(), redirect_uri, parameters, posted }
    }

    /// What an application gets that signs `user` in by itself: the token endpoint's answer, to be
    /// posted as it is.
    pub fn hand_out(&self, user: &str) -> Value {
        let grant = Grant {
            user: user.to_owned(),
            nonce: None,
            challenge: None,
            redirect_uri: String::new(),
            signed_in_at: self.clock.unix(),
        };
        let mut state = self.state();
        self.tokens(&mut state, &grant)
    }

    /// An access token for `audience`, as `user` gets one in some other application; `change` makes
    /// it say something else before it is signed.
    pub fn access_token(
        &self,
        user: &str,
        audience: &str,
        change: impl FnOnce(&mut Value),
    ) -> String {
        let now = self.clock.unix();
        let mut claims = json!({
            "iss": self.issuer,
            "sub": user,
            "aud": audience,
            "exp": now + 3_600,
            "nbf": now,
            "iat": now,
            "azp": "cli",
            "scp": "read",
            "name": capitalised(user),
        });
        change(&mut claims);
        let mut state = self.state();
        let header = json!({"alg": state.key.algorithm, "kid": state.key.kid, "typ": "at+jwt"});
        let token = state.key.token(&header, &claims);
        state.issued.push(token.clone());
        token
    }

    fn id_token_beside(&self, grant: &Grant, code: &str) -> String {
        let mut state = self.state();
        let token = self.id_token(&state, grant, ("c_hash", code), Document::IdTokenBesideCode);
        state.issued.push(token.clone());
        token
    }

    fn issue_code(&self, grant: Grant) -> String {
        let mut state = self.state();
        let code = format!("CODE-{}-{:08}", self.name, state.issued.len());
        state.codes.insert(code.clone(), grant);
        state.issued.push(code.clone());
        code
    }

    /// One of its documents as it is now, lies included.
    fn document(&self, document: Document) -> Value {
        let state = self.state();
        self.told(&state, document, self.honest(&state, document))
    }

    fn honest(&self, state: &State, document: Document) -> Value {
        let at = |path: &str| format!("{}/{path}", self.issuer);
        match document {
            Document::Metadata => json!({
                "issuer": self.issuer,
                "authorization_endpoint": at("authorize"),
                "token_endpoint": at("token"),
                "userinfo_endpoint": at("userinfo"),
                "jwks_uri": at("keys"),
                "response_types_supported": ["code"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256", "ES256", "EdDSA"],
                "code_challenge_methods_supported": ["S256"],
                ISS_PARAMETER: true,
            }),
            Document::Keys => json!({"keys": state.published}),
            Document::Groups => json!({"value": ["group-1", "group-2"]}),
            _ => json!({}),
        }
    }

    fn told(&self, state: &State, document: Document, mut honest: Value) -> Value {
        let members: &mut Map<String, Value> = honest.as_object_mut().unwrap();
        for (_, member, value) in state.changes.iter().filter(|(about, ..)| *about == document) {
            match value {
                Some(value) => members.insert(member.clone(), value.clone()),
                None => members.remove(member),
            };
        }
        honest
    }

    /// The answer to one request, or what keeps it from coming.
    async fn answer(&self, request: Request<Bytes>) -> Result<Response<Bytes>, BoxError> {
        let base = Url::parse(&self.issuer).unwrap().path().trim_end_matches('/').to_owned();
        let path = request.uri().path();
        let document = match path.strip_prefix(&base).unwrap_or(path) {
            "/.well-known/openid-configuration" => Document::Metadata,
            "/v1.0/me/getMemberObjects" => Document::Groups,
            "/keys" => Document::Keys,
            "/token" => Document::Token,
            "/userinfo" => Document::Userinfo,
            _ => {
                self.state().strays.push(request.uri().to_string());
                return Err("no such address".into());
            }
        };
        self.note(document, &request);
        // Networks take their time: others get theirs.
        tokio::task::yield_now().await;
        let reply = self.state().replies.get(&document).cloned();
        match reply {
            None => {}
            Some(Reply::Late(span)) => tokio::time::sleep(span).await,
            Some(Reply::Never) => return future::pending().await,
            Some(Reply::Unreachable) => return Err("connection refused".into()),
            Some(Reply::Redirect(location)) => {
                let response = Response::builder().status(302).header(header::LOCATION, location);
                return Ok(response.body(Bytes::new())?);
            }
            Some(Reply::Raw(status, content_type, body)) => {
                let response = Response::builder().status(status);
                return Ok(response.header(header::CONTENT_TYPE, content_type).body(body)?);
            }
        }
        Ok(match document {
            Document::Token => self.redeem(&request),
            Document::Userinfo => self.userinfo(&request),
            _ => json_response(StatusCode::OK, &self.document(document)),
        })
    }

    fn note(&self, document: Document, request: &Request<Bytes>) {
        let mut state = self.state();
        let (uri, headers) = (request.uri().to_string(), request.headers().clone());
        let asked = Asked { document, uri, headers, body: request.body().clone() };
        state.issued.extend(asked.parameter("code_verifier"));
        state.asked.push(asked);
    }

    fn redeem(&self, request: &Request<Bytes>) -> Response<Bytes> {
        let form: HashMap<String, String> =
            form_urlencoded::parse(request.body()).into_owned().collect();
        let refused = |error| json_response(StatusCode::BAD_REQUEST, &json!({"error": error}));
        if !is_client(request.headers(), &form) && !self.client_proof(&form) {
            return refused("invalid_client");
        }
        let mut state = self.state();
        if let Some(token) = form.get("refresh_token") {
            let grant = state.refreshable.remove(token).map(|grant| Grant { nonce: None, ..grant });
            let Some(grant) = grant else { return refused("invalid_grant") };
            let answer = self.tokens(&mut state, &grant);
            return json_response(StatusCode::OK, &answer);
        }
        let grant = form.get("code").and_then(|code| state.codes.remove(code));
        let Some(grant) = grant else { return refused("invalid_grant") };
        let challenge = form.get("code_verifier").map(|verifier| s256(verifier));
        let proven = state.lax || grant.challenge == challenge;
        if !proven || form.get("redirect_uri") != Some(&grant.redirect_uri) {
            return refused("invalid_grant");
        }
        let answer = self.tokens(&mut state, &grant);
        json_response(StatusCode::OK, &answer)
    }

    /// Whether a signed statement proves the client (RFC 7523 §3), or a secret of Apple's kind does.
    fn client_proof(&self, form: &HashMap<String, String>) -> bool {
        let (statement, author) = match (form.get("client_assertion"), form.get("client_secret")) {
            (Some(assertion), None) => {
                let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
                assert_eq!(form["client_assertion_type"], kind);
                (assertion, CLIENT_ID)
            }
            (None, Some(secret)) => (secret, TEAM_ID),
            _ => return false,
        };
        let Some(claims) = verify_statement(statement) else { return false };
        let audiences = [self.issuer.clone(), format!("{}/token", self.issuer)];
        let once = claims["jti"].as_str().is_none_or(|id| {
            let mut state = self.state();
            let new = !state.issued.iter().any(|issued| issued == id);
            state.issued.push(id.to_owned());
            new
        });
        let now = self.clock.unix();
        once && claims["iss"] == author
            && claims["sub"] == CLIENT_ID
            && form["client_id"] == CLIENT_ID
            && audiences.iter().any(|audience| claims["aud"] == *audience)
            && (now..=now + 300).contains(&claims["exp"].as_i64().unwrap())
            && claims["iat"].as_i64().unwrap() <= now
    }

    fn tokens(&self, state: &mut State, grant: &Grant) -> Value {
        let number = state.issued.len();
        // Whom an access token is for stands in it, so that userinfo needs no memory.
        let access_token = format!("ACCESS-{number:08}-{}", grant.user);
        let refresh_token = format!("REFRESH-{number:08}");
        let id_token = self.id_token(state, grant, ("at_hash", &access_token), Document::IdToken);
        state.issued.extend([&access_token, &refresh_token, &id_token].map(Clone::clone));
        state.refreshable.insert(refresh_token.clone(), grant.clone());
        let honest = json!({
            "access_token": access_token,
            "token_type": "Bearer",
            "expires_in": 3600,
            "refresh_token": refresh_token,
            "id_token": id_token,
            "scope": "openid profile email",
        });
        self.told(state, Document::Token, honest)
    }

    /// An ID token that vouches for `beside` by a hash of this name.
    fn id_token(
        &self,
        state: &State,
        grant: &Grant,
        (hash, beside): (&str, &str),
        document: Document,
    ) -> String {
        let now = self.clock.unix();
        let digest = digest::digest(&digest::SHA256, beside.as_bytes());
        let mut claims = json!({
            "iss": self.issuer,
            "sub": grant.user,
            "aud": CLIENT_ID,
            "exp": now + 3_600,
            "iat": now,
            "auth_time": grant.signed_in_at,
            "name": capitalised(&grant.user),
            "email": format!("{}@{}.example", grant.user, self.name),
        });
        claims[hash] = json!(BASE64_URL_SAFE_NO_PAD.encode(&digest.as_ref()[..16]));
        if let Some(nonce) = &grant.nonce {
            claims["nonce"] = json!(nonce);
        }
        if state.key.algorithm == "EdDSA" {
            // Its hash is SHA-512; a provider may leave the claim out here (Core §3.1.3.6).
            claims.as_object_mut().unwrap().remove(hash);
        }
        let header = json!({"alg": state.key.algorithm, "kid": state.key.kid, "typ": "JWT"});
        let header = self.told(state, Document::IdTokenHeader, header);
        let claims = self.told(state, document, claims);
        let token = state.key.token(&header, &claims);
        state.forged.as_ref().map_or(token.clone(), |forge| forge(&token))
    }

    fn userinfo(&self, request: &Request<Bytes>) -> Response<Bytes> {
        let authorization = request.headers()[header::AUTHORIZATION].to_str().unwrap();
        let user = authorization.strip_prefix("Bearer ACCESS-").and_then(|rest| rest.get(9..));
        let Some(user) = user else {
            return json_response(StatusCode::UNAUTHORIZED, &json!({"error": "invalid_token"}));
        };
        let honest = json!({"sub": user, "locale": "en-NZ"});
        let state = self.state();
        json_response(StatusCode::OK, &self.told(&state, Document::Userinfo, honest))
    }
}

/// A provider's response on its way through the browser. Stories may change it there.
#[derive(Clone, Debug)]
pub struct Callback {
    /// The site that the browser comes from.
    pub from: String,
    pub redirect_uri: String,
    pub parameters: Vec<(String, String)>,
    /// By a form that is posted, rather than in the query.
    pub posted: bool,
}

impl Callback {
    pub fn get(&self, name: &str) -> &str {
        let found = self.parameters.iter().find(|(found, _)| found == name);
        &found.unwrap_or_else(|| panic!("no {name} in {:?}", self.parameters)).1
    }

    /// The same response with another value of one parameter.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.parameters.retain(|(found, _)| found != name);
        self.and(name, value)
    }

    /// The same response without a parameter.
    pub fn without(mut self, name: &str) -> Self {
        self.parameters.retain(|(found, _)| found != name);
        self
    }

    /// The same response with a further parameter, be there one of this name or not.
    pub fn and(mut self, name: &str, value: &str) -> Self {
        self.parameters.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The parameters as they are written.
    pub fn encoded(&self) -> String {
        form_urlencoded::Serializer::new(String::new()).extend_pairs(&self.parameters).finish()
    }
}

/// The network: whoever of `providers` has the host answers. Nobody else can be reached.
pub fn network(providers: &[FakeProvider]) -> HttpClient {
    let providers = providers.to_vec();
    BoxCloneSyncService::new(tower::service_fn(move |request: Request<Bytes>| {
        let address = request.uri().to_string();
        let here = |provider: &&FakeProvider| address.starts_with(&format!("{}/", provider.issuer));
        let provider = providers.iter().find(here).cloned();
        if provider.is_none()
            && let Some(first) = providers.first()
        {
            first.state().strays.push(address);
        }
        async move { provider.ok_or("no such host")?.answer(request).await }
    }))
}

fn is_client(headers: &HeaderMap, form: &HashMap<String, String>) -> bool {
    let basic = BASE64_STANDARD.encode(format!("{CLIENT_ID}:{CLIENT_SECRET}"));
    let in_header = headers.get(header::AUTHORIZATION).map(|value| value.to_str().unwrap());
    let in_form = form.get("client_secret").map(String::as_str);
    match (in_header, in_form) {
        (Some(header), None) => header == format!("Basic {basic}"),
        (None, Some(secret)) => secret == CLIENT_SECRET,
        _ => false,
    }
}

fn json_response(status: StatusCode, document: &Value) -> Response<Bytes> {
    let response = Response::builder().status(status);
    let response = response.header(header::CONTENT_TYPE, "application/json");
    response.body(Bytes::from(document.to_string())).unwrap()
}

/// The challenge of a code verifier (RFC 7636 §4.2).
pub fn s256(verifier: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, verifier.as_bytes()))
}

fn capitalised(name: &str) -> String {
    let (first, rest) = name.split_at(1);
    format!("{}{rest}", first.to_uppercase())
}

pub const CLIENT_ID: &str = "web";
/// Whose client we are in statements of Apple's kind.
pub const TEAM_ID: &str = "TEAM123456";
/// Free of characters that would have to be escaped in a `Basic` header, and good for signing.
pub const CLIENT_SECRET: &str = "CLIENT-SECRET-0123456789-ABCDEFGHIJ";
const ISS_PARAMETER: &str = "authorization_response_iss_parameter_supported";
