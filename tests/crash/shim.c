/*
 * Preloaded into the broker by power.rs: writes down, in order, everything that the broker does to its database files, so that
 * power.rs can build what a disk might hold if the power had gone at any moment. It changes nothing.
 *
 * A record, in this machine's byte order: kind, thread, offset, length of the name, length of the data; then name and data.
 * Kinds: W bytes were written, T the file was cut to a length, B a sync begins, E it has succeeded, U a name was removed.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

struct head {
    uint32_t kind, thread;
    uint64_t offset;
    uint32_t name_length, data_length;
};

static int out = -1;
static char directory[4096];
static pthread_mutex_t order = PTHREAD_MUTEX_INITIALIZER;

__attribute__((constructor)) static void begin(void) {
    const char *log = getenv("SHIM_LOG"), *dir = getenv("SHIM_DIR");
    if (log && dir && realpath(dir, directory))
        out = open(log, O_WRONLY | O_APPEND | O_CLOEXEC);
}

/* The name below the data directory; "" is the directory itself. 0: none of our business. */
static const char *ours(const char *path) {
    size_t length = strlen(directory);
    if (out < 0 || strncmp(path, directory, length))
        return 0;
    if (!path[length])
        return "";
    return path[length] == '/' && !strncmp(path + length + 1, "monolog.db", 10) ? path + length + 1 : 0;
}

static const char *name_of(int fd, char *path, size_t size) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = out < 0 ? -1 : readlink(link, path, size - 1);
    if (length < 0)
        return 0;
    path[length] = 0;
    return ours(path);
}

static void record(char kind, const char *name, uint64_t offset, const void *data, size_t length) {
    struct head head = {kind, (uint32_t)syscall(SYS_gettid), offset, (uint32_t)strlen(name), (uint32_t)length};
    struct iovec parts[] = {{&head, sizeof head}, {(void *)name, strlen(name)}, {(void *)data, length}};
    if (writev(out, parts, 3) != (ssize_t)(sizeof head + strlen(name) + length))
        abort();
}

/* The call and its record are one step, so that the records are in the order of the calls. */
ssize_t pwrite64(int fd, const void *data, size_t length, off64_t offset) {
    static ssize_t (*real)(int, const void *, size_t, off64_t);
    if (!real)
        real = dlsym(RTLD_NEXT, "pwrite64");
    char path[4096];
    const char *name = name_of(fd, path, sizeof path);
    if (!name)
        return real(fd, data, length, offset);
    pthread_mutex_lock(&order);
    ssize_t written = real(fd, data, length, offset);
    if (written > 0)
        record('W', name, offset, data, written);
    pthread_mutex_unlock(&order);
    return written;
}

int ftruncate64(int fd, off64_t length) {
    static int (*real)(int, off64_t);
    if (!real)
        real = dlsym(RTLD_NEXT, "ftruncate64");
    char path[4096];
    const char *name = name_of(fd, path, sizeof path);
    if (!name)
        return real(fd, length);
    pthread_mutex_lock(&order);
    int result = real(fd, length);
    if (!result)
        record('T', name, length, "", 0);
    pthread_mutex_unlock(&order);
    return result;
}

int unlink(const char *path) {
    static int (*real)(const char *);
    if (!real)
        real = dlsym(RTLD_NEXT, "unlink");
    char whole[4096];
    const char *name = 0, *slash = strrchr(path, '/');
    if (slash && realpath(path, whole))
        name = ours(whole);
    if (!name)
        return real(path);
    pthread_mutex_lock(&order);
    int result = real(path);
    if (!result)
        record('U', name, 0, "", 0);
    pthread_mutex_unlock(&order);
    return result;
}

/* Syncs of several files may overlap: what was written before one began is safe when it ends. */
int fsync(int fd) {
    static int (*real)(int);
    if (!real)
        real = dlsym(RTLD_NEXT, "fsync");
    char path[4096];
    const char *name = name_of(fd, path, sizeof path);
    if (!name)
        return real(fd);
    pthread_mutex_lock(&order);
    record('B', name, 0, "", 0);
    pthread_mutex_unlock(&order);
    int result = real(fd);
    if (!result) {
        pthread_mutex_lock(&order);
        record('E', name, 0, "", 0);
        pthread_mutex_unlock(&order);
    }
    return result;
}
