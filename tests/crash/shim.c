/* Counts the system calls that change something below one folder, and makes the n-th one fatal or a failure.
 *
 * Loaded with LD_PRELOAD. Nothing happens until `shim_arm` is called, which a forked child does before it runs what is
 * tested. `shim_record` writes every call that succeeded, with its data, to a file instead. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum mode { OFF, COUNT, KILL_BEFORE, KILL_WITHIN, KILL_AFTER, FAIL_ONCE, FAIL_FROM, RECORD };
enum kind { CREATE, WRITE, TRUNCATE, FSYNC, RENAME, UNLINK, MKDIR, RMDIR, LINK };

static enum mode mode = OFF;
static long fatal, counted;
static int failure, trace = -1;
static char root[PATH_MAX];
static size_t root_length;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

#define REAL(type, name, ...) \
    static type (*real)(__VA_ARGS__); \
    if (!real) real = (type (*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)

void shim_arm(const char *folder, int how, long number, int error) {
    strncpy(root, folder, sizeof root - 1);
    root_length = strlen(root);
    fatal = number, counted = 0, failure = error, mode = how;
}

long shim_count(void) { return counted; }

void shim_record(const char *folder, const char *file) {
    trace = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    shim_arm(folder, RECORD, 0, 0);
}

/* A program that knows nothing of this library is armed by its environment. */
__attribute__((constructor)) static void arm_by_environment(void) {
    const char *folder = getenv("SHIM_FOLDER"), *how = getenv("SHIM_MODE"), *number = getenv("SHIM_NUMBER");
    if (folder && how && number) shim_arm(folder, atoi(how), atol(number), ENOSPC);
}

static int is_below(const char *path) {
    return !strncmp(path, root, root_length) && (path[root_length] == '/' || !path[root_length]);
}

/* Put the path of a descriptor into `path`; tell whether it is below the folder. */
static int descriptor_below(int descriptor, char *path) {
    char link[64];
    if (mode == OFF) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, path, PATH_MAX - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return is_below(path);
}

static int path_below(int folder, const char *name, char *path) {
    if (mode == OFF || !name) return 0;
    if (name[0] == '/') {
        snprintf(path, PATH_MAX, "%s", name);
    } else {
        char base[PATH_MAX];
        if (folder == AT_FDCWD ? !getcwd(base, sizeof base) : (descriptor_below(folder, base), base[0] != '/')) return 0;
        if (snprintf(path, PATH_MAX, "%s/%s", base, name) >= PATH_MAX) return 0;
    }
    return is_below(path);
}

static void die(void) {
    kill(getpid(), SIGKILL);
    for (;;) pause();
}

/* Before the call: take the lock and the number; return 1 where the call must fail. */
static int enter(enum kind kind) {
    int saved = errno;
    pthread_mutex_lock(&lock);
    long number = ++counted;
    if (mode == KILL_BEFORE && number == fatal) die();
    if (mode == KILL_WITHIN && number == fatal && kind != WRITE) die();
    int takes_space = kind != RENAME && kind != UNLINK && kind != RMDIR;
    if ((mode == FAIL_ONCE && number == fatal) || (mode == FAIL_FROM && (number == fatal || (number > fatal && takes_space)))) {
        pthread_mutex_unlock(&lock);
        errno = failure;
        return 1;
    }
    errno = saved;
    return 0;
}

static void put(const void *data, size_t size) {
    static ssize_t (*real)(int, const void *, size_t);
    if (!real) real = (ssize_t (*)(int, const void *, size_t))dlsym(RTLD_NEXT, "write");
    for (const char *at = data; size;) {
        ssize_t done = real(trace, at, size);
        if (done <= 0) _exit(99);
        at += done, size -= (size_t)done;
    }
}

/* After the call: record it, or die; then let go of the lock. */
static void leave(enum kind kind, int succeeded, const char *path, const char *other, int64_t offset, const void *data,
                  size_t size) {
    int saved = errno;
    if (mode == KILL_AFTER && counted == fatal) die();
    if (mode == RECORD && succeeded) {
        uint32_t head[4] = {(uint32_t)kind, (uint32_t)strlen(path), other ? (uint32_t)strlen(other) : 0, (uint32_t)size};
        put(head, sizeof head), put(&offset, sizeof offset), put(path, head[1]);
        if (other) put(other, head[2]);
        if (size) put(data, size);
    }
    pthread_mutex_unlock(&lock);
    errno = saved;
}

