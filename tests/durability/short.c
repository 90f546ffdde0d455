/* Reads and writes of plain files at a place do half of what they are asked, and every third is interrupted first. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static unsigned long calls, halved, interrupted;

/* How many bytes to do, or -1: interrupted. */
static ssize_t share(int file, size_t count)
{
    struct stat found;
    if (fstat(file, &found) != 0 || !S_ISREG(found.st_mode))
        return count;
    if (__sync_add_and_fetch(&calls, 1) % 3 == 0) {
        __sync_add_and_fetch(&interrupted, 1);
        errno = EINTR;
        return -1;
    }
    if (count < 2)
        return count;
    __sync_add_and_fetch(&halved, 1);
    return count / 2;
}

ssize_t pwrite64(int file, const void *bytes, size_t count, off_t at)
{
    ssize_t some = share(file, count);
    return some < 0 ? some : syscall(SYS_pwrite64, file, bytes, (size_t)some, at);
}

ssize_t pwrite(int file, const void *bytes, size_t count, off_t at)
{
    return pwrite64(file, bytes, count, at);
}

ssize_t pread64(int file, void *bytes, size_t count, off_t at)
{
    ssize_t some = share(file, count);
    return some < 0 ? some : syscall(SYS_pread64, file, bytes, (size_t)some, at);
}

ssize_t pread(int file, void *bytes, size_t count, off_t at)
{
    return pread64(file, bytes, count, at);
}

__attribute__((destructor)) static void tell(void)
{
    const char *path = getenv("SHORT_TOLD");
    FILE *told = path ? fopen(path, "w") : NULL;
    if (told) {
        fprintf(told, "%lu %lu\n", halved, interrupted);
        fclose(told);
    }
}
