/* client.c: a whole client, of the C library alone. cc -o client client.c; ./client HOST PORT NAME [--state FILE]
 * Lines of standard input, `Bob hello`, are sent one after the other; what arrives is printed as `Alice: hello`, all else to
 * standard error. PRIVMSG_PASSWORD or PRIVMSG_TOKEN proves the name. At the end of input what waits is fetched, then it ends.
 * C has no TLS of its own: to reach another machine, let stunnel or socat (OPENSSL:HOST:7749,cafile=FILE) listen on this one. */
#define _GNU_SOURCE
#include <err.h>
#include <locale.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { HEARTBEAT_S = 30 }; /* a connection on which nothing comes for two of them is dead */
/* `message` has no answer yet; `token` proves the name next time */
static char **args, *line, *typed, *message, token[256], *state, new_state[4096];
static size_t room, typed_room, message_room, composed;
static long long epoch, pos; /* up to `pos`, which counts within `epoch` (0: in none), everything has been printed */
static int ended, refused, attempt;
static struct addrinfo *addresses;
static FILE *out;

/* The server writes no spaces between its keys, and within its strings every quote has a backslash: so this finds a member. */
static char *find(char *in, const char *member) { return (in = strstr(in, member)) ? in + strlen(member) : NULL; }
static long long number(char *in, const char *member) { return find(in, member) ? atoll(find(in, member)) : 0; }

static char *unescape(char *text) { /* in place; nothing is left that drives a terminal */
    char *from = text, *to = text;
    for (int c, low, bytes; (c = (unsigned char)*from++);) {
        if (c != '\\') { *to++ = c; continue; }
        if ((c = *from++) == 'u') sscanf(from, "%4x", (unsigned *)&c), from += 4;
        else c = strchr("bfnrt", c) ? ' ' : c;
        if (c >> 10 == 54 && sscanf(from, "\\u%4x", (unsigned *)&low) == 1) c = ((c - 0xd7c0) << 10) + (low & 1023), from += 6;
        if ((bytes = wctomb(to, c < ' ' || (c >= 127 && c < 160) ? ' ' : (wchar_t)c)) > 0) to += bytes;
    }
    return *to = 0, text;
}

static void quote(FILE *to, const char *key, const char *text) {
    for (fprintf(to, ",\"%s\":\"", key); *text; text++)
        fprintf(to, (unsigned char)*text < ' ' || strchr("\"\\", *text) ? "\\u%04x" : "%c", *text);
    fputc('"', to);
}

static void send_register(char *auth) { /* `auth`: what the server takes here, where nobody overhears it */
    char host[65] = "", *jwt = getenv("PRIVMSG_TOKEN"), *password = getenv("PRIVMSG_PASSWORD");
    gethostname(host, 64), fprintf(out, "{\"type\":\"register\",\"deliver\":\"ack\",\"heartbeatMs\":%d", HEARTBEAT_S * 1000);
    quote(out, "device", host), quote(out, "username", args[3]);
    if (epoch) fprintf(out, ",\"after\":%lld,\"epoch\":%lld", pos, epoch);
    if (*token) quote(out, "resumeToken", token);
    else if (jwt && strstr(auth, "\"token\"")) quote(out, "token", jwt);
    else if (password && strstr(auth, "\"password\"")) quote(out, "password", password);
    fprintf(out, "}\n");
}

static void compose(char *name) { /* and sends it; by its `messageId` it is one message, however often it is sent */
    char *text = strchrnul(name, ' '), *end = strchrnul(name, '\n');
    FILE *to = open_memstream(&message, &message_room);
    *end = 0, fprintf(to, "{\"type\":\"privateMessage\",\"id\":1,\"messageId\":\"%d.%ld.%zu\"", getpid(), time(NULL), composed++);
    quote(to, "message", text < end ? text + 1 : ""), *text = 0, quote(to, "toUsername", name);
    fputs("}\n", to), fclose(to), fputs(message, out);
}

static void remember(void) {
    FILE *file = state ? fopen(new_state, "w") : NULL;
    if (file) fprintf(file, "%lld %lld", epoch, pos);
    if (state && (!file || fclose(file) || rename(new_state, state))) err(1, "%s", state);
}

static void show(void) { /* prints what arrived, once, and acknowledges it only then */
    char *from = find(line, "{\"type\":\"privateMessage\",\"from\":\""), *rest = line, *next, *text, *to;
    while (from && (next = find(rest, ",\"time\":\""))) rest = next; /* the last one; others are in the message */
    long long at = number(rest, "\"pos\":");
    if (at && at <= pos) return;
    if (from) {
        text = find(from, "\",\"message\":"), text[-12] = 0;
        rest[*text == '"' ? -10 : -9] = 0; /* where the text ends, or another value */
        if ((to = find(rest, "\"to\":\""))) *strchr(to, '"') = 0; /* another device of this account sent it */
        printf("%s%s%s: %s\n", from, to ? " to " : "", to ? to : "", unescape(text + (*text == '"')));
    } else fputs(line, stderr);
    if (!fflush(stdout) && at) pos = at, remember(), fprintf(out, "{\"type\":\"ack\",\"pos\":%lld}\n", pos);
}

