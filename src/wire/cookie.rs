//! Our cookies on the wire: finding them in a request, writing them into an answer (RFC 6265).

use std::borrow::Cow;
use std::sync::LazyLock;

use cookie::{Cookie, Expiration, SameSite};
use http::{HeaderMap, HeaderValue, header};
use memchr::memmem::Finder;

use crate::clock::Timestamp;
use crate::pending_login::LoginId;

/// The cookies of one deployment: `Secure` over https, and only there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cookies {
    secure: bool,
}

impl Cookies {
    /// The cookies of an origin that is https, or of one on loopback that is not.
    pub(crate) const fn new(secure: bool) -> Self {
        Self { secure }
    }

    /// Sets the session cookie to `value`, in as many chunks as [`chunks`] says, and deletes the
    /// chunks that an earlier, longer one left in the browser.
    pub(crate) fn set_session(
        self,
        value: &str,
        until: Option<Timestamp>,
        request: &HeaderMap,
    ) -> Vec<HeaderValue> {
        let chunks = value.as_bytes().chunks(CHUNK).map(String::from_utf8_lossy);
        let mut set: Vec<_> = chunks
            .enumerate()
            .filter_map(|(index, chunk)| {
                self.write(&session_name(index), &chunk, until, SameSite::Lax)
            })
            .collect();
        set.extend(self.delete_sent(request, set.len()));
        set
    }

    /// Deletes every chunk of the session cookie: the first always, the others if they were sent.
    pub(crate) fn delete_session(self, request: &HeaderMap) -> Vec<HeaderValue> {
        let first = self.delete(SESSION, SameSite::Lax);
        first.into_iter().chain(self.delete_sent(request, 1)).collect()
    }

    /// Deletes the chunks that were sent, of this index and higher ones.
    fn delete_sent(self, request: &HeaderMap, lowest: usize) -> Vec<HeaderValue> {
        let mut sent: Vec<usize> = session_chunks(request).map(|(index, _)| index).collect();
        sent.retain(|index| *index >= lowest);
        sent.sort_unstable();
        sent.dedup();
        let names = sent.into_iter().map(session_name);
        names.filter_map(|name| self.delete(&name, SameSite::Lax)).collect()
    }

    /// The name of the cookie that keeps the pending login `id`.
    pub(crate) fn login_name(self, id: &LoginId) -> String {
        format!("{}{}", self.login_prefix(), id.as_str())
    }

    /// Sets the cookie of a pending login. A provider that answers with a cross-site POST is sent
    /// back to us without `Lax` cookies, so `cross_site_post` makes it `None`.
    pub(crate) fn set_login(
        self,
        id: &LoginId,
        value: &str,
        until: Timestamp,
        cross_site_post: bool,
    ) -> Option<HeaderValue> {
        let same_site = self.login_same_site(cross_site_post);
        self.write(&self.login_name(id), value, Some(until), same_site)
    }

    /// Deletes the cookie of a pending login.
    pub(crate) fn delete_login(self, id: &LoginId) -> Option<HeaderValue> {
        self.delete(&self.login_name(id), self.login_same_site(true))
    }

    // Browsers refuse `None` without `Secure`; over http, on loopback, everything is one site.
    const fn login_same_site(self, cross_site_post: bool) -> SameSite {
        if cross_site_post && self.secure { SameSite::None } else { SameSite::Lax }
    }

    /// The pending logins whose cookies the request brought, oldest first; no more than
    /// [`MOST_LOGINS_READ`] of them.
    pub(crate) fn logins(self, request: &HeaderMap) -> Vec<LoginId> {
        let prefix = self.login_prefix().as_bytes();
        let mut logins: Vec<_> = pairs(request)
            .filter_map(|pair| pair.strip_prefix(prefix)?.split(|byte| *byte == b'=').next())
            .filter_map(|id| LoginId::parse(std::str::from_utf8(trim(id)).ok()?))
            .collect();
        logins.sort_unstable();
        logins.dedup();
        // Ours are few. Each that is deleted is a line of the answer, and an answer has an end.
        logins.truncate(MOST_LOGINS_READ);
        logins
    }

    /// Marks, for `seconds`, that this browser has just come back from a provider.
    pub(crate) fn set_returned(self, until: Timestamp) -> Option<HeaderValue> {
        self.write(RETURNED, "1", Some(until), SameSite::Lax)
    }

