#!/usr/bin/env python3
"""client.py HOST PORT NAME [--tls CAFILE] [--state FILE]: a whole client, of the standard library alone.
Lines of standard input, `Bob hello`, are sent one after the other; what arrives is printed as `Alice: hello`, all else to
standard error. PRIVMSG_PASSWORD or PRIVMSG_TOKEN proves the name. At the end of input what waits is fetched, then it ends.
"""
import signal; signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C ends it, and prints nothing
import argparse, asyncio, itertools, json, os, pathlib, random, re, socket, ssl, sys, threading, uuid

HEARTBEAT_S, BYE = 30, {"type": "bye"}  # a connection on which nothing comes for two heartbeats is dead


class Client:
    def __init__(self, options):
        self.options, self.refused, self.resume_token = options, False, None
        self.lines, self.command = asyncio.Queue(1), None  # those to come, and what has no answer yet
        self.epoch, self.pos = 0, 0  # up to `pos`, which counts within `epoch` (0: in none), everything has been printed
        try:
            self.tls = options.tls and ssl.create_default_context(cafile=options.tls)
            if options.state and os.path.exists(options.state):
                state = re.fullmatch(rb"0*(\d{1,16}) 0*(\d{1,16})\s*", pathlib.Path(options.state).read_bytes())
                if state: self.epoch, self.pos = map(int, state.groups())
            self.remember()  # or it could be told too late that this cannot be done
        except OSError as error:
            stop(1, f"{error.filename or options.tls}: {error.strerror}")

    async def run(self):
        threading.Thread(target=self.read_input, args=[asyncio.get_running_loop()], daemon=True).start()
        attempt = 0
        while True:
            wait_s, self.writer, self.speaker = 0, None, None
            try:
                wait_s = await self.session()
            except (OSError, ValueError, asyncio.TimeoutError) as error:
                print("connection lost:", str(error) or type(error).__name__, file=sys.stderr)
            attempt = 0 if self.speaker else attempt + 1
            self.speaker and self.speaker.cancel()
            self.writer and self.writer.transport.abort()
            await asyncio.sleep(max(wait_s, random.uniform(0.5, 1.5) * min(30, 0.1 * 2**attempt)))

    async def session(self):
        """One connection, to its end. Returns for how many seconds the server wants to be left alone."""
        connecting = asyncio.open_connection(self.options.host, self.options.port, ssl=self.tls, limit=1 << 24)
        reader, self.writer = await asyncio.wait_for(connecting, HEARTBEAT_S)
        self.synced, self.answers = asyncio.Event(), asyncio.Queue()
        while line := await asyncio.wait_for(reader.readline(), 2 * HEARTBEAT_S):
            frame = json.loads(line)  # half a line is a ValueError
            kind, wait_s = frame["type"], frame.get("retryAfterMs", frame.get("afterMs", 1000)) / 1000
            if kind == "hello": self.register(frame)
            elif kind == "synced": self.synced.set()
            elif kind == "ping": self.send({"type": "pong"})
            elif kind == "accepted": self.answers.put_nowait(0)
            elif kind == "goodbye" and self.command == BYE: stop(int(self.refused))
            elif kind == "registered":
                self.resume_token = frame["resumeToken"]  # proves the name on the next connection
                if not frame.get("resumed"):
                    self.epoch, self.pos = frame.get("epoch", 0), frame.get("ackedPos", 0)
                self.speaker = asyncio.create_task(self.speak())
            elif kind == "goodbye" or frame.get("command") == "register":  # which was refused
                if frame["code"] == "authFailed" and self.resume_token:
                    self.resume_token = None  # the password may still do
                elif not frame.get("reconnect", frame.get("retryable")):
                    stop(1, f"{frame['code']}: {frame['message']}")
                print(frame["code"], frame["message"], sep=": ", file=sys.stderr)
                return wait_s
            elif self.command != BYE or not self.synced.is_set():
                self.show(frame)
                if kind == "errorMessage":
                    self.refused |= not frame["retryable"]
                    self.answers.put_nowait(wait_s if frame["retryable"] else 0)
        raise ConnectionError("it ended without goodbye")

    def register(self, hello):
        command = {"type": "register", "username": self.options.name, "deliver": "ack", "heartbeatMs": HEARTBEAT_S * 1000}
        command["device"] = f"client.py on {socket.gethostname()[:51]}"  # at most 64
        if self.epoch: command |= {"after": self.pos, "epoch": self.epoch}
        token, password = os.environ.get("PRIVMSG_TOKEN"), os.environ.get("PRIVMSG_PASSWORD")
        way, secret = ("token", token) if token else ("password", password)
        if self.resume_token: command["resumeToken"] = self.resume_token
        elif secret and way in hello["auth"]: command[way] = secret  # not where it could be overheard
        self.send(command)

    async def speak(self):
        """Sends line after line, each until it is answered: with its `messageId` it stays one message."""
        while True:
            if not self.command:
                line, number = await self.lines.get(), str(uuid.uuid4())
                name, _, text = line.rstrip("\n").partition(" ")
                message = {"type": "privateMessage", "toUsername": name, "message": text, "id": number, "messageId": number}
                self.command = message if line else BYE
            if self.command == BYE and self.epoch:  # what waits in mailbox mode comes first
                await self.synced.wait()
            self.send(self.command)
            again_s = await self.answers.get()
            self.command = self.command if again_s else None
            await asyncio.sleep(again_s)

    def send(self, command):
        self.writer.write(json.dumps(command, ensure_ascii=False).encode() + b"\n")

    def show(self, frame):
        """Prints what arrived, once, and acknowledges it only then."""
        pos, text, to = frame.get("pos"), frame.get("message"), frame.get("to")
        if pos is not None and pos <= self.pos: return
        if frame["type"] == "privateMessage":
            who = f"{frame['from']} to {to}" if to else frame["from"]  # `to`: another device of this account sent it
            text = text if isinstance(text, str) else json.dumps(text)
            print(re.sub("[\0-\x1f\x7f-\x9f]", " ", f"{who}: {text}"), flush=True)
        else:
            print(json.dumps(frame), file=sys.stderr)
        if pos is not None:
            self.pos = pos
            self.remember()
            self.send({"type": "ack", "pos": pos})

    def remember(self):
        if self.options.state:
            try:
                pathlib.Path(self.options.state + ".new").write_text(f"{self.epoch} {self.pos}")
                os.replace(self.options.state + ".new", self.options.state)
            except OSError as error:
                stop(1, error)

    def read_input(self, loop):
        for line in itertools.chain(filter(str.strip, open(0, errors="replace", closefd=False)), [""]):
            asyncio.run_coroutine_threadsafe(self.lines.put(line), loop).result()


def stop(code, why=None):
    if why: print("client.py:", why, file=sys.stderr, flush=True)
    os._exit(code)  # at once: the thread may be in the middle of a line


options = argparse.ArgumentParser()
for word in "host", "port", "name", "--tls", "--state": options.add_argument(word)
if "" in sys.argv: options.error("an argument is empty")
asyncio.run(Client(options.parse_args()).run())
