use proptest::prelude::*;

use super::*;

#[test]
fn members_keep_the_documents_order_at_every_depth() {
    let text = r#"{"z":1,"a":{"y":[true,null,-1.5],"b":"\u00e9"}}"#;

    let object = object(text.as_bytes()).unwrap();

    assert_eq!(serde_json::to_string(&object).unwrap(), text.replace("\\u00e9", "é"));
    assert_eq!(object.get("a").unwrap().to_string(), r#"{"y":[true,null,-1.5],"b":"é"}"#);
}

#[test]
fn oc_27_duplicate_members_are_refused_however_deep_and_however_escaped() {
    for document in [
        r#"{"aud":"x","aud":"ours"}"#,
        r#"{"aud":"x","\u0061ud":"x"}"#,
        r#"{"a":[{"b":{"c":1,"d":2,"c":1}}]}"#,
        r#"{"":1,"":2}"#,
    ] {
        assert_eq!(object(document.as_bytes()), Err(JsonError::DuplicateMember), "{document}");
    }
    assert!(object(br#"{"a":{"a":1},"b":[{"a":1},{"a":2}]}"#).is_ok());
}

#[test]
fn di_04_nesting_ends_at_32_levels() {
    let nested = |levels: usize| {
        let inner = levels - 1;
        format!(r#"{{"a":{}{}}}"#, "[".repeat(inner), "]".repeat(inner))
    };

    assert!(object(nested(32).as_bytes()).is_ok());
    assert_eq!(object(nested(33).as_bytes()), Err(JsonError::TooDeep));
    assert_eq!(object(nested(100_000).as_bytes()), Err(JsonError::TooDeep));
}

#[test]
fn jw_05_other_encodings_than_utf_8_are_refused() {
    let utf_16: Vec<u8> = "{\"a\":1}".encode_utf16().flat_map(u16::to_be_bytes).collect();
    for document in
        [&b"\xef\xbb\xbf{\"a\":1}"[..], &utf_16, b"{\"a\":\"\xff\"}", br#"{"a":"\ud800"}"#]
    {
        assert_eq!(object(document), Err(JsonError::Malformed));
    }
}

#[test]
fn only_one_whole_object_is_a_document() {
    for (document, expected) in [
        ("[]", JsonError::NotAnObject),
        (r#""x""#, JsonError::NotAnObject),
        ("1", JsonError::NotAnObject),
        ("null", JsonError::NotAnObject),
        ("", JsonError::Malformed),
        ("{} {}", JsonError::Malformed),
        ("{},", JsonError::Malformed),
        (r#"{"a":1,}"#, JsonError::Malformed),
        (r#"{"a":NaN}"#, JsonError::Malformed),
        (r#"{"a":01}"#, JsonError::Malformed),
        (r#"{"a":1e400}"#, JsonError::Malformed),
        ("{'a':1}", JsonError::Malformed),
    ] {
        assert_eq!(object(document.as_bytes()), Err(expected), "{document}");
    }
    assert!(object(b" {} \n").is_ok());
}

#[test]
fn a_number_of_arbitrary_precision_is_a_number() {
    let wrapped = object(br#"{"a":{"$serde_json::private::Number":"12"}}"#).unwrap();

    assert_eq!(wrapped.get("a"), Some(&Value::Number(12.into())));
}

#[test]
fn a_document_of_many_members_is_read_in_good_time() {
    let members: Vec<_> = (0..80_000).map(|number| format!("\"{number}\":0")).collect();

    assert!(object(format!("{{{}}}", members.join(",")).as_bytes()).is_ok());
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(document in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = object(&document);
    }

    #[test]
    fn arbitrary_json_like_text_never_panics(document in r#"[\[\]{}:,"a0-9.e\\u-]{0,64}"#) {
        let _ = object(document.as_bytes());
    }
}