#define OPEN(name) \
    int name(const char *file, int flags, ...) { \
        va_list rest; va_start(rest, flags); mode_t bits = va_arg(rest, mode_t); va_end(rest); \
        REAL(int, #name, const char *, int, ...); \
        char path[PATH_MAX]; \
        if (!(flags & (O_CREAT | O_TRUNC)) || !path_below(AT_FDCWD, file, path)) return real(file, flags, bits); \
        if (enter(CREATE)) return -1; \
        int descriptor = real(file, flags, bits); \
        leave(CREATE, descriptor >= 0, path, NULL, flags & O_TRUNC ? 1 : 0, NULL, 0); \
        return descriptor; \
    }
OPEN(open)
OPEN(open64)

#define OPENAT(name) \
    int name(int folder, const char *file, int flags, ...) { \
        va_list rest; va_start(rest, flags); mode_t bits = va_arg(rest, mode_t); va_end(rest); \
        REAL(int, #name, int, const char *, int, ...); \
        char path[PATH_MAX]; \
        if (!(flags & (O_CREAT | O_TRUNC)) || !path_below(folder, file, path)) return real(folder, file, flags, bits); \
        if (enter(CREATE)) return -1; \
        int descriptor = real(folder, file, flags, bits); \
        leave(CREATE, descriptor >= 0, path, NULL, flags & O_TRUNC ? 1 : 0, NULL, 0); \
        return descriptor; \
    }
OPENAT(openat)
OPENAT(openat64)

ssize_t write(int descriptor, const void *data, size_t size) {
    REAL(ssize_t, "write", int, const void *, size_t);
    char path[PATH_MAX];
    if (!descriptor_below(descriptor, path)) return real(descriptor, data, size);
    if (enter(WRITE)) return -1;
    if (mode == KILL_WITHIN && counted == fatal) real(descriptor, data, size / 2), die();
    ssize_t done = real(descriptor, data, size);
    leave(WRITE, done >= 0, path, NULL, mode == RECORD ? lseek(descriptor, 0, SEEK_CUR) - done : 0, data, done > 0 ? (size_t)done : 0);
    return done;
}

#define PWRITE(name) \
    ssize_t name(int descriptor, const void *data, size_t size, off_t offset) { \
        REAL(ssize_t, #name, int, const void *, size_t, off_t); \
        char path[PATH_MAX]; \
        if (!descriptor_below(descriptor, path)) return real(descriptor, data, size, offset); \
        if (enter(WRITE)) return -1; \
        if (mode == KILL_WITHIN && counted == fatal) real(descriptor, data, size / 2, offset), die(); \
        ssize_t done = real(descriptor, data, size, offset); \
        leave(WRITE, done >= 0, path, NULL, offset, data, done > 0 ? (size_t)done : 0); \
        return done; \
    }
PWRITE(pwrite)
PWRITE(pwrite64)

/* Several buffers are written one by one: what the callers ask for is the same. */
ssize_t pwritev(int descriptor, const struct iovec *parts, int count, off_t offset) {
    ssize_t total = 0;
    for (int part = 0; part < count; part++) {
        ssize_t done = pwrite(descriptor, parts[part].iov_base, parts[part].iov_len, offset + total);
        if (done < 0) return total ? total : -1;
        total += done;
        if ((size_t)done < parts[part].iov_len) break;
    }
    return total;
}
ssize_t pwritev64(int descriptor, const struct iovec *parts, int count, off_t offset) {
    return pwritev(descriptor, parts, count, offset);
}
ssize_t writev(int descriptor, const struct iovec *parts, int count) {
    REAL(ssize_t, "writev", int, const struct iovec *, int);
    char path[PATH_MAX];
    if (!descriptor_below(descriptor, path)) return real(descriptor, parts, count);
    ssize_t total = 0;
    for (int part = 0; part < count; part++) {
        ssize_t done = write(descriptor, parts[part].iov_base, parts[part].iov_len);
        if (done < 0) return total ? total : -1;
        total += done;
        if ((size_t)done < parts[part].iov_len) break;
    }
    return total;
}

/* Data that never passes through the process is neither cut nor recorded: callers fall back on `write`. */
ssize_t sendfile(int out, int in, off_t *offset, size_t count) {
    REAL(ssize_t, "sendfile", int, int, off_t *, size_t);
    char path[PATH_MAX];
    if (!descriptor_below(out, path)) return real(out, in, offset, count);
    errno = EINVAL;
    return -1;
}
ssize_t sendfile64(int out, int in, off_t *offset, size_t count) { return sendfile(out, in, offset, count); }
ssize_t copy_file_range(int in, off_t *in_offset, int out, off_t *out_offset, size_t size, unsigned flags) {
    REAL(ssize_t, "copy_file_range", int, off_t *, int, off_t *, size_t, unsigned);
    char path[PATH_MAX];
    if (!descriptor_below(out, path)) return real(in, in_offset, out, out_offset, size, flags);
    errno = EXDEV;
    return -1;
}

#define OF_DESCRIPTOR(name, kind) \
    int name(int descriptor) { \
        REAL(int, #name, int); \
        char path[PATH_MAX]; \
        if (!descriptor_below(descriptor, path)) return real(descriptor); \
        if (enter(kind)) return -1; \
        int result = real(descriptor); \
        leave(kind, result == 0, path, NULL, 0, NULL, 0); \
        return result; \
    }
OF_DESCRIPTOR(fsync, FSYNC)
OF_DESCRIPTOR(fdatasync, FSYNC)

#define FTRUNCATE(name) \
    int name(int descriptor, off_t size) { \
        REAL(int, #name, int, off_t); \
        char path[PATH_MAX]; \
        if (!descriptor_below(descriptor, path)) return real(descriptor, size); \
        if (enter(TRUNCATE)) return -1; \
        int result = real(descriptor, size); \
        leave(TRUNCATE, result == 0, path, NULL, size, NULL, 0); \
        return result; \
    }
FTRUNCATE(ftruncate)
FTRUNCATE(ftruncate64)

#define OF_PATH(name, kind) \
    int name(const char *file) { \
        REAL(int, #name, const char *); \
        char path[PATH_MAX]; \
        if (!path_below(AT_FDCWD, file, path)) return real(file); \
        if (enter(kind)) return -1; \
        int result = real(file); \
        leave(kind, result == 0, path, NULL, 0, NULL, 0); \
        return result; \
    }
OF_PATH(unlink, UNLINK)
OF_PATH(rmdir, RMDIR)

int unlinkat(int folder, const char *file, int flags) {
    REAL(int, "unlinkat", int, const char *, int);
    char path[PATH_MAX];
    enum kind kind = flags & AT_REMOVEDIR ? RMDIR : UNLINK;
    if (!path_below(folder, file, path)) return real(folder, file, flags);
    if (enter(kind)) return -1;
    int result = real(folder, file, flags);
    leave(kind, result == 0, path, NULL, 0, NULL, 0);
    return result;
}

int mkdir(const char *file, mode_t bits) {
    REAL(int, "mkdir", const char *, mode_t);
    char path[PATH_MAX];
    if (!path_below(AT_FDCWD, file, path)) return real(file, bits);
    if (enter(MKDIR)) return -1;
    int result = real(file, bits);
    leave(MKDIR, result == 0, path, NULL, 0, NULL, 0);
    return result;
}

#define OF_TWO_PATHS(name, kind) \
    int name(const char *from, const char *to) { \
        REAL(int, #name, const char *, const char *); \
        char path[PATH_MAX], other[PATH_MAX]; \
        if (!path_below(AT_FDCWD, to, other)) return real(from, to); \
        path_below(AT_FDCWD, from, path); \
        if (enter(kind)) return -1; \
        int result = real(from, to); \
        leave(kind, result == 0, path, other, 0, NULL, 0); \
        return result; \
    }
OF_TWO_PATHS(rename, RENAME)
OF_TWO_PATHS(link, LINK)
OF_TWO_PATHS(symlink, LINK)

int renameat(int from_folder, const char *from, int to_folder, const char *to) {
    REAL(int, "renameat", int, const char *, int, const char *);
    char path[PATH_MAX], other[PATH_MAX];
    if (!path_below(to_folder, to, other)) return real(from_folder, from, to_folder, to);
    path_below(from_folder, from, path);
    if (enter(RENAME)) return -1;
    int result = real(from_folder, from, to_folder, to);
    leave(RENAME, result == 0, path, other, 0, NULL, 0);
    return result;
}
