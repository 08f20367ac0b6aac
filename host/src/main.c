/* The daemon: this executable holds its program, as bytecode that qjsc has written. */
#include "host.h"

extern const uint8_t qjsc_program[];
extern const uint32_t qjsc_program_size;

int main(int argc, char **argv)
{
    static const struct limits limits = { .memory = 48 * 1024 * 1024, .stack = 1024 * 1024, .turn = 20000 };
    return run_program(qjsc_program, qjsc_program_size, true, &limits, argc, argv);
}
