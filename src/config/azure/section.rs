//! One object of the file: its members are taken by name, and what nobody took is an error.

use std::time::Duration;

use super::spelling;
use crate::config::{ConfigError, time_span};
use crate::oauth::json::{Object, Value};

/// An object of the file and its place in it.
///
/// A member that is `null` or an empty text counts as absent, for Azure exports such; an absent
/// object counts as an empty one.
#[derive(Debug)]
pub(super) struct Section<'a> {
    path: String,
    object: Option<&'a Object>,
    known: Vec<&'static str>,
}

impl<'a> Section<'a> {
    /// Reads `object`, which stands at `path`, and refuses what `read` did not take.
    pub(super) fn read<T>(
        path: String,
        object: Option<&'a Object>,
        read: impl FnOnce(&mut Self) -> Result<T, ConfigError>,
    ) -> Result<T, ConfigError> {
        let mut section = Self { path, object, known: Vec::new() };
        let value = read(&mut section)?;
        section.refuse_unknown()?;
        Ok(value)
    }

    /// Reads the object `name`.
    pub(super) fn section<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&mut Self) -> Result<T, ConfigError>,
    ) -> Result<T, ConfigError> {
        let object = self.object(name)?;
        Self::read(self.place(name), object, read)
    }

    /// Reads each object in the object `name`, where members' names are the user's.
    pub(super) fn each(
        &mut self,
        name: &'static str,
        mut read: impl FnMut(&'a str, &mut Self) -> Result<(), ConfigError>,
    ) -> Result<(), ConfigError> {
        let Some(object) = self.object(name)? else { return Ok(()) };
        let place = self.place(name);
        for (member, value) in object.iter().filter(|(_, value)| !is_absent(value)) {
            let path = join(&place, member);
            let Some(object) = value.as_object() else {
                return Err(ConfigError::new(path, OBJECT));
            };
            Self::read(path, Some(object), |section| read(member, section))?;
        }
        Ok(())
    }

    /// Every member, where names are the user's and values are texts.
    pub(super) fn pairs(&mut self) -> Result<Vec<(&'a str, &'a str)>, ConfigError> {
        let Some(object) = self.object.take() else { return Ok(Vec::new()) };
        let members = object.iter().filter(|(_, value)| !is_absent(value));
        members
            .map(|(name, value)| match value.as_str() {
                Some(text) => Ok((name, text)),
                None => Err(self.error(name, "must be a text in quotes")),
            })
            .collect()
    }

    /// The member `name`, of whatever type.
    pub(super) fn take(&mut self, name: &'static str) -> Option<&'a Value> {
        self.known.push(name);
        self.object?.get(name).filter(|value| !is_absent(value))
    }

    /// What the members are called that are here.
    pub(super) fn names(&self) -> Vec<&'a str> {
        let members = self.object.into_iter().flat_map(Object::iter);
        members.filter(|(_, value)| !is_absent(value)).map(|(name, _)| name).collect()
    }

    /// Leaves alone whatever else is here.
    pub(super) fn ignore_rest(&mut self) {
        self.object = None;
    }

    pub(super) fn object(&mut self, name: &'static str) -> Result<Option<&'a Object>, ConfigError> {
        self.typed(name, OBJECT, Value::as_object)
    }

    pub(super) fn text(&mut self, name: &'static str) -> Result<Option<&'a str>, ConfigError> {
        self.typed(name, "must be a text in quotes", Value::as_str)
    }

    pub(super) fn texts(
        &mut self,
        name: &'static str,
    ) -> Result<Option<Vec<&'a str>>, ConfigError> {
        self.typed(name, "must be a list of texts in quotes", Value::as_strings)
    }

    pub(super) fn truth(&mut self, name: &'static str) -> Result<Option<bool>, ConfigError> {
        self.typed(name, "must be true or false, without quotes", Value::as_bool)
    }

    pub(super) fn whole_number(&mut self, name: &'static str) -> Result<Option<u32>, ConfigError> {
        self.typed(name, "must be a whole number, 0 or more, without quotes", |value| match value {
            Value::Number(number) => number.as_u64().and_then(|number| number.try_into().ok()),
            _ => None,
        })
    }

    pub(super) fn time_span(
        &mut self,
        name: &'static str,
    ) -> Result<Option<Duration>, ConfigError> {
        self.typed(name, time_span::TIME_SPAN, |value| value.as_str().and_then(time_span::parse))
    }

    /// A number of hours, which Azure's documentation shows in quotes and its exports without.
    pub(super) fn hours(&mut self, name: &'static str) -> Result<Option<Duration>, ConfigError> {
        self.typed(name, time_span::HOURS, |value| match value {
            Value::Number(number) => number.as_f64().and_then(time_span::hours),
            Value::String(text) => time_span::parse_hours(text),
            _ => None,
        })
    }

    /// A word out of `choices`.
    pub(super) fn choice<T: Copy>(
        &mut self,
        name: &'static str,
        choices: &[(&str, T)],
    ) -> Result<Option<T>, ConfigError> {
        self.enumeration(name, choices, &[])
    }

    /// A word out of `choices`, or the place in `numbered` that Azure's runtime writes for it.
    pub(super) fn enumeration<T: Copy>(
        &mut self,
        name: &'static str,
        choices: &[(&str, T)],
        numbered: &[T],
    ) -> Result<Option<T>, ConfigError> {
        let words: Vec<_> = choices.iter().map(|(word, _)| *word).collect();
        let problem = format!("must be one of {}", words.join(", "));
        self.typed(name, &problem, |value| match value {
            Value::Number(number) => numbered.get(usize::try_from(number.as_u64()?).ok()?).copied(),
            Value::String(text) => {
                choices.iter().find(|(word, _)| word == text).map(|(_, choice)| *choice)
            }
            _ => None,
        })
    }

    /// The value of a setting that has two names, of which one may be used.
    pub(super) fn either<T>(
        &mut self,
        [name, other]: [&'static str; 2],
        read: impl Fn(&mut Self, &'static str) -> Result<Option<T>, ConfigError>,
    ) -> Result<Option<T>, ConfigError> {
        match (read(self, name)?, read(self, other)?) {
            (Some(_), Some(_)) => {
                let problem =
                    format!("means the same as {name}, which is there too; leave one out");
                Err(self.error(other, problem))
            }
            (value, None) | (None, value) => Ok(value),
        }
    }

    /// A switch that this version knows in one position only.
    pub(super) fn only(&mut self, name: &'static str, value: bool) -> Result<(), ConfigError> {
        match self.truth(name)? {
            Some(found) if found != value => {
                Err(self.error(name, format!("only {value} is in this version; leave it out")))
            }
            _ => Ok(()),
        }
    }

    /// Refuses the member `name` if it is there.
    pub(super) fn refuse(&mut self, name: &'static str, problem: &str) -> Result<(), ConfigError> {
        match self.object.and_then(|object| object.get(name)) {
            Some(value) if !is_absent(value) => Err(self.error(name, problem)),
            _ => Ok(()),
        }
    }

    /// What is wrong with the member `name`.
    pub(super) fn error(&self, name: &str, problem: impl Into<String>) -> ConfigError {
        ConfigError::new(self.place(name), problem)
    }

    /// The full name of the member `name`.
    pub(super) fn place(&self, name: &str) -> String {
        join(&self.path, name)
    }

    /// The full name of this object.
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    fn typed<T>(
        &mut self,
        name: &'static str,
        problem: &str,
        read: impl FnOnce(&'a Value) -> Option<T>,
    ) -> Result<Option<T>, ConfigError> {
        let Some(value) = self.take(name) else { return Ok(None) };
        read(value).map(Some).ok_or_else(|| self.error(name, problem))
    }

    fn refuse_unknown(&self) -> Result<(), ConfigError> {
        let members = self.object.into_iter().flat_map(Object::iter);
        let mut names = members.filter(|(_, value)| !is_absent(value)).map(|(name, _)| name);
        let Some(unknown) = names.find(|name| !self.known.contains(name)) else { return Ok(()) };
        let problem = match spelling::nearest(unknown, &self.known) {
            Some(known) => format!("unknown; did you mean {known}?"),
            None => format!("unknown; known here are {}", self.known.join(", ")),
        };
        Err(self.error(unknown, problem))
    }
}

fn is_absent(value: &Value) -> bool {
    matches!(value, Value::Null) || value.as_str() == Some("")
}

/// The name of `member` in `path`, escaped: messages go to logs and terminals.
fn join(path: &str, member: &str) -> String {
    let member: String = member.chars().take(64).flat_map(char::escape_debug).collect();
    if path.is_empty() { member } else { format!("{path}.{member}") }
}

const OBJECT: &str = "must be an object in braces";
