/* Threads, warps and blocks. `opcodes.inc` holds a case for each instruction, from opcodes.py. */

#include "memory.c"
#include "copies.c"
#include "arithmetic.c"
#include "warp.c"

#define R(i) r[at->operands[i]]
#define d R(0)
#define a R(1)
#define b R(2)
#define c R(3)
#define STOP(what) do { t->at = at; t->state = what; return; } while (0)
#define JUMP at = program + at->target - 1
#define NONZERO(divisor) if (!(divisor)) fault_here(t, at, DIVISION_BY_ZERO)
#define CLAMP(type, x, low, high, of_nan) do { \
    double v = x; \
    if (v != v) d.type = of_nan; \
    else if (v <= (double)low) d.type = low; \
    else if (v >= (double)high) d.type = high; \
    else d.type = v; \
} while (0)
#define PACK(type, bits) do { \
    uint64_t whole = 0; \
    for (int i = 1; i < at->count; i++) whole |= (R(i).u64 & ~(~0ull << bits)) << (i - 1) * bits; \
    d.type = whole; \
} while (0)
#define UNPACK(type, bits) do { \
    uint64_t whole = R(at->count - 1).type; \
    for (int i = 0; i < at->count - 1; i++) R(i).u64 = whole >> i * bits & ~(~0ull << bits); \
} while (0)
/* Vectors are as many operands as there are beside the address. */
#define LOAD(space, into, type) do { \
    current = at; \
    int n = at->count - 2; \
    const char *from = place(t, space, R(n).u64 + R(n + 1).u64, n * sizeof(type), 0); \
    for (int i = 0; i < n; i++) { \
        type item; \
        memcpy(&item, from + i * sizeof item, sizeof item); \
        R(i).into = item; \
    } \
} while (0)
#define STORE(space, member, type) do { \
    current = at; \
    int n = at->count - 2; \
    char *to = place(t, space, R(0).u64 + R(1).u64, n * sizeof(type), 1); \
    for (int i = 0; i < n; i++) memcpy(to + i * sizeof(type), &R(2 + i).member, sizeof(type)); \
} while (0)

static void fault_here(Thread *t, const Instruction *at, enum fault fault) {
    current = at, running = t;
    fail(fault, 0, 0);
}

/* Execute a thread until it waits for others. */
static void run(Thread *t) {
    Register *r = t->registers;
    for (const Instruction *at = t->at;; at++) {
        if (at->guard >= 0 && (r[at->guard].u8 != 0) == at->negated) continue;
        switch (at->opcode) {
#define THREAD_CASES
#include "opcodes.inc"
#undef THREAD_CASES
        default: STOP(AT_WARP);
        }
    }
}

#undef a
#undef b
#undef c
#undef d

static void perform(Thread *lanes, const Instruction *at) {
    current = at, running = lanes;
    switch (at->opcode) {
#define WARP_CASES
#include "opcodes.inc"
#undef WARP_CASES
    }
}

/* Fail unless so many threads are there and wait at one instruction; they go on after it. */
static void pass(Thread *first, int count, int wanted, enum state state, enum fault fault) {
    for (int i = 0; i < count; i++)
        if (first[i].state == state) current = first[i].at, running = first + i;
    for (int i = 0; i < wanted; i++)
        if (i >= count || first[i].state != state || first[i].at != current) fail(fault, 0, 0);
    for (int i = 0; i < count; i++) first[i].at++, first[i].state = READY;
}

static int any(const Thread *first, int count, enum state state) {
    for (int i = 0; i < count; i++)
        if (first[i].state == state) return 1;
    return 0;
}

static void run_warp(Thread *lanes, int count) {
    for (;;) {
        for (int i = 0; i < count; i++)
            if (lanes[i].state == READY) run(lanes + i);
        if (!any(lanes, count, AT_WARP)) return;
        pass(lanes, count, WARP, AT_WARP, DIVERGENT_WARP);
        perform(lanes, current);
    }
}

static void run_block(int count) {
    Region *shared = regions;
    memset(shared->writer, 0, shared->size * sizeof *shared->writer);
    memset(shared->reader, 0, shared->size * sizeof *shared->reader);
    memset(shared->copying, 0, shared->size);
    for (interval = 0;; interval++) {
        for (int i = 0; i < count; i += WARP)
            run_warp(threads + i, count - i < WARP ? count - i : WARP);
        if (!any(threads, count, AT_BARRIER)) return;
        pass(threads, count, count, AT_BARRIER, DIVERGENT_BARRIER);
    }
}

/* Give a thread its registers; `special` are those of SPECIAL in program.py, or -1. */
static void start(Thread *t, int number, const uint64_t *values, int count, const int32_t *special,
                  const uint64_t *grid, const uint64_t *block) {
    memcpy(t->registers, values, count * sizeof *values);
    t->at = program, t->state = READY, t->copies = t->groups = 0;
    t->place[0] = number % block[0];
    t->place[1] = number / block[0] % block[1];
    t->place[2] = number / block[0] / block[1];
    const uint64_t *of[] = {t->place, block, block_place, grid};
    for (int i = 0; i < 12; i++)
        if (special[i] >= 0) t->registers[special[i]].u64 = of[i / 3][i % 3];
    if (special[12] >= 0) t->registers[special[12]].u64 = number % WARP;
}

static void run_grid(const uint64_t *values, int register_count, const int32_t *special,
                     const uint64_t *grid, const uint64_t *block) {
    int count = block[0] * block[1] * block[2];
    uint64_t blocks = grid[0] * grid[1] * grid[2];
    for (block_number = 0; block_number < blocks; block_number++) {
        block_place[0] = block_number % grid[0];
        block_place[1] = block_number / grid[0] % grid[1];
        block_place[2] = block_number / grid[0] / grid[1];
        for (int i = 0; i < count; i++)
            start(threads + i, i, values, register_count, special, grid, block);
        run_block(count);
    }
}

/* Run a kernel; what went wrong, if anything, is in `report` then. */
void launch(const Instruction *instructions, const uint64_t *values, int register_count,
            const int32_t *special, const uint64_t *grid, const uint64_t *block,
            const uint64_t *bounds, int bound_count) {
    int count = block[0] * block[1] * block[2];
    memset(&report, 0, sizeof report);
    program = instructions;
    region_count = bound_count;
    regions = calloc(bound_count, sizeof *regions);
    for (int i = 0; i < bound_count; i++) {
        uint64_t size = bounds[2 * i + 1] - bounds[2 * i];
        char *memory = i ? (char *)bounds[2 * i] : calloc(size + 16, 1);
        regions[i] = (Region){bounds[2 * i], size, memory, calloc(size + 1, 8), calloc(size + 1, 8),
                              calloc(size + 1, 1)};
    }
    threads = calloc(count, sizeof *threads);
    Register *registers = calloc((size_t)count * register_count, sizeof *registers);
    for (int i = 0; i < count; i++) threads[i].registers = registers + (size_t)i * register_count;
    if (!setjmp(on_fault)) run_grid(values, register_count, special, grid, block);
    free(registers);
    free(threads);
    free(regions->memory);
    for (int i = 0; i < bound_count; i++) {
        free(regions[i].writer);
        free(regions[i].reader);
        free(regions[i].copying);
    }
    free(regions);
}
