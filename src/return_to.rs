//! placeholder
/// Where to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct ReturnTo(String);
impl ReturnTo {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
    pub(crate) fn from_sealed(s: String) -> Option<Self> {
        Some(Self(s))
    }
}
impl Default for ReturnTo {
    fn default() -> Self {
        Self("/".into())
    }
}
