//! placeholder
/// Where to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ReturnTo(String);
