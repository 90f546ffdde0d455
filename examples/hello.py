import json, socket, sys

me, you, text = sys.argv[1:4]
lines = socket.create_connection(("127.0.0.1", int(sys.argv[4]) if sys.argv[4:] else 7748)).makefile("rw")
for command in {"type": "register", "username": me}, {"type": "privateMessage", "toUsername": you, "message": text}:
    print(json.dumps(command), file=lines, flush=True)
for frame in map(json.loads, lines):
    if frame["type"] in ("privateMessage", "errorMessage", "goodbye"):
        print(frame.get("from", frame.get("code")), frame["message"], sep=": ", flush=True)
