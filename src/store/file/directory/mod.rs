//! A directory that is ours, and the few things done in it. The names are our own: one path
//! component, never from outside.

#[cfg(not(unix))]
mod portable;
#[cfg(unix)]
mod unix;

#[cfg(not(unix))]
pub(super) use self::portable::Directory;
#[cfg(unix)]
pub(super) use self::unix::Directory;
