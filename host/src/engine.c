/* The engine: its limits, its exceptions, its promises. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "host.h"

static double longest_turn;
/* Promises that were rejected and that nobody has a handler for, with their reasons, as pairs. */
static JSValue unhandled;

_Noreturn void end_process(const char *reason)
{
    static const char before[] = "error: internal: ", after[] = "; ended\n";

    /* Nothing that allocates. */
    if (write(STDERR_FILENO, before, sizeof(before) - 1) < 0 || write(STDERR_FILENO, reason, strlen(reason)) < 0
        || write(STDERR_FILENO, after, sizeof(after) - 1) < 0) {
        /* nobody reads it */
    }
    _exit(1);
}

static void print_error(JSContext *ctx, JSValueConst error)
{
    const char *text = JS_ToCString(ctx, error);
    JSValue stack = JS_IsError(ctx, error) ? JS_GetPropertyStr(ctx, error, "stack") : JS_UNDEFINED;
    const char *trace = JS_IsString(stack) ? JS_ToCString(ctx, stack) : NULL;

    fprintf(stderr, "Uncaught %s\n%s", text != NULL ? text : "exception", trace != NULL ? trace : "");
    JS_FreeCString(ctx, text);
    JS_FreeCString(ctx, trace);
    JS_FreeValue(ctx, stack);
}

static _Noreturn void fail_uncaught(JSContext *ctx)
{
    JSValue error = JS_GetException(ctx);

    print_error(ctx, error);
    exit(1);
}

static void promise_changed(JSContext *ctx, JSValueConst promise, JSValueConst reason, JS_BOOL is_handled, void *unused)
{
    JSValue push, result;
    const char *name = is_handled ? "delete" : "set";
    JSValueConst pair[2] = { promise, reason };

    (void) unused;
    push = JS_GetPropertyStr(ctx, unhandled, name);
    result = JS_Call(ctx, push, unhandled, 2, pair);
    JS_FreeValue(ctx, result);
    JS_FreeValue(ctx, push);
}

/* The program's `native.onUnhandled` gets the map of them, and empties it. */
static void tell_unhandled(JSContext *ctx)
{
    JSValue size = JS_GetPropertyStr(ctx, unhandled, "size");
    int count = 0;

    JS_ToInt32(ctx, &count, size);
    JS_FreeValue(ctx, size);
    if (count > 0) {
        JSValue global = JS_GetGlobalObject(ctx);
        JSValue native = JS_GetPropertyStr(ctx, global, "native");
        JSValue hear = JS_GetPropertyStr(ctx, native, "onUnhandled");
        JSValue result = JS_Call(ctx, hear, native, 1, (JSValueConst *) &unhandled);
        if (JS_IsException(result)) {
            fail_uncaught(ctx);
        }
        JS_FreeValue(ctx, result);
        JS_FreeValue(ctx, hear);
        JS_FreeValue(ctx, native);
        JS_FreeValue(ctx, global);
    }
}

void run_jobs(JSContext *ctx)
{
    JSContext *of_job;
    int result;

    do {
        while ((result = JS_ExecutePendingJob(JS_GetRuntime(ctx), &of_job)) > 0) {
        }
        if (result < 0) {
            fail_uncaught(of_job);
        }
        tell_unhandled(ctx);
    } while (JS_IsJobPending(JS_GetRuntime(ctx)));
}

JSValue call_program(JSContext *ctx, JSValueConst function, int argc, JSValueConst *argv)
{
    JSValue result = JS_Call(ctx, function, JS_UNDEFINED, argc, argv);

    if (JS_IsException(result)) {
        fail_uncaught(ctx);
    }
    run_jobs(ctx);
    return result;
}

static int is_interrupted(JSRuntime *rt, void *unused)
{
    (void) rt;
    (void) unused;
    if (longest_turn > 0 && is_turn_over(longest_turn)) {
        end_process("a step took longer than any may");
    }
    return 0;
}

static JSValue make_native(JSContext *ctx, int argc, char **argv)
{
    JSValue native = JS_NewObject(ctx), arguments = JS_NewArray(ctx);

    for (int at = 0; at < argc; at++) {
        JS_SetPropertyUint32(ctx, arguments, (uint32_t) at, JS_NewString(ctx, argv[at]));
    }
    JS_SetPropertyStr(ctx, native, "arguments", arguments);
    JS_SetPropertyStr(ctx, native, "onUnhandled", JS_NULL);
    add_loop(ctx, native);
    add_text(ctx, native);
    add_files(ctx, native);
    add_sockets(ctx, native);
    add_spawn(ctx, native);
    add_process(ctx, native);
    add_interfaces(ctx, native);
    add_lookup(ctx, native);
    add_crypto(ctx, native);
    add_certificates(ctx, native);
    add_dtls(ctx, native);
    return native;
}

int run_program(const uint8_t *program, size_t size, bool is_bytecode, const struct limits *limits, int argc, char **argv)
{
    JSRuntime *rt = JS_NewRuntime2(allocator(), NULL);
    JSContext *ctx;
    JSValue global, native, result, code;
    int status = 0;

    if (rt == NULL) {
        end_process("out of memory");
    }
    JS_SetMemoryLimit(rt, limits->memory);
    JS_SetMaxStackSize(rt, limits->stack);
    ctx = JS_NewContext(rt);
    if (ctx == NULL) {
        end_process("out of memory");
    }
    longest_turn = limits->turn;
    JS_SetInterruptHandler(rt, is_interrupted, NULL);
    global = JS_GetGlobalObject(ctx);
    native = make_native(ctx, argc, argv);
    JS_SetPropertyStr(ctx, global, "native", JS_DupValue(ctx, native));
    unhandled = JS_Eval(ctx, "new Map()", 9, "<host>", JS_EVAL_TYPE_GLOBAL);
    JS_SetHostPromiseRejectionTracker(rt, promise_changed, NULL);

    if (is_bytecode) {
        code = JS_ReadObject(ctx, program, size, JS_READ_OBJ_BYTECODE);
        if (JS_IsException(code)) {
            fprintf(stderr, "dots-callhome: the program in this executable is damaged, install the package again\n");
            fail_uncaught(ctx);
        }
        result = JS_EvalFunction(ctx, code);
    } else {
        result = JS_Eval(ctx, (const char *) program, size, argc > 0 ? argv[0] : "<program>", JS_EVAL_TYPE_GLOBAL);
    }
    if (JS_IsException(result)) {
        fail_uncaught(ctx);
    }
    JS_FreeValue(ctx, result);
    run_loop(ctx);

    result = JS_GetPropertyStr(ctx, native, "exitCode");
    if (JS_IsNumber(result)) {
        JS_ToInt32(ctx, &status, result);
    }
    JS_FreeValue(ctx, result);
    free_loop(ctx);
    JS_FreeValue(ctx, unhandled);
    JS_FreeValue(ctx, native);
    JS_FreeValue(ctx, global);
    JS_FreeContext(ctx);
    JS_FreeRuntime(rt);
    return status;
}
