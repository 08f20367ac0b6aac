/*
 * packages/dtls-wasm as part of this executable: the same dtls.wasm as on Node, which wasm2c has made C of. Each session has an instance
 * with memory of its own. To the program an instance looks like the exports of a WebAssembly instance.
 */
#include <stdlib.h>
#include <string.h>
#include "dtls.h" /* by wasm2c */
#include "host.h"
#include "sandbox.h"

/* What the generated code calls the host. */
struct Z_host_instance_t {
    JSContext *ctx;
    JSValue functions; /* transmit, random, nowMs, unixSeconds */
    Z_dtls_instance_t module;
    struct sandbox_memory *memory;
    JSValue buffer; /* of the memory as large as it is now */
    size_t buffer_size;
};

enum { MOST_ARGUMENTS = 6 };

static JSClassID class_id;

/* ---- What the module asks of its host ---- */

static double ask_host(struct Z_host_instance_t *host, const char *name, int argc, const u32 *numbers)
{
    JSContext *ctx = host->ctx;
    JSValue arguments[2] = { JS_UNDEFINED, JS_UNDEFINED }, function = JS_GetPropertyStr(ctx, host->functions, name), result;
    double number = 0;

    for (int at = 0; at < argc; at++) {
        arguments[at] = JS_NewUint32(ctx, numbers[at]);
    }
    result = JS_Call(ctx, function, host->functions, argc, arguments);
    JS_FreeValue(ctx, function);
    if (JS_IsException(result)) {
        sandbox_abandon();
    }
    if (JS_IsNumber(result)) {
        JS_ToFloat64(ctx, &number, result);
    }
    JS_FreeValue(ctx, result);
    return number;
}

f64 Z_hostZ_nowMs(struct Z_host_instance_t *host)
{
    return ask_host(host, "nowMs", 0, NULL);
}

f64 Z_hostZ_unixSeconds(struct Z_host_instance_t *host)
{
    return ask_host(host, "unixSeconds", 0, NULL);
}

u32 Z_hostZ_random(struct Z_host_instance_t *host, u32 into, u32 length)
{
    return (u32) (int32_t) ask_host(host, "random", 2, (const u32[]) { into, length });
}

void Z_hostZ_transmit(struct Z_host_instance_t *host, u32 datagram, u32 length)
{
    ask_host(host, "transmit", 2, (const u32[]) { datagram, length });
}

/* ---- What the program asks of the module ---- */

/* name, parameters */
#define INTEGER_EXPORTS(X) \
    X(dtls_buffer, 0) X(dtls_buffer_size, 0) X(dtls_reserve, 1) X(dtls_use_psk, 4) X(dtls_use_certificate, 6) X(dtls_failed_part, 0) \
    X(dtls_start, 4) X(dtls_resume, 2) X(dtls_pump, 0) X(dtls_message_length, 0) X(dtls_send, 1) X(dtls_longest_message, 0) \
    X(dtls_save_session, 0) X(dtls_phase, 0) X(dtls_resumed, 0) X(dtls_connection_id, 0) X(dtls_cipher_suite, 0) X(dtls_alert, 0) X(dtls_verify_flags, 0)
#define VOID_EXPORTS(X) X(_initialize, 0) X(dtls_release, 2) X(dtls_receive, 1) X(dtls_close, 0) X(dtls_wipe, 0)
#define DOUBLE_EXPORTS(X) X(dtls_timer, 0)

#define GIVEN_0
#define GIVEN_1 , given[0]
#define GIVEN_2 , given[0], given[1]
#define GIVEN_4 , given[0], given[1], given[2], given[3]
#define GIVEN_6 , given[0], given[1], given[2], given[3], given[4], given[5]

#define NUMBER(name, count) EXPORT_##name,
enum export { INTEGER_EXPORTS(NUMBER) VOID_EXPORTS(NUMBER) DOUBLE_EXPORTS(NUMBER) };

static JSValue run_export(JSContext *ctx, Z_dtls_instance_t *module, enum export which, const u32 *given)
{
    switch (which) {
#define RUN(name, count) case EXPORT_##name: return JS_NewInt32(ctx, (int32_t) Z_dtlsZ_##name(module GIVEN_##count));
    INTEGER_EXPORTS(RUN)
#undef RUN
#define RUN(name, count) case EXPORT_##name: Z_dtlsZ_##name(module GIVEN_##count); return JS_UNDEFINED;
    VOID_EXPORTS(RUN)
#undef RUN
#define RUN(name, count) case EXPORT_##name: return JS_NewFloat64(ctx, Z_dtlsZ_##name(module GIVEN_##count));
    DOUBLE_EXPORTS(RUN)
#undef RUN
    }
    return JS_UNDEFINED;
}

