//! JSON documents from providers, read strictly ([RFC 8259], [RFC 7493 §2.3]).
//!
//! What two readers could take for two different documents is refused: duplicate members, a byte
//! order mark, anything behind the document's end.
//!
//! [RFC 8259]: https://www.rfc-editor.org/rfc/rfc8259
//! [RFC 7493 §2.3]: https://www.rfc-editor.org/rfc/rfc7493#section-2.3

use std::cell::Cell;
use std::fmt;

use serde::de::{self, DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde::{Serialize, Serializer};
use serde_json::Number;

/// Reads a document that must be one JSON object, in UTF-8, at most 32 levels deep and without
/// duplicate members anywhere.
///
/// The caller bounds the size: memory used is a small multiple of it.
pub(crate) fn object(document: &[u8]) -> Result<Object, JsonError> {
    match value(document)? {
        Value::Object(object) => Ok(object),
        _ => Err(JsonError::NotAnObject),
    }
}

/// Reads a document as strictly as [`object`], whatever value it is.
pub(crate) fn value(document: &[u8]) -> Result<Value, JsonError> {
    let violation = Cell::new(None);
    let mut deserializer = serde_json::Deserializer::from_slice(document);
    let read = Reader { depth: 0, violation: &violation }.deserialize(&mut deserializer);

    read.and_then(|value| deserializer.end().map(|()| value))
        .map_err(|_| violation.take().unwrap_or(JsonError::Malformed))
}

/// A JSON object: its members in the document's order, each name once.
#[derive(Clone, Default, PartialEq)]
pub(crate) struct Object(Vec<(String, Value)>);

impl Object {
    /// The value of the member `name`; a `null` is a value.
    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        self.iter().find(|(member, _)| *member == name).map(|(_, value)| value)
    }

    /// The value of the member `name` if it is a string.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(Value::as_str)
    }

    /// The members in the document's order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// `None` if two members share a name.
    pub(super) fn new(members: Vec<(String, Value)>) -> Option<Self> {
        // Sorting keeps a document of a hundred thousand members from costing their square.
        let mut names: Vec<_> = members.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        let distinct = names.is_sorted_by(|one, next| one < next);
        distinct.then_some(Self(members))
    }
}

/// Says nothing of the content: claims do not belong in logs.
impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Object(..)")
    }
}

impl Serialize for Object {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

/// A JSON value.
///
/// Ours rather than serde_json's, whose objects keep or lose their order by a feature that any
/// other crate in the application can switch.
#[derive(Clone, PartialEq)]
pub(crate) enum Value {
    Array(Vec<Self>),
    Bool(bool),
    Null,
    Number(Number),
    Object(Object),
    String(String),
}

impl Value {
    pub(crate) fn as_array(&self) -> Option<&[Self]> {
        if let Self::Array(values) = self { Some(values) } else { None }
    }

    pub(crate) const fn as_bool(&self) -> Option<bool> {
        if let Self::Bool(value) = self { Some(*value) } else { None }
    }

    pub(crate) const fn as_object(&self) -> Option<&Object> {
        if let Self::Object(object) = self { Some(object) } else { None }
    }

    pub(crate) fn as_str(&self) -> Option<&str> {
        if let Self::String(text) = self { Some(text) } else { None }
    }

    /// The strings of an array that holds nothing else.
    pub(crate) fn as_strings(&self) -> Option<Vec<&str>> {
        self.as_array()?.iter().map(Self::as_str).collect()
    }
}

/// Compact JSON text.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&serde_json::to_string(self).map_err(|_| fmt::Error)?)
    }
}

/// Says nothing of the content: claims do not belong in logs.
impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Value(..)")
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Array(values) => serializer.collect_seq(values),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Null => serializer.serialize_unit(),
            Self::Number(number) => number.serialize(serializer),
            Self::Object(object) => object.serialize(serializer),
            Self::String(text) => serializer.serialize_str(text),
        }
    }
}

/// Why a document was not read.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum JsonError {
    /// Two members of one object have the same name, however escaped.
    #[error("a json object has two members of the same name")]
    DuplicateMember,
    /// The bytes are not one JSON text in UTF-8.
    #[error("the document is not json in utf-8")]
    Malformed,
    /// The document is an array or a scalar.
    #[error("the document is not a json object")]
    NotAnObject,
    /// Arrays and objects are nested more than 32 deep.
    #[error("the document is nested more than 32 levels deep")]
    TooDeep,
}

/// Reads one value that stands inside `depth` arrays and objects.
#[derive(Clone, Copy)]
struct Reader<'a> {
    depth: usize,
    /// Where a refusal of ours survives the deserializer, whose errors are only text.
    violation: &'a Cell<Option<JsonError>>,
}

impl Reader<'_> {
    fn deeper<E: de::Error>(self) -> Result<Self, E> {
        if self.depth == MAX_DEPTH {
            return Err(self.refuse(JsonError::TooDeep));
        }
        Ok(Self { depth: self.depth + 1, ..self })
    }

    fn refuse<E: de::Error>(self, why: JsonError) -> E {
        self.violation.set(Some(why));
        E::custom(why)
    }
}

impl<'de> DeserializeSeed<'de> for Reader<'_> {
    type Value = Value;

    fn deserialize<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Reader<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a json value")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| self.refuse(JsonError::Malformed))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Value, E> {
        Ok(Value::String(text.to_owned()))
    }

    fn visit_string<E: de::Error>(self, text: String) -> Result<Value, E> {
        Ok(Value::String(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut values = Vec::new();
        while let Some(value) = array.next_element_seed(inner)? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut members = Vec::new();
        while let Some(name) = object.next_key::<String>()? {
            // With serde_json's feature `arbitrary_precision`, which any crate of the application
            // can switch on, every number arrives as a map of this one member.
            if members.is_empty() && name == NUMBER_OF_ARBITRARY_PRECISION {
                let text = object.next_value::<String>()?;
                let number = text.parse().ok().filter(|number: &Number| number.as_f64().is_some());
                return number.map(Value::Number).ok_or_else(|| self.refuse(JsonError::Malformed));
            }
            members.push((name, object.next_value_seed(inner)?));
        }
        Object::new(members)
            .map(Value::Object)
            .ok_or_else(|| self.refuse(JsonError::DuplicateMember))
    }
}

const MAX_DEPTH: usize = 32;
const NUMBER_OF_ARBITRARY_PRECISION: &str = "$serde_json::private::Number";

#[cfg(test)]
mod tests;