    /// Forgets that this browser came back from a provider.
    pub(crate) fn delete_returned(self) -> Option<HeaderValue> {
        self.delete(RETURNED, SameSite::Lax)
    }

    const fn login_prefix(self) -> &'static str {
        if self.secure { "__Host-EasyAuthLogin-" } else { "EasyAuthLogin-" }
    }

    // A deletion carries the attributes of what it deletes: browsers drop a `Set-Cookie` of a
    // `__Host-` name without them, and the cookie would stay.
    fn delete(self, name: &str, same_site: SameSite) -> Option<HeaderValue> {
        self.write(name, "deleted", Some(Timestamp::from_unix(0)), same_site)
    }

    fn write(
        self,
        name: &str,
        value: &str,
        until: Option<Timestamp>,
        same_site: SameSite,
    ) -> Option<HeaderValue> {
        let cookie = Cookie::build((name, value))
            .path("/")
            .secure(self.secure)
            .http_only(true)
            .same_site(same_site)
            .expires(Expiration::Session)
            .build();
        spell(&cookie, until)
    }
}

/// Writes a cookie with its attributes in Easy Auth's order and case, which is not the one in which
/// the `cookie` crate prints them.
fn spell(cookie: &Cookie<'_>, until: Option<Timestamp>) -> Option<HeaderValue> {
    let (name, value) = cookie.name_value();
    let mut line = format!("{name}={value}; path={}", cookie.path().unwrap_or("/"));
    if cookie.secure() == Some(true) {
        line.push_str("; secure");
    }
    if cookie.http_only() == Some(true) {
        line.push_str("; HttpOnly");
    }
    if let Some(until) = until {
        line.push_str("; expires=");
        line.push_str(&until.to_http_date());
    }
    if let Some(same_site) = cookie.same_site() {
        line.push_str("; SameSite=");
        line.push_str(&same_site.to_string());
    }
    HeaderValue::try_from(line).ok()
}

/// The values that the request has for the session cookie, joined from their chunks.
///
/// Normally there is one. A sibling domain can add its own under the same name; which of them is
/// ours only opening tells, so up to [`MAX_CANDIDATES`] are returned. Chunks of several values cannot
/// be told apart: then there are none.
pub(crate) fn sessions(request: &HeaderMap) -> impl Iterator<Item = Cow<'_, [u8]>> {
    let firsts = session_chunks(request).filter(|(index, _)| *index == 0);
    firsts.take(MAX_CANDIDATES).filter_map(|(_, first)| join(first, request))
}

/// Whether the request brought a session cookie, good or bad.
pub(crate) fn has_session(request: &HeaderMap) -> bool {
    session_chunks(request).any(|(index, _)| index == 0)
}

/// The value of a cookie that the request brought exactly once.
pub(crate) fn value<'a>(request: &'a HeaderMap, name: &str) -> Option<&'a [u8]> {
    let mut values = values(request, name);
    let value = values.next()?;
    values.next().is_none().then_some(value)
}

/// Whether this browser has just come back from a provider.
pub(crate) fn returned(request: &HeaderMap) -> bool {
    values(request, RETURNED).next().is_some()
}

/// How many cookies a session value of `length` characters takes. `None` if it takes too many.
pub(crate) const fn chunks(length: usize) -> Option<usize> {
    let chunks = length.div_ceil(CHUNK);
    if chunks <= MAX_CHUNKS { Some(chunks) } else { None }
}

/// The number of chunks that a session value announces in its first character.
pub(crate) fn announced(value: &[u8]) -> Option<usize> {
    let count = usize::from(value.first()?.checked_sub(b'0')?);
    (1..=MAX_CHUNKS).contains(&count).then_some(count)
}

fn join<'a>(first: &'a [u8], request: &HeaderMap) -> Option<Cow<'a, [u8]>> {
    let mut joined = Cow::Borrowed(first);
    for index in 1..announced(first)? {
        let mut chunks = session_chunks(request).filter(|(found, _)| *found == index);
        let (_, chunk) = chunks.next()?;
        if chunks.next().is_some() {
            return None;
        }
        joined.to_mut().extend_from_slice(chunk);
    }
    Some(joined)
}

fn session_name(index: usize) -> String {
    if index == 0 { SESSION.to_owned() } else { format!("{SESSION}{index}") }
}

