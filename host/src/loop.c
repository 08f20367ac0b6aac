/* The event loop: file descriptors by epoll, signals by signalfd. Timers are the program's (host/node/timers.ts); it says when it wants to be woken. */
#define _GNU_SOURCE
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>
#include "host.h"

enum { READABLE = 1, WRITABLE = 2 };
enum { EVENTS_AT_ONCE = 64 };
/* What `onTurn` answers if there is more to do at once. */
enum { NOTHING_TO_WAIT_FOR = -1, MORE = -2 };

struct watcher {
    JSValue callback;
    void (*native)(JSContext *ctx);
    uint32_t generation; /* so that an event of a descriptor that was closed meanwhile goes to nobody */
    bool used;
};

static int poller = -1;
static struct watcher *watchers;
static int watcher_count;
static uint32_t last_generation;
static int signal_source = -1;
static sigset_t signals;
static JSValue on_signal, on_turn;
static int holds; /* what keeps the process alive */
static double turn_began;

static double clock_ms(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (double) now.tv_sec * 1e3 + (double) now.tv_nsec / 1e6;
}

double monotonic_ms(void)
{
    return clock_ms(CLOCK_MONOTONIC);
}

/* By processor time: a machine that is busy, or asleep, is no endless loop. */
bool is_turn_over(double most)
{
    return clock_ms(CLOCK_THREAD_CPUTIME_ID) - turn_began > most;
}

static void begin_turn(void)
{
    turn_began = clock_ms(CLOCK_THREAD_CPUTIME_ID);
}

static int poll_with(int operation, int fd, uint32_t events)
{
    struct epoll_event event = { .events = events, .data.u64 = (uint64_t) watchers[fd].generation << 32 | (uint32_t) fd };

    return epoll_ctl(poller, operation, fd, &event) == 0 ? 0 : -errno;
}

static bool make_room(int fd)
{
    struct watcher *more;
    int count = watcher_count == 0 ? 16 : watcher_count;

    while (count <= fd) {
        count *= 2;
    }
    if (count == watcher_count) {
        return true;
    }
    more = realloc(watchers, (size_t) count * sizeof(*watchers));
    if (more == NULL) {
        return false;
    }
    memset(more + watcher_count, 0, (size_t) (count - watcher_count) * sizeof(*watchers));
    watchers = more;
    watcher_count = count;
    return true;
}

static void forget(JSContext *ctx, int fd)
{
    if (fd >= 0 && fd < watcher_count && watchers[fd].used) {
        watchers[fd].used = false;
        JS_FreeValue(ctx, watchers[fd].callback);
        watchers[fd].callback = JS_UNDEFINED;
    }
}

/* watch(fd, events, callback): calls back with what it is ready for, each time; replaces an earlier callback. */
static JSValue watch(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
    int fd, events, result;
    bool is_new;

    (void) this; (void) argc;
    if (!take_int(ctx, argv[0], &fd) || !take_int(ctx, argv[1], &events)) {
        return JS_EXCEPTION;
    }
    if (fd < 0 || !JS_IsFunction(ctx, argv[2])) {
        return JS_ThrowTypeError(ctx, "native: watch(fd, events, callback)");
    }
    if (!make_room(fd)) {
        return JS_NewInt32(ctx, -ENOMEM);
    }
    is_new = !watchers[fd].used;
    if (is_new) {
        watchers[fd].generation = ++last_generation;
        watchers[fd].callback = JS_UNDEFINED;
        watchers[fd].native = NULL;
    }
    result = poll_with(is_new ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, fd,
                       (events & READABLE ? (uint32_t) EPOLLIN : 0) | (events & WRITABLE ? (uint32_t) EPOLLOUT : 0));
    if (result == 0) {
        JSValue before = watchers[fd].callback;
        watchers[fd].used = true;
        watchers[fd].callback = JS_DupValue(ctx, argv[2]);
        JS_FreeValue(ctx, before);
    }
    return JS_NewInt32(ctx, result);
}

static JSValue unwatch(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
    int fd;

    (void) this; (void) argc;
    if (!take_int(ctx, argv[0], &fd)) {
        return JS_EXCEPTION;
    }
    if (fd >= 0 && fd < watcher_count && watchers[fd].used) {
        epoll_ctl(poller, EPOLL_CTL_DEL, fd, NULL);
        forget(ctx, fd);
    }
    return JS_UNDEFINED;
}

void watch_natively(int fd, void (*heard)(JSContext *ctx))
{
    if (!make_room(fd)) {
        end_process("out of memory");
    }
    watchers[fd] = (struct watcher) { .callback = JS_UNDEFINED, .native = heard, .generation = ++last_generation, .used = true };
    if (poll_with(EPOLL_CTL_ADD, fd, EPOLLIN) != 0) {
        end_process("the event loop cannot be set up");
    }
}

/* hold(±n): the loop ends when nothing is held any more. */
static JSValue hold(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
    int by;

    (void) this; (void) argc;
    if (!take_int(ctx, argv[0], &by)) {
        return JS_EXCEPTION;
    }
    holds += by;
    return JS_UNDEFINED;
}

static JSValue set_callback(JSContext *ctx, JSValue *which, JSValueConst callback)
{
    if (!JS_IsFunction(ctx, callback)) {
        return JS_ThrowTypeError(ctx, "native: expected a function");
    }
    JS_FreeValue(ctx, *which);
    *which = JS_DupValue(ctx, callback);
    return JS_UNDEFINED;
}

