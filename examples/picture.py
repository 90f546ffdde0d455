#!/usr/bin/env python3
"""picture.py PRIVMSGD OUT.svg: plays the README's story in two real terminals (tmux) and draws what they showed."""
import html, os, subprocess, sys, tempfile, time

WIDTH, HEIGHT = 104, 15
LINE, CHAR, PAD = 17, 8, 12
BACK, FRONT = "#1b1f27", "#d7dce5"
BOB = ['{"type":"register","username":"Bob"}', '{"type":"privateMessage","toUsername":"Alice","message":"Salut Alice !"}']
ALICE = ['{"type":"register","username":"Alice"}', '{"type":"privateMessage","toUsername":"Bob","message":"Salut Bob !"}']


def main(daemon, out):
    with tempfile.TemporaryDirectory() as folder:
        server = start(daemon, folder)
        tmux = ["tmux", "-L", f"picture-{os.getpid()}", "-f", "/dev/null"]
        try:
            screens = play(tmux, open(f"{folder}/ports").read().split()[0].split(":")[1])
        finally:
            subprocess.run([*tmux, "kill-server"], check=False)
            server.terminate()
            server.wait()
    with open(out, "w", encoding="utf-8") as file:
        file.write(draw(screens))


def start(daemon, folder, *more):
    server = subprocess.Popen([daemon, "--listen", "127.0.0.1:7748", "--port-file", f"{folder}/ports", *more])
    while not os.path.exists(f"{folder}/ports"):
        if server.poll() is not None:
            sys.exit("the daemon did not start")
        time.sleep(0.02)
    return server


def play(tmux, port):
    shell = ["env", "PS1=$ ", "sh"]
    for name in "bob", "alice":
        subprocess.run([*tmux, "new-session", "-d", "-s", name, "-x", str(WIDTH), "-y", str(HEIGHT), *shell], check=True)

    def type_line(name, text):
        subprocess.run([*tmux, "send-keys", "-t", name, "-l", text], check=True)
        subprocess.run([*tmux, "send-keys", "-t", name, "Enter"], check=True)
        time.sleep(0.5)

    for name in "bob", "alice":
        time.sleep(0.5)
        type_line(name, f"nc 127.0.0.1 {port}")
    for name, line in ("bob", BOB[0]), ("alice", ALICE[0]), ("alice", ALICE[1]), ("bob", BOB[1]):
        type_line(name, line)
    capture = lambda name: subprocess.run([*tmux, "capture-pane", "-p", "-t", name], check=True, capture_output=True, text=True)
    return [(name, capture(name).stdout.rstrip("\n").split("\n")) for name in ("bob", "alice")]


def draw(screens):
    return frame(screens, WIDTH, written)


def written(lines, y):
    for number, text in enumerate(lines):
        typed = text.startswith("$ ") or text in BOB + ALICE
        color = "#e6c07b" if typed else FRONT
        yield f'<text x="{PAD}" y="{y + (number + 1) * LINE}" fill="{color}" xml:space="preserve">{html.escape(text)}</text>'


def frame(screens, columns, written):
    """The terminals, one under the other. written(lines, y): what stands below y in one of them."""
    width, rows, y = columns * CHAR + 2 * PAD, [], 0
    for name, lines in screens:
        height = (len(lines) + 1) * LINE + 2 * PAD
        rows.append(f'<rect y="{y}" width="{width}" height="{height}" rx="8" fill="{BACK}"/>')
        rows.append(f'<text x="{PAD}" y="{y + PAD + 8}" fill="#7d8799">{name.capitalize()}’s terminal</text>')
        rows += written(lines, y + PAD + 8)
        y += height + PAD
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {y - PAD}" font-family="ui-monospace, Menlo, Consolas, DejaVu Sans Mono, monospace" font-size="13">'
    return "\n".join([head, *rows, "</svg>", ""])


if __name__ == "__main__":
    main(*sys.argv[1:])
