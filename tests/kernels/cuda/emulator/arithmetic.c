/* Arithmetic that C has no name for. */

#include <fenv.h>
#include <float.h>
#include <math.h>


static float flushed(float x) { return fabsf(x) < FLT_MIN ? copysignf(0, x) : x; }

/* What an approximate instruction may make of an exact value, at worst: off by 2^-bits of it, up or
   down as an argument's last bit says. */
static float off(double exact, double bits, uint32_t argument) {
    double error = exp2(-bits);
    return exact * (argument & 1 ? 1 + error : 1 - error);
}

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
