//! How much is said, and until when.
//!
//! Enters: a level in the words of the operator, and for how long. Leaves: a filter that is changed
//! while the program runs, and changed back. Never: a level that is understood in part; more than
//! `debug` from the libraries below, which may print tokens at `trace`.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use tokio::task::AbortHandle;
use tracing_subscriber::{EnvFilter, Registry, reload};

use super::tell;
use crate::access::push_time;

/// The longest text of a level.
const LONGEST: usize = 512;
/// The parts of the program that may have a level of their own.
const PARTS: usize = 16;
/// What begins the names of our own crates.
const OURS: &str = "toolgate";

/// What a level looks like, for whoever wrote another.
pub(crate) const FORMS: &str = "use off, error, warn, info, debug or trace, and after it parts of \
                                the program with their own: info,toolgate_reach=debug";

/// A level that is understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Level {
    written: String,
    directives: String,
}

/// The level of this process.
#[derive(Debug)]
pub(crate) struct Levels {
    handle: reload::Handle<EnvFilter, Registry>,
    configured: Level,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    current: Level,
    until: Option<Instant>,
    timer: Option<AbortHandle>,
    /// Counts the changes, so that a timer knows whether it is the last one.
    turn: u64,
}

/// What the level is.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Shown {
    pub(crate) level: String,
    pub(crate) configured: String,
    pub(crate) returns_in_ms: Option<u64>,
}

// === impl Level ===

impl Level {
    /// Reads `info` or `info,toolgate_reach=debug`.
    ///
    /// # Errors
    /// What is wrong with it, for the operator.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let wrong = |why: String| Err(format!("{why}; {FORMS}"));
        if text.len() > LONGEST {
            return wrong(format!("a level has at most {LONGEST} characters"));
        }
        let mut parts = text.split(',').map(str::trim);
        let all = parts.next().unwrap_or_default();
        if !is_level(all) {
            return wrong(format!("{all:?} is no level for the whole program"));
        }
        let mut directives = match all {
            "trace" => format!("debug,{OURS}=trace"),
            level => level.to_owned(),
        };
        let (mut written, mut seen) = (all.to_owned(), Vec::new());
        for part in parts {
            let Some((name, level)) = part.split_once('=') else {
                return wrong(format!("{part:?} is not PART=LEVEL"));
            };
            if !is_name(name) || !is_level(level) {
                return wrong(format!("{part:?} is not PART=LEVEL"));
            }
            if level == "trace" && !name.starts_with(OURS) {
                return wrong(format!("{name} goes to debug: at trace it may print tokens"));
            }
            if seen.contains(&name) || seen.len() == PARTS {
                return wrong(format!(
                    "{name} is there twice, or there are more than {PARTS} parts"
                ));
            }
            seen.push(name);
            directives.push_str(&format!(",{name}={level}"));
            written.push_str(&format!(",{name}={level}"));
        }
        Ok(Self { written, directives })
    }

    fn filter(&self) -> Result<EnvFilter, String> {
        EnvFilter::try_new(&self.directives).map_err(|error| format!("{error}; {FORMS}"))
    }
}

// === impl Levels ===

impl Levels {
    /// A filter for that level, and what changes it.
    ///
    /// # Errors
    /// A sentence for the operator when the level is not understood.
    pub(crate) fn new(
        level: &str,
    ) -> Result<(reload::Layer<EnvFilter, Registry>, Arc<Self>), String> {
        let configured = Level::parse(level)?;
        let (layer, handle) = reload::Layer::new(configured.filter()?);
        let current = configured.clone();
        let state = Mutex::new(State { current, until: None, timer: None, turn: 0 });
        Ok((layer, Arc::new(Self { handle, configured, state })))
    }

    /// What it is now.
    pub(crate) fn shown(&self) -> Shown {
        let state = self.lock();
        let left = state.until.map(|until| until.saturating_duration_since(Instant::now()));
        Shown {
            level: state.current.written.clone(),
            configured: self.configured.written.clone(),
            returns_in_ms: left.map(|left| u64::try_from(left.as_millis()).unwrap_or(u64::MAX)),
        }
    }

    /// Sets it for that long; the configured one for ever. A change before the time is over replaces
    /// this one.
    ///
    /// # Errors
    /// A sentence for the operator when the filter cannot be changed.
    pub(crate) fn set(
        self: &Arc<Self>,
        level: Level,
        time: Duration,
        by: &str,
    ) -> Result<(), String> {
        let mut state = self.lock();
        self.put(&level)?;
        if let Some(timer) = state.timer.take() {
            timer.abort();
        }
        state.turn += 1;
        let (written, back) = (&level.written, &self.configured.written);
        if level == self.configured {
            state.until = None;
            say(&format!("the log level is {written} again, asked for by {by}"));
        } else {
            let time_text = span(time);
            let text = format!("the log level is {written} for {time_text}, asked for by {by}");
            say(&format!("{text}; then {back} again"));
            state.until = Some(Instant::now() + time);
            let (levels, turn) = (Arc::clone(self), state.turn);
            let timer = crate::spawn("log level", async move {
                tokio::time::sleep(time).await;
                levels.return_from(turn);
            });
            state.timer = Some(timer.abort_handle());
        }
        state.current = level;
        Ok(())
    }