/// The chunks of session cookies that the request brought, as bytes, by their indices.
fn session_chunks(request: &HeaderMap) -> impl Iterator<Item = (usize, &[u8])> {
    request.get_all(header::COOKIE).iter().flat_map(|header| {
        let line = header.as_bytes();
        FIND_SESSION.find_iter(line).filter_map(|position| chunk_at(line, position))
    })
}

/// The chunk whose name begins at `position`; `None` if what stands there is no whole name. It
/// looks no further around than it must, for the name may be there often.
fn chunk_at(line: &[u8], position: usize) -> Option<(usize, &[u8])> {
    let (before, rest) = line.split_at_checked(position)?;
    let (index, rest) = match rest.get(SESSION.len()..)? {
        [digit @ b'1'..=b'9', rest @ ..] => (usize::from(digit - b'0'), rest),
        rest => (0, rest),
    };
    let value = trim_start(rest).strip_prefix(b"=")?;
    if !matches!(trim_end(before), [] | [.., b';']) {
        return None;
    }
    let end = memchr::memchr(b';', value).unwrap_or(value.len());
    value.get(..end).map(|value| (index, trim(value)))
}

/// The values of the cookies of this name, as bytes.
fn values<'a>(request: &'a HeaderMap, name: &str) -> impl Iterator<Item = &'a [u8]> {
    pairs(request).filter_map(move |pair| {
        let rest = pair.strip_prefix(name.as_bytes())?;
        Some(trim(trim(rest).strip_prefix(b"=")?))
    })
}

/// The name-value pairs of all `Cookie` headers, as bytes, trimmed.
///
/// A pair that is malformed, or another domain's in some foreign encoding, costs only itself. Only
/// spaces and tabs are trimmed: a name behind another kind of white space is another name.
fn pairs(request: &HeaderMap) -> impl Iterator<Item = &[u8]> {
    request.get_all(header::COOKIE).iter().flat_map(|header| {
        let mut rest = Some(header.as_bytes());
        std::iter::from_fn(move || {
            let line = rest?;
            let end = memchr::memchr(b';', line).unwrap_or(line.len());
            rest = line.get(end + 1..);
            line.get(..end).map(trim)
        })
    })
}

fn trim(bytes: &[u8]) -> &[u8] {
    trim_end(trim_start(bytes))
}

fn trim_start(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = bytes {
        bytes = rest;
    }
    bytes
}

fn trim_end(mut bytes: &[u8]) -> &[u8] {
    while let [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    bytes
}

/// The session cookie, under the name that the original gives it.
pub(crate) const SESSION: &str = "AppServiceAuthSession";
/// The most pending logins that one browser keeps; beyond it the oldest go.
pub(crate) const MAX_LOGINS: usize = 5;

const MOST_LOGINS_READ: usize = 64;

/// Finds where the session cookie's name is. Made once, for every request is looked through.
static FIND_SESSION: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(SESSION));

