#!/usr/bin/env python3
"""Makes the vectors beside this file with PyJWT and Python's cryptography package, which are others' work:

    python3 -m venv target/venv && target/venv/bin/pip install pyjwt==2.10.1 cryptography==44.0.0
    target/venv/bin/python tests/data/tokens/make.py

The keys are of fixed bytes and for nothing but these tests. Times: tests/tokens.rs.
"""
import base64
import hashlib
import hmac
import json
import pathlib

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

here = pathlib.Path(__file__).parent
NOW = 1_800_000_000
private = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
other = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
secret = b"0123456789abcdef0123456789abcdef"
pem = private.public_key().public_bytes(
    serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
)
(here / "eddsa.pem").write_bytes(pem)
(here / "hs256.secret").write_bytes(secret + b"\n")

good = {"sub": "Alice", "aud": "chat.example", "exp": NOW + 600, "iat": NOW, "nbf": NOW}


def without(*names):
    return {k: v for k, v in good.items() if k not in names}


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def by_hand(header, claims, sign):
    text = b64(json.dumps(header).encode()) + "." + b64(json.dumps(claims).encode())
    return text + "." + b64(sign(text.encode()))


ed, hs = (private, "EdDSA"), (secret, "HS256")
mac = lambda key: lambda text: hmac.new(key, text, hashlib.sha256).digest()
vectors = {
    "good eddsa": jwt.encode(good, *ed),
    "good hs256": jwt.encode(good, *hs),
    "good several audiences": jwt.encode({**good, "aud": ["x", "chat.example"]}, *ed),
    "good fraction": jwt.encode({**good, "exp": NOW + 0.5}, *ed),
    "good begins in 5 s": jwt.encode({**good, "nbf": NOW + 5}, *ed),
    "good without nbf": jwt.encode(without("nbf", "iat"), *hs),
    "good with kid": jwt.encode(good, *ed, headers={"kid": "1"}),
    "good other case": jwt.encode({**good, "sub": "ALICE"}, *ed),
    "expired now": jwt.encode({**good, "exp": NOW}, *ed),
    "expired long ago": jwt.encode({**good, "exp": 1}, *hs),
    "bad exp before 1970": jwt.encode({**good, "exp": -5}, *hs),
    "bad begins in 6 s": jwt.encode({**good, "nbf": NOW + 6}, *ed),
    "bad no exp": jwt.encode(without("exp"), *ed),
    "bad exp null": jwt.encode({**good, "exp": None}, *hs),
    "bad exp text": by_hand({"alg": "HS256"}, {**good, "exp": "9999999999"}, mac(secret)),
    "bad no sub": jwt.encode(without("sub"), *ed),
    "bad sub number": by_hand({"alg": "HS256"}, {**good, "sub": 7}, mac(secret)),
    "bad sub no name": jwt.encode({**good, "sub": "a b"}, *ed),
    "bad sub reserved": jwt.encode({**good, "sub": "root"}, *ed),
    "bad no audience": jwt.encode(without("aud"), *ed),
    "bad other audience": jwt.encode({**good, "aud": "chat.example.org"}, *ed),
    "bad audience prefix": jwt.encode({**good, "aud": "chat.exampl"}, *ed),
    "bad audience empty list": jwt.encode({**good, "aud": []}, *ed),
    "bad other key": jwt.encode(good, other, "EdDSA"),
    "bad other secret": jwt.encode(good, secret[::-1], "HS256"),
    "bad none": jwt.encode(good, None, "none"),
    "bad none in capitals": by_hand({"alg": "NONE"}, good, lambda text: b""),
    "bad hs512": jwt.encode(good, secret * 2, "HS512"),
    "bad hs256 with the public key as its secret": by_hand({"alg": "HS256"}, good, mac(pem)),
    "bad hs256 with the public bytes as its secret": by_hand(
        {"alg": "HS256"}, good, mac(private.public_key().public_bytes_raw())
    ),
    "bad eddsa said of hs256": by_hand({"alg": "EdDSA"}, good, mac(secret)),
    "bad crit": jwt.encode(good, *ed, headers={"crit": ["b64"], "b64": True}),
    "bad two subs": (lambda t: t + "." + b64(mac(secret)(t.encode())))(
        b64(b'{"alg":"HS256"}')
        + "."
        + b64(b'{"sub":"Bob","sub":"Alice","aud":"chat.example","exp":1900000000}')
    ),
}
lines = [f"{name}\t{token}\n" for name, token in vectors.items()]
(here / "tokens").write_text("".join(lines))

text = "privmsg-register-v1\nCQkJCQkJCQkJCQkJCQkJCQ\nchat.example\nAlice"
raw = private.public_key().public_bytes_raw()
(here / "signature").write_text(f"{b64(raw)}\t{b64(private.sign(text.encode()))}\n")
