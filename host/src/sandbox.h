/* WebAssembly that wasm2c has made C of. */
#ifndef DOTS_CALLHOME_SANDBOX_H
#define DOTS_CALLHOME_SANDBOX_H

#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include "wasm-rt.h"

/* One call into it. Between sandbox_enter and sandbox_leave: setjmp(call.target), whose answer says how it ended. */
struct sandbox_call {
    jmp_buf target;
    struct sandbox_call *outer;
    uint32_t depth;
};

/* setjmp's answers: 0, a wasm_rt_trap_t plus 1, or this: the program has thrown. */
enum { SANDBOX_EXCEPTION = 1000 };

struct sandbox_memory {
    uint8_t *bytes;
    size_t room;
    int holders; /* the instance, and each ArrayBuffer on it */
};

void sandbox_enter(struct sandbox_call *call);
void sandbox_leave(struct sandbox_call *call);
/* Ends the call under way, as an exception waits in the engine. */
void sandbox_abandon(void) __attribute__((noreturn));
/* That of the instance that was made last. */
struct sandbox_memory *sandbox_newest(void);
void sandbox_release(struct sandbox_memory *memory);

#endif
