/*
 * What the C code that wasm2c makes of a WebAssembly module needs of its surroundings: memory, tables, traps. Each access of that code is checked
 * against the size of its memory; what is not inside ends the call, as in any WebAssembly engine.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include "host.h"
#include "sandbox.h"

enum { PAGE = 65536, MOST_TYPES = 64, MOST_PARAMETERS = 16 };

uint32_t wasm_rt_call_stack_depth;
static struct sandbox_call *current;

/* ---- Calls, and what ends them ---- */

void sandbox_enter(struct sandbox_call *call)
{
    call->outer = current;
    call->depth = wasm_rt_call_stack_depth;
    current = call;
}

void sandbox_leave(struct sandbox_call *call)
{
    current = call->outer;
    wasm_rt_call_stack_depth = call->depth;
}

void wasm_rt_trap(wasm_rt_trap_t trap)
{
    if (current == NULL) {
        end_process("WebAssembly ran outside of a call");
    }
    longjmp(current->target, (int) trap + 1);
}

void sandbox_abandon(void)
{
    longjmp(current->target, SANDBOX_EXCEPTION);
}

const char *wasm_rt_strerror(wasm_rt_trap_t trap)
{
    switch (trap) {
    case WASM_RT_TRAP_OOB: return "memory access out of bounds";
    case WASM_RT_TRAP_EXHAUSTION: return "call stack exhausted";
    case WASM_RT_TRAP_UNREACHABLE: return "unreachable";
    case WASM_RT_TRAP_CALL_INDIRECT: return "a function of another type";
    default: return "an operation that has no result";
    }
}

bool wasm_rt_is_initialized(void)
{
    return true;
}

/* ---- Memory: as much address space as it may ever take, so that it never moves; the system gives what is touched ---- */

void sandbox_release(struct sandbox_memory *memory)
{
    if (--memory->holders == 0) {
        munmap(memory->bytes, memory->room);
        free(memory);
    }
}

/* The memory of the instance that is being made. */
static struct sandbox_memory *newest;

struct sandbox_memory *sandbox_newest(void)
{
    return newest;
}

void wasm_rt_allocate_memory(wasm_rt_memory_t *memory, uint32_t initial, uint32_t max)
{
    newest = malloc(sizeof(*newest));
    if (newest == NULL || max > 1024) {
        end_process("out of memory");
    }
    newest->room = (size_t) max * PAGE;
    newest->holders = 1;
    newest->bytes = mmap(NULL, newest->room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (newest->bytes == MAP_FAILED) {
        end_process("out of memory");
    }
    memory->data = newest->bytes;
    memory->pages = initial;
    memory->max_pages = max;
    memory->size = initial * PAGE;
}

uint32_t wasm_rt_grow_memory(wasm_rt_memory_t *memory, uint32_t delta)
{
    uint32_t before = memory->pages;

    if (delta > memory->max_pages - before) {
        return UINT32_MAX;
    }
    memory->pages = before + delta;
    memory->size = memory->pages * PAGE;
    return before;
}

/* Whoever holds it gives it back. */
void wasm_rt_free_memory(wasm_rt_memory_t *memory)
{
    memory->data = NULL;
    memory->size = 0;
}

/* ---- Tables of functions ---- */

void wasm_rt_allocate_funcref_table(wasm_rt_funcref_table_t *table, uint32_t elements, uint32_t max)
{
    table->data = calloc(elements == 0 ? 1 : elements, sizeof(*table->data));
    if (table->data == NULL) {
        end_process("out of memory");
    }
    table->size = elements;
    table->max_size = max;
}

void wasm_rt_free_funcref_table(wasm_rt_funcref_table_t *table)
{
    free(table->data);
    table->data = NULL;
    table->size = 0;
}

/* The same types get the same number, from 1 on. */
uint32_t wasm_rt_register_func_type(uint32_t parameters, uint32_t results, ...)
{
    static struct { uint32_t parameters, results; wasm_rt_type_t all[MOST_PARAMETERS]; } types[MOST_TYPES];
    static uint32_t count;
    wasm_rt_type_t all[MOST_PARAMETERS];
    uint32_t number = parameters + results;
    va_list list;

    if (number > MOST_PARAMETERS || count == MOST_TYPES) {
        end_process("a WebAssembly module with more types than were thought of");
    }
    va_start(list, results);
    for (uint32_t at = 0; at < number; at++) {
        all[at] = va_arg(list, wasm_rt_type_t);
    }
    va_end(list);
    for (uint32_t at = 0; at < count; at++) {
        if (types[at].parameters == parameters && types[at].results == results && memcmp(types[at].all, all, number * sizeof(all[0])) == 0) {
            return at + 1;
        }
    }
    types[count].parameters = parameters;
    types[count].results = results;
    memcpy(types[count].all, all, number * sizeof(all[0]));
    return ++count;
}
