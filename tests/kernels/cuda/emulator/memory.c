/* Registers and memory of threads, and what can be wrong with an access. */

#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef union {
    uint64_t u64; uint32_t u32; uint16_t u16; uint8_t u8;
    int64_t s64; int32_t s32; int16_t s16; int8_t s8;
    double f64; float f32; _Float16 f16;
} Register;

typedef struct {
    int32_t opcode, guard, negated, target, count, operands[16];
} Instruction;

/* A copy that the thread has begun, of one of its groups. */
typedef struct {
    uint64_t to;
    const char *from;
    int size, taken, group;
} Copy;

enum { COPIES = 256, WARP = 32 };
enum state { READY, AT_BARRIER, AT_WARP, FINISHED };

typedef struct {
    Register *registers;
    const Instruction *at;
    enum state state;
    uint64_t place[3];
    int copies, groups;
    Copy copy[COPIES];
} Thread;

/* In the order of FAULTS in machine.py. */
enum fault {
    OUT_OF_BOUNDS = 1, MISALIGNED, NOT_WRITTEN, RACE, COPY_UNDER_WAY, DIVERGENT_BARRIER,
    DIVERGENT_WARP, DIVISION_BY_ZERO, TOO_MANY_COPIES
};

/* Memory that kernels may access: of an array, or what the arrays in shared memory take.
   Stamps tell for each byte who wrote and who read it last, and when; 0 is nobody. */
typedef struct {
    uint64_t address, size;
    char *memory;
    uint64_t *writer, *reader;
    uint8_t *copying;
} Region;

enum space { GENERIC, GLOBAL, SHARED };
/* Where generic addresses of shared memory begin: cut to 32 bits, one is none of its own space. */
#define SHARED_WINDOW (1ull << 60 | 1ull << 31)

/* A stamp is a block, an interval between barriers, and a thread. */
#define THREAD_BITS 12
#define BLOCK_SHIFT 40
#define SEVERAL_THREADS ((1ull << THREAD_BITS) - 1)
#define SEVERAL_BLOCKS (~0ull << BLOCK_SHIFT)

static const Instruction *program, *current;
static Thread *threads, *running;
static Region *regions; /* the first is shared memory */
static int region_count;
static uint64_t block_number, interval, block_place[3];
static jmp_buf on_fault;

struct Report {
    uint64_t fault, instruction, address, size, thread[3], block[3];
} report;

static void fail(enum fault fault, uint64_t address, uint64_t size) {
    report.fault = fault, report.address = address, report.size = size;
    report.instruction = current - program;
    memcpy(report.thread, running->place, sizeof report.thread);
    memcpy(report.block, block_place, sizeof report.block);
    longjmp(on_fault, 1);
}

static uint64_t stamp(const Thread *t) {
    return (block_number + 1) << BLOCK_SHIFT | interval << THREAD_BITS | (t - threads);
}

/* Whether nothing orders what was stamped before with what is stamped now. */
static int unordered(uint64_t before, uint64_t now) {
    if (!before || before == now) return 0;
    if (before >> BLOCK_SHIFT != now >> BLOCK_SHIFT) return 1;
    return before >> THREAD_BITS == now >> THREAD_BITS;
}

/* The stamp that stands for two readers. */
static uint64_t joined(uint64_t before, uint64_t now) {
    if (!unordered(before, now)) return now;
    return before >> BLOCK_SHIFT == now >> BLOCK_SHIFT ? now | SEVERAL_THREADS : SEVERAL_BLOCKS;
}

static int holds(const Region *r, uint64_t address, uint64_t size) {
    return address >= r->address && address - r->address + size <= r->size;
}

static Region *region_of(enum space space, uint64_t *address, uint64_t size) {
    static int last = 0; /* most accesses are near the one before */
    if (space == GENERIC && *address >= SHARED_WINDOW) {
        space = SHARED;
        *address -= SHARED_WINDOW;
    }
    if (space == SHARED) return holds(regions, *address, size) ? regions : 0;
    if (last && last < region_count && holds(regions + last, *address, size)) return regions + last;
    for (last = 1; last < region_count; last++)
        if (holds(regions + last, *address, size)) return regions + last;
    return 0;
}

/* Where an access happens, after all checks. */
static char *place(Thread *t, enum space space, uint64_t address, int size, int writes) {
    running = t;
    if (space == SHARED) address &= UINT32_MAX; /* a register of 32 bits is enough */
    if (address % size) fail(MISALIGNED, address, size);
    Region *r = region_of(space, &address, size);
    if (!r) fail(OUT_OF_BOUNDS, address, size);
    uint64_t now = stamp(t), offset = address - r->address;
    for (uint64_t i = offset; i < offset + size; i++) {
        if (r->copying[i]) fail(COPY_UNDER_WAY, address, size);
        if (r == regions && !writes && !r->writer[i]) fail(NOT_WRITTEN, address, size);
        if (unordered(r->writer[i], now)) fail(RACE, address, size);
        if (writes) {
            if (unordered(r->reader[i], now)) fail(RACE, address, size);
            r->writer[i] = now;
        } else {
            r->reader[i] = joined(r->reader[i], now);
        }
    }
    return r->memory + offset;
}
