//! What the application's owner decides.

pub(crate) mod paths;
