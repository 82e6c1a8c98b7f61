//! oauth
pub(crate) mod authorization;
pub(crate) mod json;
pub(crate) mod token;
