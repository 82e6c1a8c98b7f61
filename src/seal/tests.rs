use super::*;

fn key(byte: u8) -> Key {
    let bytes: Vec<u8> = (0..32).map(|step| byte.wrapping_mul(31).wrapping_add(step)).collect();
    Key::from_bytes(&bytes).unwrap()
}

fn ring_of(keys: &[Key]) -> KeyRing {
    KeyRing::new(keys, "app").unwrap()
}

const NOW: Timestamp = Timestamp::from_unix(1_760_000_000);
const DAY: std::time::Duration = std::time::Duration::from_secs(86_400);

fn open(ring: &KeyRing, name: &str, now: Timestamp, sealed: &[u8]) -> Option<Vec<u8>> {
    let mut sealed = sealed.to_vec();
    ring.open(Purpose::Session, name, now, 3, &mut sealed).map(|plain| plain.to_vec())
}

#[test]
fn what_was_sealed_opens_and_two_seals_of_one_value_differ() {
    let ring = ring_of(&[key(1)]);
    let first = ring.seal(Purpose::Session, "cookie", NOW, b"hello").unwrap();
    let second = ring.seal(Purpose::Session, "cookie", NOW, b"hello").unwrap();

    assert_ne!(first, second);
    assert_eq!(first.len(), OVERHEAD + 5);
    assert_eq!(open(&ring, "cookie", NOW, &first).unwrap(), b"hello");
}

#[test]
fn t_30_one_changed_bit_a_missing_or_a_further_byte_opens_nothing() {
    let ring = ring_of(&[key(1)]);
    let sealed = ring.seal(Purpose::Session, "cookie", NOW, &[7; 64]).unwrap();

    for bit in 0..sealed.len() * 8 {
        let mut changed = sealed.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(open(&ring, "cookie", NOW, &changed), None, "bit {bit}");
    }
    for length in 0..sealed.len() {
        assert_eq!(open(&ring, "cookie", NOW, &sealed[..length]), None, "length {length}");
    }
    let longer = [sealed.as_slice(), &[0]].concat();
    assert_eq!(open(&ring, "cookie", NOW, &longer), None);
}

#[test]
fn t_31_a_value_opens_only_for_its_purpose_name_and_application() {
    let ring = ring_of(&[key(1)]);
    let sealed = ring.seal(Purpose::Record, "a", NOW, b"hello").unwrap();
    let opens = |ring: &KeyRing, purpose, name| {
        ring.open(purpose, name, NOW, 3, &mut sealed.clone()).is_some()
    };

    assert!(opens(&ring, Purpose::Record, "a"));
    assert!(!opens(&ring, Purpose::Record, "b"));
    assert!(!opens(&ring, Purpose::Session, "a"));
    assert!(!opens(&ring, Purpose::PendingLogin, "a"));
    assert!(!opens(&KeyRing::new(&[key(1)], "other").unwrap(), Purpose::Record, "a"));
}

#[test]
fn t_38_the_first_key_makes_all_open_and_a_retired_one_opens_nothing() {
    let old = ring_of(&[key(1)]).seal(Purpose::Session, "cookie", NOW, b"old").unwrap();
    let rotated = ring_of(&[key(2), key(1)]);
    let new = rotated.seal(Purpose::Session, "cookie", NOW, b"new").unwrap();
    let retired = ring_of(&[key(2)]);

    assert_eq!(open(&rotated, "cookie", NOW, &old).unwrap(), b"old");
    assert_eq!(open(&retired, "cookie", NOW, &new).unwrap(), b"new");
    assert_eq!(open(&retired, "cookie", NOW, &old), None);
}

#[test]
fn a_value_opens_from_the_day_before_it_was_sealed_to_the_last_of_its_days() {
    let ring = ring_of(&[key(1)]);
    let sealed = ring.seal(Purpose::Session, "cookie", NOW, b"hello").unwrap();
    let opens = |now| open(&ring, "cookie", now, &sealed).is_some();

    assert!(opens(NOW.before(DAY)));
    assert!(!opens(NOW.before(2 * DAY)));
    assert!(opens(NOW.after(3 * DAY)));
    assert!(!opens(NOW.after(4 * DAY)));
}

#[test]
fn t_34_another_version_opens_nothing() {
    let ring = ring_of(&[key(1)]);
    let mut sealed = ring.seal(Purpose::Session, "cookie", NOW, b"hello").unwrap();
    sealed[0] = 2;

    assert_eq!(open(&ring, "cookie", NOW, &sealed), None);
}

#[test]
fn a_value_sealed_by_the_first_release_still_opens() {
    let golden = include_str!("golden.hex").trim();
    let sealed = decode_hex(golden).unwrap();

    assert_eq!(open(&ring_of(&[key(1)]), "golden", NOW, &sealed).unwrap(), b"sealed by 0.1");
}

#[test]
fn t_39_keys_that_somebody_could_guess_are_refused() {
    let random = "3b9c0f5a7d12e84466f1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f7";
    for (text, expected) in [
        ("", Err(KeyError::Short(0))),
        ("secret", Err(KeyError::Encoding)),
        ("changeme", Err(KeyError::Placeholder)),
        ("ChangeMeChangeMeChangeMeChangeMeChangeMeChangeMe", Err(KeyError::Placeholder)),
        (&"00".repeat(32), Err(KeyError::Placeholder)),
        (&"0123456789abcdef".repeat(4), Err(KeyError::Placeholder)),
        (&random[..62], Err(KeyError::Short(31))),
        (&random[..63], Err(KeyError::Encoding)),
        (random, Ok(())),
        (&random.to_uppercase(), Ok(())),
        ("O5wPWn0S6ERm8aKzxNXm9wgZKjtMXW5/gJGis8TV5vc=", Ok(())),
        ("O5wPWn0S6ERm8aKzxNXm9wgZKjtMXW5/gJGis8TV5vc", Ok(())),
    ] {
        assert_eq!(Key::parse(text).map(drop), expected, "{text}");
    }
    assert!(Key::generate().is_ok());
}
