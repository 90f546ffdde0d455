#!/usr/bin/env node
// client.js HOST PORT NAME [--tls CAFILE] [--state FILE]: a whole client, of Node's own modules alone.
// Lines of standard input, `Bob hello`, are sent one after the other; what arrives is printed as `Alice: hello`, all else to
// standard error. PRIVMSG_PASSWORD or PRIVMSG_TOKEN proves the name. At the end of input what waits is fetched, then it ends.
"use strict";
const [crypto, fs, net, os, readline, tls] = ["crypto", "fs", "net", "os", "readline", "tls"].map(require);

const [host, port, name, ...more] = process.argv.slice(2);
const options = Object.fromEntries(more.map((word, i) => [word, more[i + 1]]).filter((_, i) => i % 2 === 0));
const wrong = Object.keys(options).some((option) => !["--tls", "--state"].includes(option) || !options[option]);
if (!host || !(port > 0 && port < 65536) || !name || wrong) {
  stop(2, "usage: client.js HOST PORT NAME [--tls CAFILE] [--state FILE]");
}
const stateFile = options["--state"], caFile = options["--tls"];

const HEARTBEAT_MS = 30_000, BYE = { type: "bye" }; // a connection on which nothing comes for two heartbeats is dead
let ca, file = caFile, epoch = 0, pos = 0; // up to `pos`, which counts within `epoch` (0: in none), everything has been printed
try {
  if (caFile) new crypto.X509Certificate((ca = fs.readFileSync(caFile))); // throws if there is none in it
  file = stateFile;
  const state = file && fs.existsSync(file) && fs.readFileSync(file, "latin1");
  [, epoch, pos] = /^0*(\d{1,16}) 0*(\d{1,16})\s*$/.exec(state)?.map(Number) ?? [0, 0, 0];
} catch (error) {
  stop(1, `${file}: ${error.message}`);
}
remember(); // or it could be told too late that this cannot be done
let resumeToken; // proves the name on the next connection
let command, answered; // what has no answer yet, and who waits for one
let refused = false, attempt = 0;
let connection, registered, synced, repeat; // of this connection

function stop(code, why) {
  if (why) console.error(`client.js: ${why}`);
  process.exit(code);
}

function connect() {
  registered = synced = false;
  const to = { host, port, ca, servername: net.isIP(host) ? "" : host };
  const mine = (connection = ca ? tls.connect(to) : net.connect(to));
  let rest = "", wait = 0;
  mine.setEncoding("utf8").setTimeout(2 * HEARTBEAT_MS, () => mine.destroy(new Error("nothing comes")));
  mine.on("error", (error) => console.error(`connection lost: ${error.message}`));
  mine.on("data", (data) => {
    const lines = (rest + data).split("\n");
    rest = lines.pop(); // the beginning of the next one
    for (const line of lines) wait = handle(JSON.parse(line)) ?? wait;
  });
  mine.on("end", () => mine.destroy(new Error("it ended without goodbye")));
  mine.on("close", () => {
    clearTimeout(repeat);
    attempt = registered ? 0 : attempt + 1;
    setTimeout(connect, Math.max(wait, (0.5 + Math.random()) * Math.min(30_000, 100 * 2 ** attempt)));
  });
}

/** Returns how many milliseconds the server wants to be left alone, if the connection ends with this frame. */
function handle(frame) {
  const { type, code, message, retryable, retryAfterMs, afterMs } = frame;
  if (type === "hello") register(frame);
  else if (type === "registered") {
    [registered, resumeToken] = [true, frame.resumeToken];
    if (!frame.resumed) [epoch, pos] = [frame.epoch ?? 0, frame.ackedPos ?? 0];
    transmit();
  } else if (type === "synced") {
    synced = true;
    if (command === BYE) transmit();
  } else if (type === "ping") send({ type: "pong" });
  else if (type === "goodbye" && command === BYE) stop(refused ? 1 : 0);
  else if (type === "goodbye" || frame.command === "register") { // which was refused
    if (code === "authFailed" && resumeToken) resumeToken = undefined; // the password may still do
    else if (!(frame.reconnect || retryable)) stop(1, `${code}: ${message}`);
    console.error(`${code}: ${message}`);
    connection.destroy();
    return retryAfterMs ?? afterMs ?? 0;
  } else if (type === "errorMessage" && retryable) repeat = setTimeout(transmit, retryAfterMs ?? 1000);
  else if (type === "accepted") answered?.();
  else if (command !== BYE || !synced) show(frame);
  if (type === "errorMessage" && !retryable) {
    refused = true;
    answered?.();
  }
}

function register({ auth }) {
  const device = `client.js on ${os.hostname().slice(0, 51)}`; // at most 64
  const proof = process.env.PRIVMSG_TOKEN ? { token: process.env.PRIVMSG_TOKEN } : { password: process.env.PRIVMSG_PASSWORD };
  const usable = auth.includes(Object.keys(proof)[0]); // not where it could be overheard
  const resume = epoch ? { after: pos, epoch } : {};
  const proven = resumeToken ? { resumeToken } : usable ? proof : {};
  send({ type: "register", username: name, device, deliver: "ack", heartbeatMs: HEARTBEAT_MS, ...resume, ...proven });
}

/** Prints what arrived, once, and acknowledges it only then. */
function show(frame) {
  if (frame.pos <= pos) return;
  const text = typeof frame.message === "string" ? frame.message : JSON.stringify(frame.message);
  const who = frame.to ? `${frame.from} to ${frame.to}` : frame.from; // `to`: another device of this account sent it
  if (frame.type === "privateMessage") console.log(`${who}: ${text}`.replace(/[\0-\x1f\x7f-\x9f]/g, " "));
  else console.error(JSON.stringify(frame));
  if (frame.pos === undefined) return;
  pos = frame.pos;
  remember();
  send({ type: "ack", pos });
}

function remember() {
  if (!stateFile) return;
  try {
    fs.writeFileSync(`${stateFile}.new`, `${epoch} ${pos}`);
    fs.renameSync(`${stateFile}.new`, stateFile);
  } catch (error) {
    stop(1, error.message);
  }
}

function send(object) {
  connection.write(JSON.stringify(object) + "\n");
}

/** Sends what has no answer yet: with its `messageId` it stays one message, however often that is. */
function transmit() {
  if (registered && command && (command !== BYE || synced || !epoch)) send(command);
}

(async () => {
  connect();
  for await (const line of readline.createInterface({ input: process.stdin })) {
    if (!line.trim()) continue;
    const [toUsername, id] = [line.split(" ", 1)[0], crypto.randomUUID()];
    command = { type: "privateMessage", toUsername, message: line.slice(toUsername.length + 1), id, messageId: id };
    await new Promise((resolve) => (answered = resolve) && transmit());
    command = undefined;
  }
  command = BYE;
  transmit();
})();
