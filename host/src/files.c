/* Files and folders. Paths are texts or bytes, as names on a disk need not be UTF-8. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>
#include "host.h"

/* A folder with more names is none of ours. */
enum { MOST_NAMES = 100000 };

static JSValue outcome(JSContext *ctx, int result)
{
    return JS_NewInt32(ctx, result < 0 ? -errno : result);
}

static JSValue open_file(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
    int flags, mode;
    char *path;
    JSValue result;

    (void) this; (void) argc;
    if (!take_int(ctx, argv[1], &flags) || !take_int(ctx, argv[2], &mode) || (path = take_name(ctx, argv[0])) == NULL) {
        return JS_EXCEPTION;
    }
    result = outcome(ctx, open(path, flags | O_CLOEXEC, (mode_t) mode));
    js_free(ctx, path);
    return result;
}

/* Of those that take a descriptor and nothing else. */
static JSValue on_descriptor(JSContext *ctx, JSValueConst value, int (*act)(int))
{
    int fd;

    return take_int(ctx, value, &fd) ? outcome(ctx, act(fd)) : JS_EXCEPTION;
}

static JSValue close_file(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
    (void) this; (void) argc;
    return on_descriptor(ctx, argv[0], close);
}

static JSValue sync_file(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
    (void) this; (void) argc;
    return on_descriptor(ctx, argv[0], fsync);
}

/* read(fd, array, offset, length, position): position -1: where the last reading ended. */
static JSValue read_file(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
    int fd;
    double position;
    size_t length;
    uint8_t *into = take_part(ctx, argv[1], argv[2], argv[3], &length);
    ssize_t done;

    (void) this; (void) argc;
    if (into == NULL || !take_int(ctx, argv[0], &fd) || JS_ToFloat64(ctx, &position, argv[4]) != 0) {
        return JS_EXCEPTION;
    }
    done = position < 0 ? read(fd, into, length) : pread(fd, into, length, (off_t) position);
    return outcome(ctx, (int) done);
}

static JSValue write_file(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
    int fd;
    size_t length;
    uint8_t *from = take_part(ctx, argv[1], argv[2], argv[3], &length);

    (void) this; (void) argc;
    if (from == NULL || !take_int(ctx, argv[0], &fd)) {
        return JS_EXCEPTION;
    }
    return outcome(ctx, (int) write(fd, from, length));
}

static double milliseconds(struct timespec time)
{
    return (double) time.tv_sec * 1e3 + (double) time.tv_nsec / 1e6;
}

/* stat(path or fd, followsLinks): mode, size, ino, uid, gid, dev, mtimeMs, ctimeMs, nlink. */
static JSValue stat_file(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
    struct stat found;
    int fd, result;

    (void) this; (void) argc;
    if (JS_IsNumber(argv[0])) {
        if (!take_int(ctx, argv[0], &fd)) {
            return JS_EXCEPTION;
        }
        result = fstat(fd, &found);
    } else {
        char *path = take_name(ctx, argv[0]);
        if (path == NULL) {
            return JS_EXCEPTION;
        }
        result = JS_ToBool(ctx, argv[1]) ? stat(path, &found) : lstat(path, &found);
        js_free(ctx, path);
    }
    if (result != 0) {
        return JS_NewInt32(ctx, -errno);
    }
    return give_numbers(ctx, (const double[]) {
        found.st_mode, (double) found.st_size, (double) found.st_ino, found.st_uid, found.st_gid, (double) found.st_dev,
        milliseconds(found.st_mtim), milliseconds(found.st_ctim), (double) found.st_nlink,
    }, 9);
}

enum path_action { UNLINK, RMDIR, MKDIR, CHMOD };

static JSValue act_on_path(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv, int action)
{
    int mode = 0, result = -1;
    char *path;

    (void) this; (void) argc;
    if ((action == MKDIR || action == CHMOD) && !take_int(ctx, argv[1], &mode)) {
        return JS_EXCEPTION;
    }
    if ((path = take_name(ctx, argv[0])) == NULL) {
        return JS_EXCEPTION;
    }
    switch ((enum path_action) action) {
    case UNLINK: result = unlink(path); break;
    case RMDIR: result = rmdir(path); break;
    case MKDIR: result = mkdir(path, (mode_t) mode); break;
    case CHMOD: result = chmod(path, (mode_t) mode); break;
    }
    js_free(ctx, path);
    return outcome(ctx, result);
}

static JSValue rename_file(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
    char *from = take_name(ctx, argv[0]), *to = from == NULL ? NULL : take_name(ctx, argv[1]);
    JSValue result = to == NULL ? JS_EXCEPTION : outcome(ctx, rename(from, to));

    (void) this; (void) argc;
    js_free(ctx, from);
    js_free(ctx, to);
    return result;
}

/* The names in a folder, each as bytes. */
static JSValue read_folder(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
    char *path = take_name(ctx, argv[0]);
    DIR *folder;
    struct dirent *entry;
    JSValue names;
    uint32_t count = 0;

    (void) this; (void) argc;
    if (path == NULL) {
        return JS_EXCEPTION;
    }
    folder = opendir(path);
    js_free(ctx, path);
    if (folder == NULL) {
        return JS_NewInt32(ctx, -errno);
    }
    names = JS_NewArray(ctx);
    while (count < MOST_NAMES && (entry = readdir(folder)) != NULL) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            JS_SetPropertyUint32(ctx, names, count++, give_bytes(ctx, entry->d_name, strlen(entry->d_name)));
        }
    }
    closedir(folder);
    return names;
}

static JSValue resolve_path(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
    char *path = take_name(ctx, argv[0]), *real;
    JSValue result;

    (void) this; (void) argc;
    if (path == NULL) {
        return JS_EXCEPTION;
    }
    real = realpath(path, NULL);
    result = real == NULL ? JS_NewInt32(ctx, -errno) : JS_NewString(ctx, real);
    free(real);
    js_free(ctx, path);
    return result;
}

/* watchFolder(path): a descriptor that inotify tells of changes on. */
static JSValue watch_folder(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
    char *path = take_name(ctx, argv[0]);
    int fd;

    (void) this; (void) argc;
    if (path == NULL) {
        return JS_EXCEPTION;
    }
    fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (fd >= 0 && inotify_add_watch(fd, path, IN_CREATE | IN_MODIFY | IN_CLOSE_WRITE | IN_MOVE | IN_DELETE | IN_DELETE_SELF) < 0) {
        int error = errno;
        close(fd);
        errno = error;
        fd = -1;
    }
    js_free(ctx, path);
    return outcome(ctx, fd);
}

void add_files(JSContext *ctx, JSValueConst native)
{
    static const struct function functions[] = {
        { "open", open_file, 3 }, { "close", close_file, 1 }, { "sync", sync_file, 1 }, { "read", read_file, 5 }, { "write", write_file, 4 },
        { "stat", stat_file, 2 }, { "rename", rename_file, 2 }, { "readFolder", read_folder, 1 }, { "realPath", resolve_path, 1 },
        { "watchFolder", watch_folder, 1 },
    };
    static const struct { const char *name; enum path_action action; } actions[] = {
        { "unlink", UNLINK }, { "removeFolder", RMDIR }, { "makeFolder", MKDIR }, { "changeMode", CHMOD },
    };

    ADD(ctx, native, functions);
    for (size_t at = 0; at < sizeof(actions) / sizeof(actions[0]); at++) {
        JS_SetPropertyStr(ctx, native, actions[at].name,
                          JS_NewCFunctionMagic(ctx, act_on_path, actions[at].name, 2, JS_CFUNC_generic_magic, actions[at].action));
    }
}
