/*
 * The engine's memory. An interpreter asks for small blocks and soon gives them back, which musl's malloc is slow at: blocks of up to 512
 * bytes come from free lists, one for each size. What lies in a list is not returned to the system. Under AddressSanitizer all goes to
 * malloc, so that it sees each block.
 *
 * Where the limit is reached the process ends, since a script that goes on after a failed allocation is in no state that anybody has
 * thought of; procd starts another, and what is blocked stays blocked in the kernel. One block that alone is larger than half of the limit is
 * refused with an exception instead: somebody has computed a wrong length.
 */
#include <stdlib.h>
#include <string.h>
#include "host.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define EVERY_BLOCK_BY_MALLOC 1
#endif
#endif

enum { STEP = 16, LARGEST_SMALL = 512, CHUNK = 32 * 1024 };

/* Before each block; 8 bytes, as nothing in the engine asks for more alignment. */
struct header {
    _Alignas(8) size_t size;
};

static struct header *free_blocks[LARGEST_SMALL / STEP + 1];
static char *chunk;
static size_t chunk_left;

static bool is_small(size_t size)
{
#ifdef EVERY_BLOCK_BY_MALLOC
    (void) size;
    return false;
#else
    return size <= LARGEST_SMALL;
#endif
}

/* The list goes through the blocks themselves. */
static struct header **next_of(struct header *block)
{
    return (struct header **) (void *) (block + 1);
}

static struct header *take_small(size_t size)
{
    struct header **list = &free_blocks[size / STEP];
    struct header *block = *list;
    size_t whole = size + sizeof(struct header);

    if (block != NULL) {
        *list = *next_of(block);
        return block;
    }
    if (chunk_left < whole) {
        char *fresh = malloc(CHUNK);
        if (fresh == NULL) {
            return NULL;
        }
        chunk = fresh; /* what was left of the old one is too small for anything but little: lost */
        chunk_left = CHUNK;
    }
    block = (struct header *) (void *) chunk;
    chunk += whole;
    chunk_left -= whole;
    block->size = size;
    return block;
}

static void account(JSMallocState *state, size_t size)
{
    state->malloc_count++;
    state->malloc_size += size + sizeof(struct header);
}

static void *allocate(JSMallocState *state, size_t wanted)
{
    struct header *block;
    size_t size;

    if (wanted > state->malloc_limit / 2 || wanted > SIZE_MAX - 64) {
        return NULL;
    }
    size = wanted == 0 ? STEP : (wanted + STEP - 1) / STEP * STEP;
    if (state->malloc_size + size > state->malloc_limit) {
        end_process("out of memory: the engine's limit is reached");
    }
    block = is_small(size) ? take_small(size) : malloc(size + sizeof(struct header));
    if (block == NULL) {
        end_process("out of memory");
    }
    block->size = size;
    account(state, size);
    return block + 1;
}

static void release(JSMallocState *state, void *memory)
{
    struct header *block;

    if (memory == NULL) {
        return;
    }
    block = (struct header *) memory - 1;
    state->malloc_count--;
    state->malloc_size -= block->size + sizeof(struct header);
    if (is_small(block->size)) {
        *next_of(block) = free_blocks[block->size / STEP];
        free_blocks[block->size / STEP] = block;
    } else {
        free(block);
    }
}

static void *reallocate(JSMallocState *state, void *memory, size_t wanted)
{
    struct header *block;
    void *moved;

    if (memory == NULL) {
        return allocate(state, wanted);
    }
    block = (struct header *) memory - 1;
    if (wanted == 0) {
        release(state, memory);
        return NULL;
    }
    if (wanted <= block->size && (is_small(block->size) || wanted > block->size / 2)) {
        return memory;
    }
    moved = allocate(state, wanted);
    if (moved != NULL) {
        memcpy(moved, memory, block->size < wanted ? block->size : wanted);
        release(state, memory);
    }
    return moved;
}

static size_t usable_size(const void *memory)
{
    return memory == NULL ? 0 : ((const struct header *) memory - 1)->size;
}

const JSMallocFunctions *allocator(void)
{
    static const JSMallocFunctions functions = { allocate, release, reallocate, usable_size };
    return &functions;
}
