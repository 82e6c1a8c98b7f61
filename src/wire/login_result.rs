//! How a login ends for a program: the JSON of its session token or of what went wrong, as it is,
//! in a fragment, or in a message between windows. The original's SDKs read all three.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;

use super::session_token::sid;
use crate::secret::Secret;
use crate::session::UserKey;

/// A session token, and the name that the original gives to its user.
#[derive(Clone, Debug)]
pub(crate) struct LoginResult {
    authentication_token: Secret<String>,
    user: User,
}

impl LoginResult {
    pub(crate) fn new(session_token: Secret<String>, user: &UserKey) -> Self {
        Self { authentication_token: session_token, user: User { user_id: sid(user) } }
    }

    /// `{"authenticationToken":"…","user":{"userId":"sid:…"}}`: some SDKs want both members, also
    /// after a refresh.
    pub(crate) fn json(&self) -> String {
        write(&self.login())
    }

    /// The same, to stand behind the `#` of a URL.
    pub(crate) fn fragment(&self) -> String {
        format!("token={}", encode(&self.json()))
    }

    /// The message that tells a page of it.
    pub(crate) fn message(&self) -> String {
        write(&Message { oauth: Some(self.login()), ..Message::default() })
    }

    fn login(&self) -> Login<'_> {
        Login { authentication_token: self.authentication_token.expose(), user: &self.user }
    }
}

/// What went wrong, to stand behind the `#` of a URL.
pub(crate) fn error_fragment(error: &str) -> String {
    format!("error={}", encode(error))
}

/// The message that tells a page what went wrong.
pub(crate) fn error_message(error: &str) -> String {
    write(&Message { error: Some(error), ..Message::default() })
}

/// The code of an application, to stand behind the `#` of its URL.
pub(crate) fn code_fragment(code: &Secret<String>) -> String {
    format!("authorization_code={}", code.expose())
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Login<'a> {
    authentication_token: &'a str,
    user: &'a User,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct User {
    user_id: String,
}

#[derive(Serialize)]
struct Message<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    oauth: Option<Login<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
}

impl Default for Message<'_> {
    fn default() -> Self {
        Self { kind: "LoginCompleted", oauth: None, error: None }
    }
}

fn write(value: &impl Serialize) -> String {
    // Writing strings cannot fail.
    serde_json::to_string(value).unwrap_or_default()
}

fn encode(text: &str) -> String {
    utf8_percent_encode(text, COMPONENT).to_string()
}

/// All that JavaScript's `encodeURIComponent` escapes. Some SDKs read a `+` as a space, others take
/// all that follows for the value: neither is left in it.
const COMPONENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'!')
    .remove(b'~')
    .remove(b'*')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')');

#[cfg(test)]
mod tests {
    use percent_encoding::percent_decode_str;
    use url::form_urlencoded;

    use super::*;

    fn result() -> LoginResult {
        LoginResult::new("a.b-c.d_e".into(), &UserKey::new([0xab; 16]))
    }

    const JSON: &str = concat!(
        r#"{"authenticationToken":"a.b-c.d_e","#,
        r#""user":{"userId":"sid:abababababababababababababababab"}}"#
    );

    #[test]
    fn a_result_is_written_as_the_sdks_read_it() {
        assert_eq!(result().json(), JSON);
        assert_eq!(result().message(), format!(r#"{{"type":"LoginCompleted","oauth":{JSON}}}"#));
        assert_eq!(error_message("no \"x\""), r#"{"type":"LoginCompleted","error":"no \"x\""}"#);
    }

    #[test]
    fn a_fragment_means_the_same_to_every_decoder() {
        let fragment = result().fragment();
        let (name, value) = fragment.split_once('=').unwrap();

        assert_eq!(name, "token");
        assert!(value.starts_with("%7B%22authenticationToken%22%3A%22a.b-c.d_e%22%2C"), "{value}");
        assert!(!value.contains(['+', '&', '#', '=', ' ', '"']));
        assert_eq!(percent_decode_str(value).decode_utf8().unwrap(), JSON);
        // As `application/x-www-form-urlencoded`, which is how Java decodes.
        let (decoded, _) = form_urlencoded::parse(value.as_bytes()).next().unwrap();
        assert_eq!(decoded, JSON);
        assert_eq!(error_fragment("a+b c&d=é#"), "error=a%2Bb%20c%26d%3D%C3%A9%23");
    }

    #[test]
    fn a_result_tells_nobody_its_token_by_accident() {
        assert!(!format!("{:?}", result()).contains("a.b-c"));
    }
}
