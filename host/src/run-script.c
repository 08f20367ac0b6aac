/* For tests: runs the program in a file. HOST_MEMORY (bytes) and HOST_TURN (milliseconds) bound it; without, it may take what tests take. */
#include <stdio.h>
#include <stdlib.h>
#include "host.h"

int main(int argc, char **argv)
{
    const char *memory = getenv("HOST_MEMORY"), *turn = getenv("HOST_TURN");
    const struct limits limits = {
        .memory = memory == NULL ? (size_t) 1024 * 1024 * 1024 : strtoul(memory, NULL, 10), .stack = 4 * 1024 * 1024, .turn = turn == NULL ? 0 : strtod(turn, NULL),
    };
    FILE *file = argc > 1 ? fopen(argv[1], "rb") : NULL;
    long size;
    uint8_t *text;
    int status;

    if (file == NULL || fseek(file, 0, SEEK_END) != 0 || (size = ftell(file)) < 0 || fseek(file, 0, SEEK_SET) != 0) {
        fprintf(stderr, "usage: %s PROGRAM.js [ARGUMENT…]\n", argv[0]);
        return 2;
    }
    text = malloc((size_t) size + 1);
    if (text == NULL || fread(text, 1, (size_t) size, file) != (size_t) size) {
        fprintf(stderr, "%s: cannot be read\n", argv[1]);
        return 2;
    }
    text[size] = 0;
    fclose(file);
    status = run_program(text, (size_t) size, false, &limits, argc - 1, argv + 1);
    free(text);
    return status;
}
