//! A browser: a jar of cookies with the rules of RFC 6265bis, and the headers that tell a site
//! where a request comes from.

use std::time::Duration;

use bytes::Bytes;
use cookie::{Cookie, Expiration, SameSite};
use easyauth::clock::Clock;
use http::{Method, Request, header, request};
use http_body_util::Full;
use url::Url;

use super::{Answer, App, Callback, FakeProvider};

/// A browser in front of one application. A clone is another one with the same cookies.
#[derive(Clone)]
pub struct Browser {
    app: App,
    jar: Vec<Kept>,
    /// The page that is shown: where navigations begin. `None` if it is a blank one.
    page: Option<Url>,
    /// Whether it sends `Sec-Fetch-*`, as all have since 2023.
    pub modern: bool,
    /// The application's origin, which paths are relative to.
    pub origin: Url,
}

/// A cookie in the jar. All of them are for one host only.
#[derive(Clone, Debug)]
struct Kept {
    host: String,
    name: String,
    value: String,
    path: String,
    secure: bool,
    same_site: SameSite,
    expires: Option<i64>,
}

impl Browser {
    pub fn new(app: &App) -> Self {
        let origin = Url::parse("https://app.example/").unwrap();
        Self { app: app.clone(), jar: Vec::new(), page: None, modern: true, origin }
    }

    /// The same browser in front of another node.
    pub fn at(mut self, app: &App) -> Self {
        self.app = app.clone();
        self
    }

    /// Somebody opens `url`, or a path of the application, by a link on the page shown.
    pub async fn visit(&mut self, url: &str) -> Answer {
        let url = self.resolve(url);
        self.navigate(&Method::GET, &url, Bytes::new()).await
    }

    /// A form on the page shown is posted.
    pub async fn post(&mut self, url: &str, form: &str) -> Answer {
        let url = self.resolve(url);
        self.navigate(&Method::POST, &url, Bytes::copy_from_slice(form.as_bytes())).await
    }

    /// A script on the application's own page asks.
    pub async fn fetch(&mut self, path: &str) -> Answer {
        let url = self.resolve(path);
        let request = Request::get(path_of(&url)).header(header::ACCEPT, "application/json");
        let request = self.told(request, "same-origin", "cors");
        self.send(&url, request, Bytes::new(), true).await
    }

    /// Sends a request of the story's own making to the application, with the cookies.
    pub async fn send_raw(&mut self, request: request::Builder) -> Answer {
        let url = self.origin.clone();
        self.send(&url, request, Bytes::new(), true).await
    }

    /// Comes back from a provider.
    pub async fn come_back(&mut self, callback: &Callback) -> Answer {
        self.page = Some(Url::parse(&callback.from).unwrap());
        if callback.posted {
            self.post(&callback.redirect_uri, &callback.encoded()).await
        } else {
            self.visit(&format!("{}?{}", callback.redirect_uri, callback.encoded())).await
        }
    }

    /// Begins to sign in, and is at the provider then.
    pub async fn begin(&mut self, provider: &FakeProvider) -> Url {
        let answer = self.visit(&format!("/.auth/login/{}", provider.name)).await;
        Url::parse(answer.location()).unwrap()
    }

    /// Signs in as `user`, whatever comes of it. The answer is the callback's.
    pub async fn try_sign_in(&mut self, provider: &FakeProvider, user: &str) -> Answer {
        let there = self.begin(provider).await;
        self.come_back(&provider.authorize(&there, user)).await
    }

    /// Signs in as `user`.
    pub async fn sign_in(&mut self, provider: &FakeProvider, user: &str) {
        let answer = self.try_sign_in(provider, user).await;
        assert_eq!(answer.status, 302, "{answer:?}");
        assert!(self.has_session(), "{answer:?}");
    }

    /// Who the application takes this browser's user for.
    pub async fn user(&mut self) -> Option<String> {
        let answer = self.fetch("/").await;
        if answer.status == 401 { None } else { answer.user() }
    }

    pub fn has_session(&self) -> bool {
        self.cookie("AppServiceAuthSession").is_some()
    }

    /// The value of a cookie for the application.
    pub fn cookie(&self, name: &str) -> Option<&str> {
        self.jar.iter().find(|kept| kept.name == name).map(|kept| kept.value.as_str())
    }

    /// Names and values of all cookies.
    pub fn cookies(&self) -> Vec<(String, String)> {
        self.jar.iter().map(|kept| (kept.name.clone(), kept.value.clone())).collect()
    }

    /// The pending logins' cookies.
    pub fn logins(&self) -> Vec<(String, String)> {
        let mut all = self.cookies();
        all.retain(|(name, _)| name.contains("EasyAuthLogin-"));
        all
    }

    /// Somebody else puts a cookie into the jar: a sibling site, or the user by hand.
    pub fn plant(&mut self, name: &str, value: &str) {
        self.jar.retain(|kept| kept.name != name);
        self.jar.push(Kept {
            host: self.origin.host_str().unwrap().to_owned(),
            name: name.to_owned(),
            value: value.to_owned(),
            path: "/".to_owned(),
            secure: true,
            same_site: SameSite::Lax,
            expires: None,
        });
    }

    /// Loses a cookie.
    pub fn lose(&mut self, name: &str) {
        self.jar.retain(|kept| kept.name != name);
    }

