/* The floor: what a relay costs before it does anything. One thread, epoll, fixed offsets, nothing parsed.
 *
 * A frame is three little-endian words, length (of all of it), to, from, and a payload. It goes to whoever entered
 * as `to`, as it is. `to` = 0xffffffff enters as `from` and is answered with the same header.
 * One read per event, appended to the target's buffer, one write per dirty target per turn.
 *
 * Left out on purpose: checks of any kind, bounds on queues, times, names. It trusts whoever connects.
 * Prints its port; listens on 127.0.0.1. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { HEADER = 12, EVENTS = 1024, SCRATCH = 256 * 1024, READ = 64 * 1024, POOLED = 1 << 20, USERS = 1 << 20, FDS = 1 << 16 };

struct conn {
    char *out;                 /* none while there is nothing to write */
    uint32_t len, cap, sent;
    char *carry;               /* the front of an unfinished frame */
    uint32_t carried;
    uint8_t dirty, blocked;
};

static struct conn conns[FDS];
static int users[USERS];
static int dirty[FDS], dirties, listener, poller;
static char scratch[SCRATCH + READ];
static char *pool[FDS];
static uint32_t pool_cap[FDS], pooled;

static void append(int fd, const char *bytes, uint32_t n) {
    struct conn *c = &conns[fd];
    if (c->len + n > c->cap) {
        if (!c->out && pooled) {
            c->out = pool[--pooled];
            c->cap = pool_cap[pooled];
        }
        if (c->len + n > c->cap) {
            c->cap = c->cap ? c->cap : 4096;
            while (c->len + n > c->cap) c->cap *= 2;
            c->out = realloc(c->out, c->cap);
        }
    }
    memcpy(c->out + c->len, bytes, n);
    c->len += n;
    if (!c->dirty) {
        c->dirty = 1;
        dirty[dirties++] = fd;
    }
}

static void drop(int fd) {
    struct conn *c = &conns[fd];
    free(c->out);
    free(c->carry);
    *c = (struct conn){ .dirty = c->dirty };
    close(fd);
}

static void want(int fd, uint32_t what) {
    struct epoll_event event = { .events = what, .data.fd = fd };
    epoll_ctl(poller, EPOLL_CTL_MOD, fd, &event);
}

static void flush(int fd) {
    struct conn *c = &conns[fd];
    c->dirty = 0;
    if (c->blocked || c->sent == c->len) return;
    ssize_t n = write(fd, c->out + c->sent, c->len - c->sent);
    if (n > 0) c->sent += n;
    if (c->sent < c->len) {
        c->blocked = 1;
        want(fd, EPOLLIN | EPOLLOUT);
        if (c->sent > 65536 && c->sent * 2 > c->len) {
            memmove(c->out, c->out + c->sent, c->len -= c->sent);
            c->sent = 0;
        }
        return;
    }
    if (c->cap <= POOLED && pooled < FDS) {
        pool_cap[pooled] = c->cap;
        pool[pooled++] = c->out;
    } else {
        free(c->out);
    }
    c->out = NULL;
    c->len = c->cap = c->sent = 0;
}

/* Runs of frames to one target are appended at once. */
static char *relay(int fd, char *at, char *end) {
    while (end - at >= HEADER) {
        char *run = at;
        uint32_t to, next, length;
        memcpy(&to, at + 4, 4);
        for (next = to; next == to;) {
            memcpy(&length, at, 4);
            if (end - at < (ptrdiff_t)length) break;
            at += length;
            if (end - at < HEADER) break;
            memcpy(&next, at + 4, 4);
        }
        if (at == run) break;
        if (to == UINT32_MAX) {
            uint32_t from;
            memcpy(&from, run + 8, 4);
            users[from & (USERS - 1)] = fd;
            append(fd, run, at - run);
        } else if (users[to & (USERS - 1)]) {
            append(users[to & (USERS - 1)], run, at - run);
        }
    }
    return at;
}

static void readable(int fd) {
    struct conn *c = &conns[fd];
    uint32_t had = c->carried;
    if (had) {
        memcpy(scratch, c->carry, had);
        free(c->carry);
        c->carry = NULL;
        c->carried = 0;
    }
    ssize_t n = read(fd, scratch + had, READ);
    if (n == 0 || (n < 0 && errno != EAGAIN)) return drop(fd);
    if (n < 0) n = 0;
    char *end = scratch + had + n, *rest = relay(fd, scratch, end);
    if (rest < end) {
        c->carried = end - rest;
        c->carry = malloc(c->carried);
        memcpy(c->carry, rest, c->carried);
    }
}

/* Takes bytes again. */
static void writable(int fd) {
    conns[fd].blocked = 0;
    want(fd, EPOLLIN);
    flush(fd);
}

static void accept_all(void) {
    int fd, one = 1;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        if (fd >= FDS) {
            close(fd);
            continue;
        }
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };
        epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event);
    }
}

int main(void) {
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
    socklen_t size = sizeof address;
    listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    poller = epoll_create1(0);
    if (bind(listener, (void *)&address, size) || listen(listener, 4096)) return 1;
    getsockname(listener, (void *)&address, &size);
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    struct epoll_event events[EVENTS], event = { .events = EPOLLIN, .data.fd = listener };
    epoll_ctl(poller, EPOLL_CTL_ADD, listener, &event);
    for (;;) {
        int n = epoll_wait(poller, events, EVENTS, -1);
        for (int i = 0; i < n; i++) {
            int fd = events[i].data.fd;
            if (fd == listener) {
                accept_all();
                continue;
            }
            if (events[i].events & EPOLLOUT) writable(fd);
            if (events[i].events & ~EPOLLOUT) readable(fd);
        }
        for (int i = 0; i < dirties; i++) flush(dirty[i]);
        dirties = 0;
    }
}
