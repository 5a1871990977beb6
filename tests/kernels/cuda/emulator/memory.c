/* Registers and memory of threads, and what can be wrong with an access. */

#include <fenv.h>
#include <float.h>
#include <math.h>
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

/* Begin a copy from global to shared memory: cp.async. Its bytes arrive when it is waited for. */
static void copy_later(Thread *t, const Instruction *at) {
    const Register *r = t->registers;
    uint64_t to = r[at->operands[0]].u64 + r[at->operands[1]].u64;
    uint64_t from = r[at->operands[2]].u64 + r[at->operands[3]].u64;
    int size = r[at->operands[4]].u32, taken = at->count > 5 ? r[at->operands[5]].u32 : size;
    current = at, running = t;
    to &= UINT32_MAX;
    if (from % size) fail(MISALIGNED, from, size);
    if (t->copies == COPIES) fail(TOO_MANY_COPIES, to, size);
    place(t, SHARED, to, size, 1);
    for (int i = 0; i < taken; i++) place(t, GLOBAL, from + i, 1, 0);
    memset(regions->copying + (to - regions->address), 1, size);
    t->copy[t->copies++] = (Copy){to, (const char *)from, size, taken, t->groups};
}

static void commit_copies(Thread *t) { t->groups++; }

static void finish_before(Thread *t, int group) {
    int left = 0;
    for (int i = 0; i < t->copies; i++) {
        Copy c = t->copy[i];
        if (c.group >= group) {
            t->copy[left++] = c;
            continue;
        }
        memset(regions->copying + (c.to - regions->address), 0, c.size);
        char *to = place(t, SHARED, c.to, c.size, 1);
        memset(to, 0, c.size);
        memcpy(to, c.from, c.taken);
    }
    t->copies = left;
}

/* Wait until at most the newest of the groups are under way: cp.async.wait_group. */
static void finish_copies(Thread *t, uint32_t newest) { finish_before(t, t->groups - (int)newest); }

static void finish_all_copies(Thread *t) {
    t->groups++;
    finish_before(t, t->groups);
}

/* Arithmetic that C has no name for. */

static float flushed(float x) { return fabsf(x) < FLT_MIN ? copysignf(0, x) : x; }

static __attribute__((noinline)) float fma_down(float a, float b, float c) {
    fesetround(FE_DOWNWARD);
    volatile float result = fmaf(a, b, c);
    fesetround(FE_TONEAREST);
    return result;
}

static __attribute__((noinline)) float add_to_zero(float a, float b) {
    volatile float x = a, y = b;
    fesetround(FE_TOWARDZERO);
    volatile float result = x + y;
    fesetround(FE_TONEAREST);
    return result;
}

static uint32_t bits_of(float x) { Register r = {.f32 = x}; return r.u32; }
static float of_bits(uint32_t x) { Register r = {.u32 = x}; return r.f32; }
static uint16_t float16(float x) { Register r = {.f16 = x}; return r.u16; }
static float from_float16(uint16_t x) { Register r = {.u16 = x}; return r.f16; }
static float from_bfloat16(uint16_t x) { return of_bits((uint32_t)x << 16); }

static uint16_t bfloat16(float x) {
    uint32_t bits = bits_of(x);
    return x != x ? 0x7fff : (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
}

static uint32_t tf32(float x) { /* halves away from zero */
    uint32_t bits = bits_of(x);
    return isfinite(x) ? (bits + 0x1000) & ~0x1fffu : bits;
}