/* onTurn(callback): asked again and again before the loop waits; milliseconds until it wants to be asked next, -1 never, -2 at once. */
static JSValue set_on_turn(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
    (void) this; (void) argc;
    return set_callback(ctx, &on_turn, argv[0]);
}

static JSValue set_on_signal(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
    (void) this; (void) argc;
    return set_callback(ctx, &on_signal, argv[0]);
}

static void hear_signals(JSContext *ctx)
{
    struct signalfd_siginfo heard;

    while (read(signal_source, &heard, sizeof(heard)) == (ssize_t) sizeof(heard)) {
        JSValue number = JS_NewInt32(ctx, (int) heard.ssi_signo);
        if (JS_IsFunction(ctx, on_signal)) {
            JS_FreeValue(ctx, call_program(ctx, on_signal, 1, &number));
        }
    }
}

/* signal(number, isWanted): `onSignal` hears of it, or what the system does with it is done. */
static JSValue listen_to_signal(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
    int number, is_first = signal_source < 0, is_wanted = JS_ToBool(ctx, argv[1]);

    (void) this; (void) argc;
    if (!take_int(ctx, argv[0], &number)) {
        return JS_EXCEPTION;
    }
    if (is_first) {
        sigemptyset(&signals);
    }
    if ((is_wanted ? sigaddset(&signals, number) : sigdelset(&signals, number)) != 0) {
        return JS_NewInt32(ctx, -EINVAL);
    }
    sigprocmask(SIG_SETMASK, &signals, NULL);
    signal_source = signalfd(signal_source, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
    if (signal_source < 0) {
        return JS_NewInt32(ctx, -errno);
    }
    if (is_first) {
        watch_natively(signal_source, hear_signals);
    }
    return JS_NewInt32(ctx, 0);
}

static JSValue now(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
    (void) this; (void) argc; (void) argv;
    return JS_NewFloat64(ctx, monotonic_ms());
}

static void deliver(JSContext *ctx, const struct epoll_event *event)
{
    int fd = (int) (event->data.u64 & 0xffffffffu);
    struct watcher *watcher = fd < watcher_count ? &watchers[fd] : NULL;

    if (watcher == NULL || !watcher->used || watcher->generation != (uint32_t) (event->data.u64 >> 32)) {
        return;
    }
    begin_turn();
    if (watcher->native != NULL) {
        watcher->native(ctx);
    } else {
        /* An end and an error are found by reading and by writing. */
        uint32_t both = event->events & (EPOLLHUP | EPOLLERR) ? READABLE | WRITABLE : 0;
        uint32_t ready = both | (event->events & EPOLLIN ? READABLE : 0) | (event->events & EPOLLOUT ? WRITABLE : 0);
        JSValue callback = JS_DupValue(ctx, watcher->callback), argument = JS_NewInt32(ctx, (int) ready);
        JS_FreeValue(ctx, call_program(ctx, callback, 1, &argument));
        JS_FreeValue(ctx, callback);
    }
}

/* What the program has to do by itself; how long to wait then. */
static double take_turn(JSContext *ctx)
{
    double wait = NOTHING_TO_WAIT_FOR;

    begin_turn();
    run_jobs(ctx);
    while (JS_IsFunction(ctx, on_turn)) {
        JSValue answer;
        begin_turn();
        answer = call_program(ctx, on_turn, 0, NULL);
        JS_ToFloat64(ctx, &wait, answer);
        JS_FreeValue(ctx, answer);
        if (wait != MORE) {
            break;
        }
    }
    return wait;
}

void run_loop(JSContext *ctx)
{
    struct epoll_event events[EVENTS_AT_ONCE];

    for (;;) {
        double wait = take_turn(ctx);
        int count, timeout = wait < 0 ? -1 : wait > 1e6 ? 1000000 : (int) ceil(wait);
        if (holds <= 0) {
            return;
        }
        count = epoll_wait(poller, events, EVENTS_AT_ONCE, timeout);
        if (count < 0 && errno != EINTR) {
            end_process("the event loop failed");
        }
        for (int at = 0; at < count; at++) {
            deliver(ctx, &events[at]);
        }
    }
}

void free_loop(JSContext *ctx)
{
    for (int fd = 0; fd < watcher_count; fd++) {
        forget(ctx, fd);
    }
    free(watchers);
    watchers = NULL;
    watcher_count = 0;
    JS_FreeValue(ctx, on_signal);
    JS_FreeValue(ctx, on_turn);
    on_signal = on_turn = JS_UNDEFINED;
}

void add_loop(JSContext *ctx, JSValueConst native)
{
    static const struct function functions[] = {
        { "watch", watch, 3 }, { "unwatch", unwatch, 1 }, { "hold", hold, 1 }, { "onTurn", set_on_turn, 1 },
        { "onSignal", set_on_signal, 1 }, { "signal", listen_to_signal, 2 }, { "now", now, 0 },
    };

    on_signal = on_turn = JS_UNDEFINED;
    poller = epoll_create1(EPOLL_CLOEXEC);
    if (poller < 0) {
        end_process("the event loop cannot be set up");
    }
    signal(SIGPIPE, SIG_IGN); /* a write says so too */
    begin_turn();
    ADD(ctx, native, functions);
}
