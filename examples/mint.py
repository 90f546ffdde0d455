import base64, hmac, json, sys, time

name, secret, seconds = sys.argv[1], open(sys.argv[2], "rb").read().strip(), int(sys.argv[3]) if sys.argv[3:] else 300
encode = lambda data: base64.urlsafe_b64encode(data).rstrip(b"=")
claims = {"sub": name, "aud": "localhost", "exp": time.time() + seconds}
signed = encode(b'{"alg":"HS256"}') + b"." + encode(json.dumps(claims).encode())
print((signed + b"." + encode(hmac.digest(secret, signed, "sha256"))).decode())
