import base64, json, socket, subprocess, sys, tempfile

name, key = sys.argv[1:3]
encode = lambda data: base64.urlsafe_b64encode(data).decode()
run = lambda *words: subprocess.run(["openssl", *words], check=True, stdout=subprocess.PIPE).stdout
lines = socket.create_connection(("127.0.0.1", int(sys.argv[3]) if sys.argv[3:] else 7748)).makefile("rw")
nonce = json.loads(lines.readline())["nonce"]
with tempfile.NamedTemporaryFile() as text:
    text.write("\n".join(["privmsg-register-v1", nonce, "localhost", name]).encode())
    text.flush()
    signature = run("pkeyutl", "-sign", "-rawin", "-inkey", key, "-in", text.name)
public = run("pkey", "-in", key, "-pubout", "-outform", "DER")[-32:]
command = {"type": "register", "username": name, "publicKey": encode(public), "signature": encode(signature)}
print(json.dumps(command), file=lines, flush=True)
for line in lines:
    print(line, end="", flush=True)
