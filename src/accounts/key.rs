//! Public keys: what a signature must be over, and whether it is. Knows no accounts.

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};

use super::{Nonce, PublicKey, Signature, signed_text};
use crate::wire::base64url;
use crate::wire::name::Name;

/// A nonce as it stands in `hello` and in what is signed: base64url without padding, 22 characters.
pub fn nonce_text(nonce: &Nonce) -> String {
    let mut text = Vec::new();
    base64url::encode(&mut text, nonce);
    String::from_utf8_lossy(&text).into_owned()
}

/// Whether `signature` is by `key` over this connection's nonce, this server and this name, as the client wrote it.
pub fn verify(
    key: &PublicKey,
    signature: &Signature,
    nonce: &Nonce,
    server_name: &str,
    username: &Name<'_>,
) -> bool {
    let text = signed_text(&nonce_text(nonce), server_name, username.as_str());
    !is_weak(key)
        && UnparsedPublicKey::new(&ED25519, key)
            .verify(text.as_bytes(), signature)
            .is_ok()
}

/// Whether anybody can make signatures that pass for this key's: its point has a small order.
pub fn is_weak(key: &PublicKey) -> bool {
    let mut key = *key;
    // The sign of x does not change the order.
    key[31] &= 0x7f;
    SMALL_ORDER.contains(&key)
}

/// The encodings of the points of order 1, 2, 4 and 8, those that are not reduced included, without the sign.
const SMALL_ORDER: [PublicKey; 7] = {
    let mut points = [[0; 32]; 7];
    points[1][0] = 1;
    points[2] = ORDER_8;
    points[3] = ORDER_8_NEGATED;
    let mut at = 4;
    while at < 7 {
        points[at] = [0xff; 32];
        points[at][31] = 0x7f;
        at += 1;
    }
    points[4][0] = 0xec;
    points[5][0] = 0xed;
    points[6][0] = 0xee;
    points
};

const ORDER_8: PublicKey = [
    0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0,
    0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
];
const ORDER_8_NEGATED: PublicKey = [
    0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f,
    0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
];

#[cfg(test)]
mod tests {
    use super::*;

    use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};

    fn name(text: &str) -> Name<'_> {
        Name::parse(text).unwrap()
    }

    #[test]
    fn a_signature_is_good_for_one_nonce_one_server_and_one_name() {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
        let key: PublicKey = pair.public_key().as_ref().try_into().unwrap();
        let nonce = [3; 16];
        let text = signed_text(&nonce_text(&nonce), "chat.example", "Alice");
        assert_eq!(
            text,
            "privmsg-register-v1\nAwMDAwMDAwMDAwMDAwMDAw\nchat.example\nAlice"
        );
        let signature: Signature = pair.sign(text.as_bytes()).as_ref().try_into().unwrap();
        let good = |nonce: &Nonce, server: &str, user: &str| {
            verify(&key, &signature, nonce, server, &name(user))
        };
        assert!(good(&nonce, "chat.example", "Alice"));
        assert!(!good(&[4; 16], "chat.example", "Alice"));
        assert!(!good(&nonce, "chat.example.org", "Alice"));
        assert!(!good(&nonce, "chat.example", "Bob"));
        for at in 0..64 {
            let mut broken = signature;
            broken[at] ^= 1;
            let server = "chat.example";
            assert!(!verify(&key, &broken, &nonce, server, &name("Alice")));
        }
    }

    /// Each of these keys takes a signature that nobody's private key made, which is why they are refused.
    #[test]
    fn the_weak_keys_are_those_that_forgeries_pass_for() {
        for point in SMALL_ORDER {
            assert!(is_weak(&point));
            let mut negated = point;
            negated[31] |= 0x80;
            assert!(is_weak(&negated));
        }
        let mut forged = 0;
        for key in SMALL_ORDER {
            forged += usize::from((0..200_u32).any(|n| forges(&key, &n.to_le_bytes())));
        }
        // Libraries differ in whether they read the three that are not reduced.
        assert!(forged >= 4, "{forged}");
        let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
        assert!(!is_weak(pair.public_key().as_ref().try_into().unwrap()));
    }

    /// S = 0, so that the equation is R = -hA, which holds for one of eight points.
    fn forges(key: &PublicKey, message: &[u8]) -> bool {
        SMALL_ORDER.iter().any(|r| {
            [0, 0x80].iter().any(|sign| {
                let mut signature = [0; 64];
                signature[..32].copy_from_slice(r);
                signature[31] |= sign;
                UnparsedPublicKey::new(&ED25519, key)
                    .verify(message, &signature)
                    .is_ok()
            })
        })
    }
}
