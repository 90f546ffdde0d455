/* Preloaded into a server: counts its fsync and fdatasync, and makes each take longer by what the benchmark says.
 * BENCH_SYNCS: a file whose first eight bytes are the count. BENCH_SYNC_EXTRA_US: microseconds, 0: none. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static _Atomic unsigned long *count;
static long extra_us;

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("BENCH_SYNCS"), *extra = getenv("BENCH_SYNC_EXTRA_US");
    extra_us = extra ? atol(extra) : 0;
    int fd = path ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600) : -1;
    if (fd < 0)
        return;
    if (ftruncate(fd, sizeof *count) == 0) {
        void *page = mmap(NULL, sizeof *count, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        count = page == MAP_FAILED ? NULL : page;
    }
    close(fd);
}

static int after(int result) {
    int saved = errno;
    if (count)
        atomic_fetch_add(count, 1);
    if (extra_us > 0) {
        struct timespec left = {extra_us / 1000000, extra_us % 1000000 * 1000};
        /* Else a sleep ends up to 50 us late. */
        prctl(PR_SET_TIMERSLACK, 1UL);
        while (nanosleep(&left, &left) != 0 && errno == EINTR)
            ;
    }
    errno = saved;
    return result;
}

int fsync(int fd) { return after((int)syscall(SYS_fsync, fd)); }

int fdatasync(int fd) { return after((int)syscall(SYS_fdatasync, fd)); }