    /// Loses all cookies.
    pub fn lose_all(&mut self) {
        self.jar.clear();
    }

    /// Goes to another site; navigations begin there.
    pub fn go_to(&mut self, url: &str) {
        self.page = Some(Url::parse(url).unwrap());
    }

    fn resolve(&self, url: &str) -> Url {
        self.origin.join(url).unwrap()
    }

    async fn navigate(&mut self, method: &Method, url: &Url, body: Bytes) -> Answer {
        let relation = self.relation(url);
        let mut request = Request::builder().method(method).uri(path_of(url));
        request = request.header(header::ACCEPT, HTML);
        if *method == Method::POST {
            request = request
                .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
                .header(header::ORIGIN, self.page_origin());
        }
        let request = self.told(request, relation, "navigate");
        let lax = relation != "cross-site" || method.is_safe();
        let answer = self.send(url, request, body, lax).await;
        self.page = Some(url.clone());
        answer
    }

    async fn send(
        &mut self,
        url: &Url,
        request: request::Builder,
        body: Bytes,
        lax: bool,
    ) -> Answer {
        let cookies = self.cookies_for(url, lax);
        let mut request = request.header(header::HOST, authority(url));
        if !cookies.is_empty() {
            request = request.header(header::COOKIE, cookies);
        }
        let request = request.body(Full::new(body)).unwrap();
        let answer = self.app.send(request).await;
        for line in answer.set_cookies() {
            self.keep(url, line);
        }
        answer
    }

    fn told(&self, request: request::Builder, site: &str, mode: &str) -> request::Builder {
        if !self.modern {
            return request;
        }
        let destination = if mode == "navigate" { "document" } else { "empty" };
        request
            .header("sec-fetch-site", site)
            .header("sec-fetch-mode", mode)
            .header("sec-fetch-dest", destination)
    }

    fn relation(&self, url: &Url) -> &'static str {
        match &self.page {
            None => "none",
            Some(page) if page.origin() == url.origin() => "same-origin",
            Some(page) if site(page) == site(url) => "same-site",
            Some(_) => "cross-site",
        }
    }

    fn page_origin(&self) -> String {
        self.page.as_ref().map_or("null".to_owned(), |page| page.origin().ascii_serialization())
    }

    /// What goes with a request to `url`; `lax` if cookies of `SameSite=Lax` do.
    fn cookies_for(&self, url: &Url, lax: bool) -> String {
        let now = self.app.clock.now().as_unix();
        let goes = |kept: &&Kept| {
            kept.host == url.host_str().unwrap_or_default()
                && url.path().starts_with(&kept.path)
                && (!kept.secure || url.scheme() == "https")
                && kept.expires.is_none_or(|expires| expires > now)
                && match kept.same_site {
                    SameSite::None => true,
                    SameSite::Lax => lax,
                    SameSite::Strict => self.relation(url) != "cross-site",
                }
        };
        let pairs =
            self.jar.iter().filter(goes).map(|kept| format!("{}={}", kept.name, kept.value));
        pairs.collect::<Vec<_>>().join("; ")
    }

    /// Keeps what a `Set-Cookie` line says. That the browser would refuse it is a bug of ours.
    fn keep(&mut self, url: &Url, line: &str) {
        let cookie = Cookie::parse(line.to_owned()).unwrap();
        let (name, value) = cookie.name_value();
        let secure = cookie.secure() == Some(true);
        let path = cookie.path().expect("our cookies have a path");
        let same_site = cookie.same_site().expect("our cookies say SameSite");
        assert!(!name.is_empty() && line.len() <= 4096, "{line}");
        assert!(cookie.domain().is_none() && cookie.http_only() == Some(true), "{line}");
        assert!(!secure || url.scheme() == "https", "{line}");
        assert!(same_site != SameSite::None || secure, "{line}");
        assert!(!name.starts_with("__Host-") || (secure && path == "/"), "{line}");
        let expires = match cookie.expires() {
            Some(Expiration::DateTime(moment)) => Some(moment.unix_timestamp()),
            _ => None,
        };
        let host = url.host_str().unwrap().to_owned();
        self.jar.retain(|kept| !(kept.host == host && kept.name == name && kept.path == path));
        if expires.is_none_or(|expires| expires > self.app.clock.now().as_unix()) {
            let (name, value, path) = (name.to_owned(), value.to_owned(), path.to_owned());
            self.jar.push(Kept { host, name, value, path, secure, same_site, expires });
        }
    }

    /// How long the browser will keep a cookie; `None` if until it is closed.
    pub fn keeps(&self, name: &str) -> Option<Duration> {
        let kept = self.jar.iter().find(|kept| kept.name == name).expect("a cookie");
        let left = kept.expires? - self.app.clock.now().as_unix();
        Some(Duration::from_secs(left.unsigned_abs()))
    }
}

/// Scheme and registrable domain; two labels will do for names in tests.
fn site(url: &Url) -> (String, String) {
    let host = url.host_str().unwrap_or_default();
    let labels: Vec<&str> = host.rsplit('.').take(2).collect();
    (url.scheme().to_owned(), labels.join("."))
}

fn authority(url: &Url) -> String {
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}{port}", url.host_str().unwrap())
}

fn path_of(url: &Url) -> String {
    let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
    format!("{}{query}", url.path())
}

const HTML: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
