#!/usr/bin/env python3
"""session.py FOLDER OUT.svg: Alice and Bob talk with privmsg in two real terminals (tmux); draws what they showed.
FOLDER has the programs privmsgd and privmsg."""
import html, os, re, subprocess, sys, tempfile, time, unicodedata
from picture import BACK, CHAR, FRONT, LINE, PAD, frame, start

WIDTH, HEIGHT = 78, 13
COLORS = {2: "#98c379", 3: "#e5c07b", 6: "#56b6c2", 8: "#7d8799", 1: "#e06c75", 12: "#61afef"}
PEOPLE = "alice", "bob", "carol"


def main(programs, out):
    with tempfile.TemporaryDirectory() as folder:
        for name in PEOPLE:
            furnish(programs, folder, name)
        server = start(f"{programs}/privmsgd", folder, "--data", f"{folder}/data")
        tmux = ["tmux", "-u", "-L", f"picture-{os.getpid()}", "-f", "/dev/null"]
        try:
            screens = play(tmux, programs, folder)
        finally:
            subprocess.run([*tmux, "kill-server"], check=False)
            server.terminate()
            server.wait()
    with open(out, "w", encoding="utf-8") as file:
        file.write(frame(screens, WIDTH, written))


def furnish(programs, folder, name):
    """An account, and a home with a profile."""
    config = f"{folder}/{name}/.config/privmsg"
    os.makedirs(config)
    with open(os.open(f"{config}/password", os.O_CREAT | os.O_WRONLY, 0o600), "w") as file:
        file.write("correct horse\n")
    with open(f"{config}/config.toml", "w") as file:
        file.write(f'default = "home"\n[profile.home]\nserver = "127.0.0.1:7748"\nname = "{name.capitalize()}"\n')
        file.write(f'password_file = "{config}/password"\n')
    add = [f"{programs}/privmsgd", "account", "add", name.capitalize(), "--data", f"{folder}/data"]
    subprocess.run(add, input="correct horse\n", text=True, check=True)


def play(tmux, programs, folder):
    home = lambda name: ["env", f"HOME={folder}/{name}", "LANG=C.UTF-8", "TZ=UTC"]
    for name in "alice", "bob":
        size = ["-x", str(WIDTH), "-y", str(HEIGHT)]
        subprocess.run([*tmux, "new-session", "-d", "-s", name, *size, *home(name), f"{programs}/privmsg"], check=True)
        subprocess.run([*tmux, "set-option", "-g", "status", "off"], check=True)
    time.sleep(2)

    def type_line(name, text, *keys):
        subprocess.run([*tmux, "send-keys", "-t", name, "-l", text], check=True)
        subprocess.run([*tmux, "send-keys", "-t", name, *(keys or ["Enter"])], check=True)
        time.sleep(1.2)

    for name in "alice", "bob":
        type_line(name, "/receipts on")
    type_line("alice", "/msg Bob Salut Bob ! Lunch at noon?")
    type_line("bob", "/msg Alice Oui ! 🍜 or 寿司 ?")
    type_line("alice", "寿司, the place at the corner: they have a table for two and the good tea.")
    subprocess.run([*home("carol"), f"{programs}/privmsg", "send", "Alice", "Are you coming tonight?"], check=True)
    # What was said at the bottom has gone by then.
    time.sleep(8)
    type_line("bob", "On my wa", "y")
    time.sleep(0.3)
    capture = lambda name: subprocess.run([*tmux, "capture-pane", "-e", "-N", "-p", "-t", name], check=True, capture_output=True, text=True)
    lines = lambda name: capture(name).stdout.rstrip("\n").split("\n")
    return [(name, (lines(name) + [""] * HEIGHT)[:HEIGHT]) for name in ("alice", "bob")]


def runs(line, style):
    """Pieces of one look: (column, columns, text, style). The style goes on to the next line, as in the terminal."""
    column, found = 0, []
    for code, text in re.findall(r"\x1b\[([\d;]*)m|([^\x1b]+)", line):
        if not text:
            restyle(style, [int(number or 0) for number in code.split(";")])
            continue
        wide = columns(text)
        found.append((column, wide, text, dict(style)))
        column += wide
    return found


def restyle(style, numbers):
    while numbers:
        number = numbers.pop(0)
        if number == 0:
            style.clear()
        elif number in (1, 2, 7):
            style[number] = True
        elif number == 38 and numbers[:1] == [5]:
            style["color"] = COLORS.get(numbers[1], FRONT)
            del numbers[:2]
        elif number == 39:
            style.pop("color", None)
        elif 30 <= number <= 37 or 90 <= number <= 97:
            style["color"] = COLORS.get(number - 30 if number < 40 else number - 82, FRONT)


def columns(text):
    return sum(0 if unicodedata.combining(c) or c in "\u200d\ufe0f" else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def written(lines, y):
    style = {}
    for number, line in enumerate(lines):
        for column, wide, text, look in runs(line, style):
            yield from piece(PAD + column * CHAR, y + (number + 1) * LINE, wide * CHAR, text, look)


def piece(x, y, wide, text, look):
    color = look.get("color", FRONT)
    if look.get(7):
        yield f'<rect x="{x}" y="{y - LINE + 4}" width="{wide}" height="{LINE}" fill="{color}"/>'
        color = BACK
    if text.strip():
        bold = ' font-weight="bold"' if look.get(1) else ""
        dim = ' opacity="0.6"' if look.get(2) else ""
        yield f'<text x="{x}" y="{y}" fill="{color}"{bold}{dim} textLength="{wide}" lengthAdjust="spacingAndGlyphs" xml:space="preserve">{html.escape(text)}</text>'


if __name__ == "__main__":
    main(*sys.argv[1:])
