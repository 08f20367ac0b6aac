/*
 * The native runtime: QuickJS, an event loop, and what the adapters behind node:* (host/node) need of the system.
 * One process, one engine, one loop. Each file adds its functions to the object `native`, which the program sees as a global; their
 * types are in host/node/native.d.ts. A function that the system refuses answers with a negative error number; one that is called with
 * what it cannot take throws, as that is a fault of ours.
 */
#ifndef DOTS_CALLHOME_HOST_H
#define DOTS_CALLHOME_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "quickjs.h"

struct limits {
    size_t memory;      /* bytes of the engine's heap; beyond, the process ends */
    size_t stack;       /* bytes of the C stack that scripts may take */
    double turn;        /* milliseconds of processor time that one turn of the loop may take; beyond, the process ends; 0: no limit */
};

/* Runs a program, given as its source text or as bytecode, until nothing is left to do. Its answer is the exit code. */
int run_program(const uint8_t *program, size_t size, bool is_bytecode, const struct limits *limits, int argc, char **argv);

/* ---- engine.c ---- */
/* Calls a function of the program, then does what its promises ask for. An exception that nobody catches ends the process. */
JSValue call_program(JSContext *ctx, JSValueConst function, int argc, JSValueConst *argv);
void run_jobs(JSContext *ctx);
_Noreturn void end_process(const char *reason);

/* ---- allocator.c ---- */
const JSMallocFunctions *allocator(void);

/* ---- loop.c ---- */
void run_loop(JSContext *ctx);
void free_loop(JSContext *ctx);
double monotonic_ms(void);
/* Whether this turn has taken longer than it may. */
bool is_turn_over(double most);
/* Calls `heard` in the loop's thread whenever the file descriptor can be read. */
void watch_natively(int fd, void (*heard)(JSContext *ctx));

/* ---- arguments.c: false, or a null pointer, where an exception was thrown ---- */
bool take_int(JSContext *ctx, JSValueConst value, int *into);
/* A view on the bytes of a Uint8Array, good as long as nothing of the program runs. */
uint8_t *take_bytes(JSContext *ctx, JSValueConst value, size_t *length);
/* The part of it that begins at `offset` and has `length` bytes; throws if that is not inside. */
uint8_t *take_part(JSContext *ctx, JSValueConst value, JSValueConst offset, JSValueConst length, size_t *taken);
/* A text, or bytes, without a NUL in it. To be freed with js_free. */
char *take_name(JSContext *ctx, JSValueConst value);
JSValue give_bytes(JSContext *ctx, const void *bytes, size_t length);
JSValue give_numbers(JSContext *ctx, const double *numbers, size_t count);

struct function {
    const char *name;
    JSCFunction *call;
    int arguments;
};
void add_functions(JSContext *ctx, JSValueConst native, const struct function *functions, size_t count);
#define ADD(ctx, native, functions) add_functions(ctx, native, functions, sizeof(functions) / sizeof((functions)[0]))

void add_loop(JSContext *ctx, JSValueConst native);
void add_text(JSContext *ctx, JSValueConst native);
void add_files(JSContext *ctx, JSValueConst native);
void add_sockets(JSContext *ctx, JSValueConst native);
void add_spawn(JSContext *ctx, JSValueConst native);
void add_process(JSContext *ctx, JSValueConst native);
void add_interfaces(JSContext *ctx, JSValueConst native);
void add_lookup(JSContext *ctx, JSValueConst native);
void add_crypto(JSContext *ctx, JSValueConst native);
void add_certificates(JSContext *ctx, JSValueConst native);
void add_dtls(JSContext *ctx, JSValueConst native);

#endif
