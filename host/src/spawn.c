/* Programs of the system, with pipes. Never through a shell. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "host.h"

/* What a standard stream of the child is. */
enum { IGNORED = 0, PIPED = 1, INHERITED = 2 };
enum { MOST_ARGUMENTS = 4096 };

/* An array of texts, as exec wants it. */
static char **take_list(JSContext *ctx, JSValueConst list)
{
    JSValue length = JS_GetPropertyStr(ctx, list, "length");
    int count = -1;
    char **texts;

    if (!take_int(ctx, length, &count) || count < 0 || count > MOST_ARGUMENTS) {
        JS_FreeValue(ctx, length);
        JS_ThrowRangeError(ctx, "native: too many arguments");
        return NULL;
    }
    texts = js_mallocz(ctx, ((size_t) count + 1) * sizeof(char *));
    for (int at = 0; texts != NULL && at < count; at++) {
        JSValue each = JS_GetPropertyUint32(ctx, list, (uint32_t) at);
        texts[at] = take_name(ctx, each);
        JS_FreeValue(ctx, each);
        if (texts[at] == NULL) {
            for (int before = 0; before < at; before++) {
                js_free(ctx, texts[before]);
            }
            js_free(ctx, texts);
            return NULL;
        }
    }
    return texts;
}

static void free_list(JSContext *ctx, char **texts)
{
    for (char **each = texts; texts != NULL && *each != NULL; each++) {
        js_free(ctx, *each);
    }
    js_free(ctx, texts);
}

/* The program's file: by the PATH that the child will have. 0, or an error number. */
static int find_program(const char *name, char *const *environment, char *path, size_t size)
{
    const char *folders = "/usr/sbin:/usr/bin:/sbin:/bin";
    int error = ENOENT;

    if (strchr(name, '/') != NULL) {
        return snprintf(path, size, "%s", name) < (int) size ? 0 : ENAMETOOLONG;
    }
    for (char *const *each = environment; *each != NULL; each++) {
        if (strncmp(*each, "PATH=", 5) == 0) {
            folders = *each + 5;
        }
    }
    while (*folders != 0) {
        size_t length = strcspn(folders, ":");
        int written = length == 0 ? -1 : snprintf(path, size, "%.*s/%s", (int) length, folders, name);
        if (written > 0 && (size_t) written < size) {
            if (access(path, X_OK) == 0) {
                return 0;
            }
            if (errno == EACCES) {
                error = EACCES;
            }
        }
        folders += length + (folders[length] == ':');
    }
    return error;
}

static void close_both(const int pair[2])
{
    for (int side = 0; side < 2; side++) {
        if (pair[side] >= 0) {
            close(pair[side]);
        }
    }
}

/* Makes the child's standard streams; `ours` are the ends that stay here. 0, or an error number. */
static int prepare_streams(const int kinds[3], int pipes[3][2], posix_spawn_file_actions_t *actions)
{
    for (int stream = 0; stream < 3; stream++) {
        if (kinds[stream] == IGNORED) {
            posix_spawn_file_actions_addopen(actions, stream, "/dev/null", stream == 0 ? O_RDONLY : O_WRONLY, 0);
        } else if (kinds[stream] == PIPED) {
            if (pipe2(pipes[stream], O_CLOEXEC) != 0) {
                return errno;
            }
            posix_spawn_file_actions_adddup2(actions, pipes[stream][stream == 0 ? 0 : 1], stream);
        }
    }
    return 0;
}

static int start(const char *path, char **arguments, char **environment, const int kinds[3], int ours[3], pid_t *pid)
{
    int pipes[3][2] = { { -1, -1 }, { -1, -1 }, { -1, -1 } };
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    int error;

    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    error = prepare_streams(kinds, pipes, &actions);
    if (error == 0) {
        error = posix_spawn(pid, path, &actions, &attributes, arguments, environment);
    }
    for (int stream = 0; stream < 3; stream++) {
        int mine = stream == 0 ? 1 : 0;
        ours[stream] = -1;
        if (error == 0 && pipes[stream][mine] >= 0) {
            ours[stream] = pipes[stream][mine];
            fcntl(ours[stream], F_SETFL, O_NONBLOCK);
            pipes[stream][mine] = -1;
        }
        close_both(pipes[stream]);
    }
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    return error;
}

/* spawn(name, arguments with the name first, environment, [stdin, stdout, stderr]): [pid, our ends of the pipes or -1]. */
static JSValue spawn_program(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
    char path[PATH_MAX];
    char *name = take_name(ctx, argv[0]);
    char **arguments = name == NULL ? NULL : take_list(ctx, argv[1]);
    char **environment = arguments == NULL ? NULL : take_list(ctx, argv[2]);
    int kinds[3] = { IGNORED, IGNORED, IGNORED }, ours[3], error;
    pid_t pid = -1;
    JSValue result = JS_EXCEPTION;
    bool is_fine = environment != NULL;

    (void) this; (void) argc;
    for (uint32_t stream = 0; is_fine && stream < 3; stream++) {
        JSValue kind = JS_GetPropertyUint32(ctx, argv[3], stream);
        is_fine = take_int(ctx, kind, &kinds[stream]);
        JS_FreeValue(ctx, kind);
    }
    if (is_fine) {
        error = find_program(name, environment, path, sizeof(path));
        if (error == 0) {
            error = start(path, arguments, environment, kinds, ours, &pid);
        }
        result = error != 0 ? JS_NewInt32(ctx, -error) : give_numbers(ctx, (const double[]) { pid, ours[0], ours[1], ours[2] }, 4);
    }
    free_list(ctx, environment);
    free_list(ctx, arguments);
    js_free(ctx, name);
    return result;
}

/* wait(pid): null while it runs; else [exit code or -1, signal or 0]. */
static JSValue wait_for(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
    int pid, status;

    (void) this; (void) argc;
    if (!take_int(ctx, argv[0], &pid)) {
        return JS_EXCEPTION;
    }
    if (pid <= 0 || waitpid(pid, &status, WNOHANG) != pid) {
        return JS_NULL;
    }
    return give_numbers(ctx, (const double[]) { WIFEXITED(status) ? WEXITSTATUS(status) : -1, WIFSIGNALED(status) ? WTERMSIG(status) : 0 }, 2);
}

static JSValue kill_process(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
    int pid, number;

    (void) this; (void) argc;
    if (!take_int(ctx, argv[0], &pid) || !take_int(ctx, argv[1], &number)) {
        return JS_EXCEPTION;
    }
    return JS_NewInt32(ctx, kill(pid, number) == 0 ? 0 : -errno);
}

void add_spawn(JSContext *ctx, JSValueConst native)
{
    static const struct function functions[] = { { "spawn", spawn_program, 4 }, { "wait", wait_for, 1 }, { "kill", kill_process, 2 } };

    ADD(ctx, native, functions);
}
