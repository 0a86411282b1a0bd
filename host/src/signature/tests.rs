use std::io::Cursor;

use wasmsign2::{Module, SectionLike as _};

use super::*;

/// A component of three custom sections.
fn component() -> Vec<u8> {
    let mut bytes = b"\0asm\x0d\0\x01\0".to_vec();
    for name in ["one", "two", "three"] {
        let name = name.as_bytes();
        bytes.extend([0, name.len() as u8 + 3, name.len() as u8]);
        bytes.extend([name, b"ok"].concat());
    }
    bytes
}

fn key() -> SecretKey {
    SecretKey::generate().unwrap().0
}

fn theirs(key: &PublicKey) -> wasmsign2::PublicKey {
    let key = wasmsign2::PublicKey::from_pem(&key.to_pem()).unwrap();
    key.attach_default_key_id()
}

/// Signs as `wasmsign2 sign` does, with a key of its own.
fn signed_by_wasmsign2(component: &[u8], split: bool) -> (Vec<u8>, PublicKey) {
    let keys = wasmsign2::KeyPair::generate();
    let mut module = Module::deserialize(&mut Cursor::new(component)).unwrap();
    if split {
        module = module
            .split(|section| section.display(false).contains("one"))
            .unwrap();
    }
    let (signed, _) = keys.sk.sign_multi(module, None, false, split).unwrap();
    let mut bytes = Vec::new();
    signed.serialize(&mut bytes).unwrap();
    (bytes, PublicKey::from_pem(&keys.pk.to_pem()).unwrap())
}

#[test]
fn the_key_of_rfc_8410_is_read_and_written() {
    let secret = "-----BEGIN PRIVATE KEY-----\n\
                  MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n\
                  -----END PRIVATE KEY-----\n";
    let public = "-----BEGIN PUBLIC KEY-----\n\
                  MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n\
                  -----END PUBLIC KEY-----\n";
    let key = SecretKey::from_pem(secret).unwrap().public();
    assert_eq!(key.to_pem(), public);
    assert_eq!(PublicKey::from_pem(public), Ok(key));
    assert_eq!(theirs(&key).key_id().unwrap().as_slice(), key.id().0);
    assert_eq!(PublicKey::from_pem(secret), Err(KeyError::IsPrivate));
    assert_eq!(
        SecretKey::from_pem(public).unwrap_err(),
        KeyError::NoPrivate
    );
    assert_eq!(PublicKey::from_pem("no key"), Err(KeyError::NoPublic));
}

#[test]
fn a_generated_key_is_read_from_its_text_and_does_not_print_itself() {
    let (key, text) = SecretKey::generate().unwrap();
    let again = SecretKey::from_pem(&text).unwrap();
    assert_eq!(key.public(), again.public());
    assert_ne!(SecretKey::generate().unwrap().0.public(), key.public());
    assert_eq!(
        format!("{key:?}"),
        format!("SecretKey({})", key.public().id())
    );
}

#[test]
fn what_is_signed_here_wasmsign2_verifies() {
    let (first, second) = (key(), key());
    let signed = sign(&sign(&component(), &first).unwrap(), &second).unwrap();
    for key in [&first, &second] {
        let theirs = theirs(&key.public());
        theirs.verify(&mut Cursor::new(&signed), None).unwrap();
        theirs
            .verify_multi(&mut Cursor::new(&signed), None, |_| true)
            .unwrap();
    }
    let other = theirs(&key().public());
    assert!(other.verify(&mut Cursor::new(&signed), None).is_err());
    // Without the section it is what it was.
    let module = Module::deserialize(&mut Cursor::new(&signed)).unwrap();
    let (detached, _) = module.detach_signature().unwrap();
    let mut bytes = Vec::new();
    detached.serialize(&mut bytes).unwrap();
    assert_eq!(bytes, component());
}

#[test]
fn what_wasmsign2_signs_is_verified_here() {
    for split in [false, true] {
        let (signed, key) = signed_by_wasmsign2(&component(), split);
        assert_eq!(signers(&signed, &[key]), Ok(vec![&key]));
        let beside = self::key();
        let both = sign(&signed, &beside).unwrap();
        let keys = [key, beside.public()];
        assert_eq!(signers(&both, &keys), Ok(vec![&keys[0], &keys[1]]));
        assert_eq!(signatures(&both).unwrap().unwrap().keys.len(), 2);
    }
}