    /// Back to the configured level, unless something else was asked for since.
    fn return_from(&self, turn: u64) {
        let mut state = self.lock();
        if state.turn != turn {
            return;
        }
        match self.put(&self.configured) {
            Ok(()) => {
                say(&format!(
                    "the log level is {} again, its time is over",
                    self.configured.written
                ));
                state.current = self.configured.clone();
                state.until = None;
                state.timer = None;
            }
            Err(why) => say(&format!("the log level cannot be changed back: {why}")),
        }
    }

    fn put(&self, level: &Level) -> Result<(), String> {
        let filter = level.filter()?;
        self.handle.reload(filter).map_err(|error| error.to_string())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whatever the level is, a change of it is said.
fn say(text: &str) {
    let mut line = Vec::with_capacity(128);
    push_time(&mut line, SystemTime::now());
    tell(&format!("{} {text}\n", String::from_utf8_lossy(&line)));
}

fn is_level(word: &str) -> bool {
    matches!(word, "off" | "error" | "warn" | "info" | "debug" | "trace")
}

/// The path of a module.
fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | ':'))
}

/// `10m`, as it would be written.
fn span(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0 => format!("{}ms", time.as_millis()),
        _ if seconds.is_multiple_of(3600) => format!("{}h", seconds / 3600),
        _ if seconds.is_multiple_of(60) => format!("{}m", seconds / 60),
        _ => format!("{seconds}s"),
    }
}

#[cfg(test)]
mod tests {
    //! What is understood, and that it returns.

    use std::time::Duration;

    use tracing_subscriber::layer::SubscriberExt as _;

    use super::{Level, Levels, span};

    #[test]
    fn levels_are_understood_whole_or_not_at_all() {
        let parsed = |text: &str| Level::parse(text).map(|level| level.directives);
        for (text, directives) in [
            ("off", "off"),
            ("info", "info"),
            ("trace", "debug,toolgate=trace"),
            ("info,toolgate_reach=debug", "info,toolgate_reach=debug"),
            (
                "warn, hyper=debug,toolgate_mcp::router=trace",
                "warn,hyper=debug,toolgate_mcp::router=trace",
            ),
        ] {
            assert_eq!(parsed(text).unwrap(), directives);
        }
        for text in [
            "",
            "infoo",
            "INFO",
            "toolgate_reach=debug",
            "info,debug",
            "info,=debug",
            "info,toolgate_reach=loud",
            "info,toolgate_reach=debug,toolgate_reach=info",
            "info,h2=trace",
            "info,a[b]=debug",
            "info,",
        ] {
            let why = parsed(text).unwrap_err();
            assert!(why.contains("info,toolgate_reach=debug"), "{text}: {why}");
        }
        let many: String = (0..17).map(|n| format!(",t{n}=info")).collect();
        assert!(parsed(&format!("info{many}")).is_err());
        assert!(parsed(&format!("info,{}=debug", "x".repeat(600))).is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn a_level_counts_at_once_and_returns_when_its_time_is_over() {
        let (layer, levels) = Levels::new("warn").unwrap();
        let subscriber = tracing_subscriber::registry().with(layer);
        let _kept = tracing::subscriber::set_default(subscriber);
        assert!(!tracing::enabled!(tracing::Level::DEBUG));
        let minute = Duration::from_secs(60);
        levels.set(Level::parse("debug").unwrap(), minute, "a test").unwrap();
        assert!(tracing::enabled!(tracing::Level::DEBUG));
        let shown = levels.shown();
        assert_eq!((shown.level.as_str(), shown.configured.as_str()), ("debug", "warn"));
        assert!(shown.returns_in_ms.is_some_and(|left| left <= 60_000));
        // A second change takes the place of the first, and of its time.
        levels.set(Level::parse("info").unwrap(), 10 * minute, "a test").unwrap();
        tokio::time::sleep(2 * minute).await;
        assert_eq!(levels.shown().level, "info");
        assert!(!tracing::enabled!(tracing::Level::DEBUG));
        tokio::time::sleep(9 * minute).await;
        let shown = levels.shown();
        assert_eq!((shown.level.as_str(), shown.returns_in_ms), ("warn", None));
        assert!(!tracing::enabled!(tracing::Level::INFO));
    }

    #[tokio::test(start_paused = true)]
    async fn the_configured_level_ends_a_change_before_its_time() {
        let (layer, levels) = Levels::new("info").unwrap();
        let subscriber = tracing_subscriber::registry().with(layer);
        let _kept = tracing::subscriber::set_default(subscriber);
        let hour = Duration::from_secs(3600);
        levels.set(Level::parse("trace").unwrap(), hour, "a test").unwrap();
        levels.set(Level::parse("info").unwrap(), hour, "a test").unwrap();
        assert_eq!(levels.shown().returns_in_ms, None);
        assert!(!tracing::enabled!(tracing::Level::DEBUG));
    }

    #[test]
    fn times_are_shown_as_they_are_written() {
        let of = |seconds| span(Duration::from_secs(seconds));
        assert_eq!([of(30), of(600), of(7200), of(61)], ["30s", "10m", "2h", "61s"]);
        assert_eq!(span(Duration::from_millis(500)), "500ms");
    }
}
