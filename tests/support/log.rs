//! What has been written to the log.

use std::cell::RefCell;
use std::io;
use std::sync::Once;

/// Everything that this thread logs, at any level, from [`listen`](Self::listen) on.
pub struct Log(());

impl Log {
    pub fn listen() -> Self {
        Self::install();
        LINES.with_borrow_mut(Vec::clear);
        Self(())
    }

    pub fn text(&self) -> String {
        LINES.with_borrow(|lines| String::from_utf8_lossy(lines).into_owned())
    }

    /// One subscriber for all stories of a binary, there before the first of them logs: one that
    /// comes and goes with a thread may miss lines of others.
    pub(super) fn install() {
        static ONCE: Once = Once::new();
        ONCE.call_once(|| {
            let subscriber = tracing_subscriber::fmt()
                .with_max_level(tracing::Level::TRACE)
                .with_ansi(false)
                .with_writer(|| Line)
                .finish();
            tracing::subscriber::set_global_default(subscriber).unwrap();
        });
    }
}

thread_local! {
    static LINES: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

struct Line;

impl io::Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LINES.with_borrow_mut(|lines| lines.extend_from_slice(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