/// Named after the original's guard against redirect loops.
const RETURNED: &str = "RedirectCount";
/// Characters in one chunk of the session cookie, as the original cuts it.
const CHUNK: usize = 2000;
const MAX_CHUNKS: usize = 9;
const MAX_CANDIDATES: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    fn request(cookies: &[&[u8]]) -> HeaderMap {
        cookies
            .iter()
            .map(|line| (header::COOKIE, HeaderValue::from_bytes(line).unwrap()))
            .collect()
    }

    fn found(request: &HeaderMap) -> Vec<Vec<u8>> {
        sessions(request).map(Cow::into_owned).collect()
    }

    fn lines(set: &[HeaderValue]) -> Vec<&str> {
        set.iter().map(|value| value.to_str().unwrap()).collect()
    }

    #[test]
    fn attributes_are_spelled_as_the_original_spells_them() {
        let until = Some(Timestamp::from_unix(0));
        let secure = Cookies::new(true);
        let set = secure.set_session("1abc", until, &HeaderMap::new());

        assert_eq!(
            lines(&set),
            ["AppServiceAuthSession=1abc; path=/; secure; HttpOnly; \
              expires=Thu, 01 Jan 1970 00:00:00 GMT; SameSite=Lax"]
        );
        assert_eq!(
            lines(&Cookies::new(false).set_session("1abc", None, &HeaderMap::new())),
            ["AppServiceAuthSession=1abc; path=/; HttpOnly; SameSite=Lax"]
        );
    }

    #[test]
    fn a_long_session_is_cut_at_2000_characters_and_read_back() {
        for length in [1, 1999, 2000, 2001, 2240, 4000, 4001, 18_000] {
            let count = chunks(length).unwrap();
            let value = format!("{count}{}", "x".repeat(length - 1));
            let set = Cookies::new(true).set_session(&value, None, &HeaderMap::new());
            let sent: Vec<&[u8]> = set
                .iter()
                .map(|set| set.as_bytes().split(|byte| *byte == b';').next().unwrap())
                .collect();

            assert_eq!(sent.len(), count, "{length}");
            assert_eq!(found(&request(&sent)), [value.as_bytes()], "{length}");
        }
        assert_eq!(chunks(18_001), None);
    }

    #[test]
    fn ck_06_a_missing_chunk_or_a_wild_count_is_no_session() {
        let missing = request(&[b"AppServiceAuthSession=3a; AppServiceAuthSession2=c"]);
        assert!(found(&missing).is_empty());
        assert!(has_session(&missing));
        for count in ["0", "-1", "99999999", ":", "", "é"] {
            let line = format!("AppServiceAuthSession={count}");
            let found = found(&request(&[line.as_bytes()]));
            assert!(found.is_empty() || count == "99999999", "{count}");
        }
    }

    #[test]
    fn deleting_a_session_deletes_every_chunk_that_was_sent() {
        let sent = request(&[b"AppServiceAuthSession=2a; AppServiceAuthSession1=b; other=c"]);
        let deleted = Cookies::new(true).delete_session(&sent);
        let expected = |name: &str| {
            format!(
                "{name}=deleted; path=/; secure; HttpOnly; \
                 expires=Thu, 01 Jan 1970 00:00:00 GMT; SameSite=Lax"
            )
        };

        assert_eq!(
            lines(&deleted),
            [expected("AppServiceAuthSession"), expected("AppServiceAuthSession1")]
        );
        let shorter = Cookies::new(true).set_session("1x", None, &sent);
        assert_eq!(shorter[1..], deleted[1..]);
    }

    #[test]
    fn t_37_a_foreign_cookie_costs_only_itself() {
        let tossed = request(&[
            b"other=\xff\xfe; \xe2\x80\x80AppServiceAuthSession=1evil; nameless; =x",
            b"$Version=1; AppServiceAuthSession=1good ; APPSERVICEAUTHSESSION=1evil",
            b"x=AppServiceAuthSession=1evil; xAppServiceAuthSession=1evil; AppServiceAuthSession",
            b"x= AppServiceAuthSession=1evil; AppServiceAuthSessionx=1evil; x AppServiceAuthSession=1",
        ]);

        assert_eq!(found(&tossed), [b"1good"]);
    }

    #[test]
    fn ck_03_every_value_under_our_name_is_a_candidate_up_to_four() {
        let line = (0..9).map(|n| format!("AppServiceAuthSession=1{n}")).collect::<Vec<_>>();
        let two = request(&[line[..2].join("; ").as_bytes()]);
        let many = request(&[line.join("; ").as_bytes()]);

        assert_eq!(found(&two), [b"10", b"11"]);
        assert_eq!(found(&many).len(), MAX_CANDIDATES);
    }

    #[test]
    fn pending_logins_are_told_apart_and_sorted_by_age() {
        let cookies = Cookies::new(true);
        let older = LoginId::new(Timestamp::from_unix(10), [9; 8]);
        let newer = LoginId::new(Timestamp::from_unix(11), [1; 8]);
        let line = format!(
            "{}=b; {}=a; __Host-EasyAuthLogin-../../x=c",
            cookies.login_name(&newer),
            cookies.login_name(&older)
        );

        assert_eq!(cookies.logins(&request(&[line.as_bytes()])), [older.clone(), newer]);
        let set = cookies.set_login(&older, "v", Timestamp::from_unix(0), true).unwrap();
        assert!(set.to_str().unwrap().starts_with("__Host-EasyAuthLogin-"));
        assert!(set.to_str().unwrap().ends_with("; SameSite=None"));
        let local = Cookies::new(false).set_login(&older, "v", Timestamp::from_unix(0), true);
        assert!(local.unwrap().to_str().unwrap().ends_with("; SameSite=Lax"));
    }
}
