//! placeholder
/// Where to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct ReturnTo(String);
