//! The parameters of a request, as forms and queries carry them.

use std::borrow::Cow;

/// Names and values in their order.
pub(super) struct Parameters(Vec<(String, String)>);

impl Parameters {
    pub(super) fn parse(form: &[u8]) -> Self {
        Self(url::form_urlencoded::parse(form).map(owned).collect())
    }

    /// The value of `name`. Empty ones count as absent (RFC 6749 §3.1).
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.values(name).next()
    }

    /// Whether `name` was given more than once, which no request may do (RFC 6749 §3.1).
    pub(super) fn repeats(&self, name: &str) -> bool {
        self.0.iter().filter(|(given, _)| given == name).count() > 1
    }

    /// A name that was given more than once.
    pub(super) fn any_repeats(&self) -> bool {
        self.0.iter().any(|(name, _)| self.repeats(name))
    }

    fn values(&self, name: &str) -> impl Iterator<Item = &str> {
        let of_that_name =
            move |(given, value): &(String, String)| given == name && !value.is_empty();
        self.0.iter().filter(move |pair| of_that_name(pair)).map(|(_, value)| value.as_str())
    }
}

fn owned((name, value): (Cow<'_, str>, Cow<'_, str>)) -> (String, String) {
    (name.into_owned(), value.into_owned())
}
