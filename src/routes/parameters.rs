//! The query of one of our routes.

use http::Uri;
use url::form_urlencoded;

/// Parameters, form-decoded once, in the query's order.
#[derive(Debug)]
pub(super) struct Parameters(Vec<(String, String)>);

/// A parameter of ours that is there more than once: of two values neither can be meant.
#[derive(Debug)]
pub(super) struct Duplicate;

impl Parameters {
    pub(super) fn of(uri: &Uri) -> Self {
        let query = uri.query().unwrap_or_default();
        Self(form_urlencoded::parse(query.as_bytes()).into_owned().collect())
    }

    /// The value of the parameter that goes by any of `names`.
    pub(super) fn one(&self, names: &[&str]) -> Result<Option<&str>, Duplicate> {
        let mut values = self.0.iter().filter(|(name, _)| names.contains(&name.as_str()));
        let first = values.next().map(|(_, value)| value.as_str());
        if values.next().is_some() { Err(Duplicate) } else { Ok(first) }
    }

    /// Those that go by any of `names`.
    pub(super) fn only(self, names: &[&str]) -> Self {
        Self(self.0.into_iter().filter(|(name, _)| names.contains(&name.as_str())).collect())
    }

    /// All of them, for others to choose from.
    pub(super) fn into_pairs(self) -> Vec<(String, String)> {
        self.0
    }
}
