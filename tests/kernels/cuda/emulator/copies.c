/* cp.async: a copy's bytes arrive in shared memory when its thread waits for them. */

/* Begin a copy; operands are two addresses, its size, and how much of it is not 0. */
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

/* Wait until at most the newest of the groups are under way. */
static void finish_copies(Thread *t, uint32_t newest) { finish_before(t, t->groups - (int)newest); }

static void finish_all_copies(Thread *t) {
    t->groups++;
    finish_before(t, t->groups);
}