#[test]
fn signed_again_by_the_same_key_it_is_the_same_bytes() {
    let key = key();
    let signed = sign(&component(), &key).unwrap();
    assert_eq!(sign(&signed, &key).unwrap(), signed);
    let said = signatures(&signed).unwrap().unwrap();
    assert_eq!((said.keys, said.fit), (vec![Some(key.public().id())], true));
}

#[test]
fn every_changed_byte_and_every_truncation_is_refused() {
    let key = key();
    let signed = sign(&component(), &key).unwrap();
    let keys = [key.public()];
    assert!(signers(&signed, &keys).is_ok());
    // The header is not signed: its version decides whether it is a component at all.
    for at in 8..signed.len() {
        for bit in [0x01, 0x80] {
            let mut bad = signed.clone();
            bad[at] ^= bit;
            assert!(signers(&bad, &keys).is_err(), "byte {at} of {bad:?}");
        }
    }
    for end in 0..signed.len() {
        assert!(signers(&signed[..end], &keys).is_err(), "{end} bytes");
    }
    let longer = [signed.as_slice(), &[0, 1, 0]].concat();
    assert_eq!(signers(&longer, &keys), Err(SignatureError::Altered));
}

#[test]
fn the_first_part_of_what_was_signed_in_parts_is_not_signed() {
    let (signed, key) = signed_by_wasmsign2(&component(), true);
    let name = b"\x13signature_delimiter";
    let at = signed.windows(name.len()).position(|part| part == name);
    let first_part = &signed[..at.unwrap() + name.len() + 16];
    // The tool takes it: what is signed of it is signed.
    let theirs = wasmsign2::PublicKey::from_pem(&key.to_pem()).unwrap();
    theirs.verify(&mut Cursor::new(first_part), None).unwrap();
    assert_eq!(signers(first_part, &[key]), Err(SignatureError::Altered));
}

#[test]
fn each_refusal_says_what_is_wrong() {
    let (ours, other) = (key(), key());
    let signed = sign(&component(), &other).unwrap();
    let id = other.public().id();
    let stranger = SignatureError::Stranger {
        keys: vec![Some(id)],
    };
    assert_eq!(
        stranger.to_string(),
        format!("it is signed by the key {id} alone")
    );
    // A key that is named is claimed: the signature is another's.
    let mut forged = signed.clone();
    let at = forged.windows(12).position(|part| part == id.0).unwrap();
    forged[at..at + 12].copy_from_slice(&ours.public().id().0);
    for (bytes, error) in [
        (b"rule a { match { b } }".to_vec(), SignatureError::NotWasm),
        (b"\0asm".to_vec(), SignatureError::NotWasm),
        (component(), SignatureError::Unsigned),
        (signed, stranger),
        (forged, SignatureError::Altered),
    ] {
        assert_eq!(signers(&bytes, &[ours.public()]), Err(error));
    }
}

#[test]
fn what_was_altered_is_not_signed_anew() {
    let mut signed = sign(&component(), &key()).unwrap();
    *signed.last_mut().unwrap() ^= 1;
    assert_eq!(sign(&signed, &key()), Err(SignatureError::Altered));
}

#[test]
fn more_signatures_than_may_be_are_refused() {
    let mut signed = component();
    for _ in 0..limits::SIGNATURES_MAX {
        signed = sign(&signed, &key()).unwrap();
    }
    assert!(signatures(&signed).is_ok());
    let more = sign(&signed, &key());
    assert!(matches!(more, Err(SignatureError::Malformed { .. })));
    let theirs = wasmsign2::KeyPair::generate();
    let module = Module::deserialize(&mut Cursor::new(&signed)).unwrap();
    let (more, _) = theirs.sk.sign_multi(module, None, false, false).unwrap();
    let mut bytes = Vec::new();
    more.serialize(&mut bytes).unwrap();
    let said = signatures(&bytes);
    assert!(matches!(said, Err(SignatureError::Malformed { .. })));
}

#[test]
fn lengths_that_lie_take_no_memory() {
    let lists = [
        &b"\x01\x01\x01\xff\xff\xff\xff\x0f"[..],
        b"\x01\x01\x01\x01\xff\xff\xff\xff\x0f",
        b"\x01\x01\x01\x01\x05\xff\xff\xff\xff\x0f",
        b"\x01\x01\x01\x01\x06\x00\xff\xff\xff\xff\x0f",
        b"\x01\x01\x01\xff\xff\xff\xff\xff\xff",
        b"\x02\x01\x01\x00",
        b"\x01\x01\x01\x00",
    ];
    for data in lists {
        assert!(read_sections(data).is_err(), "{data:?}");
    }
}