static int is(const char *type) { return !strncmp(line + 9, type, strlen(type)) && line[9 + strlen(type)] == '"'; }

static int session(void) { /* one connection, to its end; returns for how many milliseconds the server wants to be left alone */
    int fd = -1, registered = 0, synced = 0, left = 0, repeat_ms = 0, wait_ms = -1;
    struct addrinfo *to;
    for (to = addresses; to; to = to->ai_next, close(fd))
        if (fd = socket(to->ai_family, SOCK_STREAM, 0), !connect(fd, to->ai_addr, to->ai_addrlen)) break;
    if (!to) return perror("cannot connect"), 0;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &(struct timeval){2 * HEARTBEAT_S, 0}, sizeof(struct timeval));
    FILE *in = fdopen(fd, "r");
    out = fdopen(dup(fd), "w"), setvbuf(in, NULL, _IONBF, 0); /* poll knows nothing of what is in buffers */
    while (wait_ms < 0) {
        if (ended && synced && !left) left = fputs("{\"type\":\"bye\"}\n", out);
        fflush(out);
        struct pollfd fds[] = {{fd, POLLIN, 0}, {registered && !message && !ended ? 0 : -1, POLLIN, 0}};
        if (!poll(fds, 2, repeat_ms ? repeat_ms : 2000 * HEARTBEAT_S) && !repeat_ms) break;
        if (!fds[0].revents && repeat_ms) repeat_ms = 0, fputs(message, out);
        if (fds[1].revents && !(ended = getline(&typed, &typed_room, stdin) <= 0) && typed[strspn(typed, " \t\r\n")]) compose(typed);
        if (!fds[0].revents) continue;
        if (getline(&line, &room, in) <= 0 || !strchr(line, '\n')) break; /* perhaps in the middle of one */
        char *error = is("errorMessage") ? line : "", *retry = strstr(error, "\"retryable\":true");
        if (is("hello")) send_register(find(line, "\"auth\":"));
        else if (is("registered")) {
            registered = 1, attempt = 0, sscanf(find(line, "\"resumeToken\":\""), "%255[^\"]", token);
            if (!strstr(line, "\"resumed\":true")) epoch = number(line, "\"epoch\":"), pos = number(line, "\"ackedPos\":");
            synced = !epoch, fputs(message ? message : "", out); /* in open mode nothing waits */
        } else if (is("synced")) synced = 1;
        else if (is("ping")) fputs("{\"type\":\"pong\"}\n", out);
        else if (is("goodbye") && left) exit(refused);
        else if (is("goodbye") || strstr(error, "\"command\":\"register\"")) {
            wait_ms = number(line, "\"afterMs\":") + number(line, "\"retryAfterMs\":"), fputs(line, stderr);
            if (*token && strstr(error, "\"code\":\"authFailed\"")) *token = 0; /* the password may still do */
            else if (!retry && !strstr(line, "\"reconnect\":true")) exit(1);
        } else if (retry) repeat_ms = 1000 + number(line, "\"retryAfterMs\":");
        else if (is("accepted") || *error) free(message), message = NULL, refused |= !!*error, fputs(error, stderr);
        else if (!left) show();
    }
    if (wait_ms < 0) wait_ms = 0, fputs("connection lost\n", stderr);
    return fclose(in), fclose(out), wait_ms;
}

int main(int count, char **words) {
    args = words, signal(SIGPIPE, SIG_IGN), setlocale(LC_ALL, "C.UTF-8"), srandom(getpid()), setvbuf(stdin, NULL, _IONBF, 0);
    if (count != 4 && (count != 6 || strcmp(args[4], "--state") || !*args[5])) errx(2, "usage: HOST PORT NAME [--state FILE]");
    if (count == 6) snprintf(new_state, sizeof new_state, "%s.new", state = args[5]);
    FILE *file = state ? fopen(state, "r") : NULL;
    if (file && (fscanf(file, "%lld %lld ", &epoch, &pos) != 2 || !feof(file) || (epoch | pos) >> 53)) epoch = pos = 0;
    remember(); /* or it could be told too late that this cannot be done */
    if (getaddrinfo(args[1], args[2], &(struct addrinfo){.ai_socktype = SOCK_STREAM}, &addresses)) errx(1, "no such host");
    for (int wait_ms;; attempt += attempt < 8) /* 50 ms … 38 s, by chance, so that not all come back at once */
        wait_ms = session(), usleep(1000 * (wait_ms + (50 << attempt) + random() % (100 << attempt)));
}
