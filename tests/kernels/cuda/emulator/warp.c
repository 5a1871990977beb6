/* Instructions that the 32 threads of a warp execute together. */

enum kind { TF32, F16, BF16 };

static Register *operand(Thread *t, const Instruction *at, int index) {
    return t->registers + at->operands[index];
}

/* shfl.sync: operands are the result, with or without whether the source was in range, the value,
   the distance or lane, the clamp and the segment mask, and the lanes that take part. */
static void shuffle(Thread *lanes, const Instruction *at, char mode) {
    int pair = at->count == 6;
    uint32_t values[WARP];
    for (int i = 0; i < WARP; i++) values[i] = operand(lanes + i, at, 1 + pair)->u32;
    for (int i = 0; i < WARP; i++) {
        int by = operand(lanes + i, at, 2 + pair)->u32 & 31;
        uint32_t c = operand(lanes + i, at, 3 + pair)->u32;
        int clamp = c & 31, segment = c >> 8 & 31;
        int low = i & segment, high = low | (clamp & ~segment);
        int from = mode == 'u' ? i - by : mode == 'd' ? i + by : mode == 'b' ? (i ^ by)
                 : (low | (by & ~segment));
        int inside = mode == 'u' ? from >= high : from <= high;
        operand(lanes + i, at, 0)->u32 = values[inside ? from : i];
        if (pair) operand(lanes + i, at, 1)->u8 = inside;
    }
}

/* ldmatrix: lanes 8i to 8i + 7 hold the addresses of the rows of 8x8 matrix i, of 16 bits. */
static void load_matrices(Thread *lanes, const Instruction *at, int count, int transposed) {
    uint16_t items[4][8][8];
    for (int m = 0; m < count; m++)
        for (int row = 0; row < 8; row++) {
            Thread *t = lanes + 8 * m + row;
            uint64_t address = operand(t, at, count)->u64 + operand(t, at, count + 1)->u64;
            memcpy(items[m][row], place(t, SHARED, address, 16, 0), 16);
        }
    for (int i = 0; i < WARP; i++)
        for (int m = 0; m < count; m++) {
            int row = i / 4, column = i % 4 * 2;
            uint32_t low = transposed ? items[m][column][row] : items[m][row][column];
            uint32_t high = transposed ? items[m][column + 1][row] : items[m][row][column + 1];
            operand(lanes + i, at, m)->u32 = high << 16 | low;
        }
}

/* Item `half` of a register with factors of a product. TF32 has what its high 19 bits say. */
static float factor(uint32_t bits, enum kind kind, int half) {
    if (kind == TF32) return of_bits(bits & ~0x1fffu);
    uint16_t item = half ? bits >> 16 : bits;
    return kind == F16 ? from_float16(item) : from_bfloat16(item);
}

/* mma.sync m16n8: d (16, 8) = a (16, k) times b (k, 8) plus c. Of each 8 columns of `a` and rows
   of `b`, or 4 of TF32, each lane holds those of one register. The sums here are exact. */
static void multiply(Thread *lanes, const Instruction *at, int k, enum kind kind) {
    int items = kind == TF32 ? 1 : 2, parts = k / (4 * items);
    float a[16][16], b[16][8];
    double d[16][8];
    for (int i = 0; i < WARP; i++) {
        int group = i / 4, lane = i % 4;
        for (int part = 0; part < parts; part++)
            for (int half = 0; half < items; half++) {
                int q = part * 4 * items + lane * items + half;
                for (int down = 0; down < 2; down++) {
                    Register *r = operand(lanes + i, at, 4 + part * 2 + down);
                    a[group + 8 * down][q] = factor(r->u32, kind, half);
                }
                Register *r = operand(lanes + i, at, 4 + 2 * parts + part);
                b[q][group] = factor(r->u32, kind, half);
            }
    }
    for (int m = 0; m < 16; m++)
        for (int n = 0; n < 8; n++) {
            d[m][n] = 0;
            for (int q = 0; q < k; q++) d[m][n] += (double)a[m][q] * b[q][n];
        }
    for (int i = 0; i < WARP; i++)
        for (int j = 0; j < 4; j++) {
            float c = operand(lanes + i, at, 4 + 3 * parts + j)->f32;
            operand(lanes + i, at, j)->f32 = d[i / 4 + 8 * (j / 2)][i % 4 * 2 + j % 2] + c;
        }
}
