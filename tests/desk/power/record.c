/* Records what a program writes to the files of one folder, and when it has them synced, so that the disk can be rebuilt as
 * it may have been at any moment. Loaded by LD_PRELOAD. BAILOUT_RECORDED_FOLDER names the folder, BAILOUT_RECORDING the log.
 *
 * A record: the kind (w: write, s: sync, t: truncate, u: unlink), the length of the file's name, an offset and a length, each
 * of the three as 8 bytes in the machine's order, then the name, then what was written. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int recording = -1;

static void append(const void *bytes, size_t length) {
    const char *from = bytes;
    while (length > 0) {
        ssize_t written = syscall(SYS_write, recording, from, length);
        if (written <= 0) abort();
        from += written;
        length -= (size_t)written;
    }
}

static void record(char kind, const char *path, uint64_t offset, const void *bytes, uint64_t length) {
    const char *folder = getenv("BAILOUT_RECORDED_FOLDER");
    if (!folder || strncmp(path, folder, strlen(folder)) != 0 || path[strlen(folder)] != '/') return;
    const char *name = path + strlen(folder) + 1;
    uint64_t head[3] = {strlen(name), offset, length};
    if (recording < 0) {
        recording = open(getenv("BAILOUT_RECORDING"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        if (recording < 0) abort();
    }
    append(&kind, 1);
    append(head, sizeof head);
    append(name, strlen(name));
    if (bytes) append(bytes, length);
}

static void record_of(char kind, int file, uint64_t offset, const void *bytes, uint64_t length) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t read = readlink(link, path, sizeof path - 1);
    if (read <= 0) return;
    path[read] = 0;
    record(kind, path, offset, bytes, length);
}

/* The call and its record are one step, so that records are in the order of the calls. */
#define RECORDED(call, ok, kind, offset, bytes, length)                                                                        \
    pthread_mutex_lock(&lock);                                                                                                 \
    __typeof__(call) result = (call);                                                                                          \
    if (ok) record_of(kind, file, offset, bytes, length);                                                                      \
    pthread_mutex_unlock(&lock);                                                                                               \
    return result

ssize_t pwrite64(int file, const void *bytes, size_t length, off64_t offset) {
    RECORDED(syscall(SYS_pwrite64, file, bytes, length, offset), result > 0, 'w', (uint64_t)offset, bytes, (uint64_t)result);
}

/* SQLite may move to the offset first. */
ssize_t write(int file, const void *bytes, size_t length) {
    off_t offset = lseek(file, 0, SEEK_CUR);
    if (offset < 0) return syscall(SYS_write, file, bytes, length);
    RECORDED(syscall(SYS_write, file, bytes, length), result > 0, 'w', (uint64_t)offset, bytes, (uint64_t)result);
}

ssize_t pwrite(int file, const void *bytes, size_t length, off_t offset) {
    return pwrite64(file, bytes, length, offset);
}

int fsync(int file) {
    RECORDED((int)syscall(SYS_fsync, file), result == 0, 's', 0, NULL, 0);
}

int fdatasync(int file) {
    RECORDED((int)syscall(SYS_fdatasync, file), result == 0, 's', 0, NULL, 0);
}

int ftruncate64(int file, off64_t length) {
    RECORDED((int)syscall(SYS_ftruncate, file, length), result == 0, 't', (uint64_t)length, NULL, 0);
}

int ftruncate(int file, off_t length) {
    return ftruncate64(file, length);
}

int unlink(const char *path) {
    pthread_mutex_lock(&lock);
    int result = (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0);
    if (result == 0) record('u', path, 0, NULL, 0);
    pthread_mutex_unlock(&lock);
    return result;
}