static JSValue call_export(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv, int which)
{
    struct Z_host_instance_t *host = JS_GetOpaque2(ctx, this, class_id);
    u32 given[MOST_ARGUMENTS] = { 0 };
    struct sandbox_call call;
    JSValue result = JS_UNDEFINED;
    int ended;

    if (host == NULL) {
        return JS_EXCEPTION;
    }
    for (int at = 0; at < argc && at < MOST_ARGUMENTS; at++) {
        int number;
        if (!take_int(ctx, argv[at], &number)) {
            return JS_EXCEPTION;
        }
        given[at] = (u32) number;
    }
    sandbox_enter(&call);
    ended = setjmp(call.target);
    if (ended == 0) {
        result = run_export(ctx, &host->module, (enum export) which, given);
    } else if (ended == SANDBOX_EXCEPTION) {
        result = JS_EXCEPTION;
    } else {
        result = JS_ThrowInternalError(ctx, "%s", wasm_rt_strerror((wasm_rt_trap_t) (ended - 1)));
    }
    sandbox_leave(&call);
    return result;
}

/* ---- The memory, as an ArrayBuffer ---- */

static void release_buffer(JSRuntime *rt, void *memory, void *bytes)
{
    (void) rt;
    (void) bytes;
    sandbox_release(memory);
}

/* `memory` is the instance itself: of a WebAssembly.Memory only `buffer` is asked for. */
static JSValue get_memory(JSContext *ctx, JSValueConst this)
{
    return JS_DupValue(ctx, this);
}

static JSValue get_buffer(JSContext *ctx, JSValueConst this)
{
    struct Z_host_instance_t *host = JS_GetOpaque2(ctx, this, class_id);

    if (host == NULL) {
        return JS_EXCEPTION;
    }
    if (host->buffer_size != host->module.w2c_memory.size) {
        JSValue larger = JS_NewArrayBuffer(ctx, host->memory->bytes, host->module.w2c_memory.size, release_buffer, host->memory, false);
        if (JS_IsException(larger)) {
            return larger;
        }
        host->memory->holders++;
        JS_FreeValue(ctx, host->buffer);
        host->buffer = larger;
        host->buffer_size = host->module.w2c_memory.size;
    }
    return JS_DupValue(ctx, host->buffer);
}

/* ---- Instances ---- */

static void end_instance(JSRuntime *rt, JSValue value)
{
    struct Z_host_instance_t *host = JS_GetOpaque(value, class_id);

    if (host != NULL) {
        JS_FreeValueRT(rt, host->functions);
        JS_FreeValueRT(rt, host->buffer);
        Z_dtls_free(&host->module);
        sandbox_release(host->memory);
        free(host);
    }
}

static void mark_instance(JSRuntime *rt, JSValueConst value, JS_MarkFunc *mark)
{
    struct Z_host_instance_t *host = JS_GetOpaque(value, class_id);

    if (host != NULL) {
        JS_MarkValue(rt, host->functions, mark);
        JS_MarkValue(rt, host->buffer, mark);
    }
}

/* dtls({ transmit, random, nowMs, unixSeconds }): the exports of a new instance. */
static JSValue make_instance(JSContext *ctx, JSValueConst this, int argc, JSValueConst *argv)
{
    struct Z_host_instance_t *host;
    struct sandbox_call call;
    JSValue value;

    (void) this; (void) argc;
    if (!JS_IsObject(argv[0])) {
        return JS_ThrowTypeError(ctx, "native: dtls({ transmit, random, nowMs, unixSeconds })");
    }
    value = JS_NewObjectClass(ctx, (int) class_id);
    host = JS_IsException(value) ? NULL : calloc(1, sizeof(*host));
    if (host == NULL) {
        return JS_IsException(value) ? value : JS_ThrowOutOfMemory(ctx);
    }
    host->ctx = ctx;
    host->functions = JS_DupValue(ctx, argv[0]);
    host->buffer = JS_UNDEFINED;
    sandbox_enter(&call);
    if (setjmp(call.target) != 0) {
        end_process("the DTLS code cannot be set up");
    }
    Z_dtls_instantiate(&host->module, host);
    sandbox_leave(&call);
    host->memory = sandbox_newest();
    JS_SetOpaque(value, host);
    return value;
}

void add_dtls(JSContext *ctx, JSValueConst native)
{
    static const JSClassDef definition = { .class_name = "Dtls", .finalizer = end_instance, .gc_mark = mark_instance };
#define ENTRY(name, count) JS_CFUNC_MAGIC_DEF(#name, count, call_export, EXPORT_##name),
    static const JSCFunctionListEntry members[] = {
        INTEGER_EXPORTS(ENTRY) VOID_EXPORTS(ENTRY) DOUBLE_EXPORTS(ENTRY)
        JS_CGETSET_DEF("memory", get_memory, NULL), JS_CGETSET_DEF("buffer", get_buffer, NULL),
    };
    static const struct function functions[] = { { "dtls", make_instance, 1 } };
    JSValue prototype = JS_NewObject(ctx);

    Z_dtls_init_module();
    JS_NewClassID(&class_id);
    JS_NewClass(JS_GetRuntime(ctx), class_id, &definition);
    JS_SetPropertyFunctionList(ctx, prototype, members, sizeof(members) / sizeof(members[0]));
    JS_SetClassProto(ctx, class_id, prototype);
    ADD(ctx, native, functions);
}
