/* What costs the least at a pixel, once for each level of instructions. See reducing.h. */

/* The search for the best value of a sample, through the tree of its bits. */
typedef struct {
    Mixing *m;
    const Sample *sample;
    int64_t weight, best; /* the least sum so far, not counting samples before */
    int32_t given, value; /* as it should be; of the best */
} NAME(Search);

static void NAME(search)(NAME(Search) *s, int bit, uint32_t prefix, uint32_t place, uint32_t **slot, int64_t cost) {
    Mixing *m = s->m;
    if (bit < 0) {
        const int32_t value = (int32_t)(prefix & ((1u << m->bits) - 1));
        if (m->planes > 1 || !may_not_become(m, s->given, value))
            s->best = cost, s->value = value;
        return;
    }
    uint32_t *own[CONTEXTS];
    if (begins_slot(m, bit)) {
        for (int i = 0; i < CONTEXTS; i++)
            own[i] = slot_of(m, i, s->sample->contexts[i], prefix);
        slot = own, place = 1;
    }
    NAME(Awaited) awaited;
    const uint32_t p = NAME(bit_asked)(m, s->sample, bit, prefix, place, slot, &awaited);
    const int32_t size = (int32_t)1 << bit, low = (int32_t)((prefix << (bit + 1)) & ((1u << m->bits) - 1));
    const int32_t away[2] = {outside(s->given, low, low + size - 1), outside(s->given, low + size, low + 2 * size - 1)};
    const int first = away[1] < away[0] || (away[1] == away[0] && p > 32768);
    /* the error at least: what the subtree has nearest; `cost` has that of the tree */
    const int64_t before = (int64_t)(away[0] < away[1] ? away[0] : away[1]);
    for (int t = 0; t < 2; t++) {
        const int one = t ? !first : first;
        const int64_t more = ((int64_t)away[one] * away[one] - before * before) * s->weight;
        const int64_t sum = cost + more + cost_of(m, one, p);
        if (sum < s->best)
            NAME(search)(s, bit - 1, prefix * 2 + (uint32_t)one, place * 2 + (uint32_t)one, slot, sum);
    }
}

/* Samples that together cost less than *best, if there are; then *best is what they cost. */
static void NAME(reduce_samples)(Mixing *m, const Neighbours *a, size_t here, int64_t cost, int64_t *best, uint64_t *pixel) {
    const uint64_t wanted = m->reduction->wanted[here];
    const int kept = m->reduction->kept;
    const int seen = kept < 0 || (wanted >> 16 * kept & 65535);
    Made made = {0};
    while (made.planes < m->planes) {
        const Sample sample = sample_of(m, a, &made);
        const int64_t weight = sample.shift == 16 * kept ? NEVER >> 16 : seen ? (int64_t)m->reduction->weights[here] << 16 : 0;
        NAME(Search) s = {m, &sample, weight, *best - cost, (int32_t)(wanted >> sample.shift & ((1u << m->bits) - 1)), -1};
        NAME(search)(&s, m->bits - 1, 1, 1, NULL, 0);
        if (s.value < 0)
            return;
        cost += s.best;
        sample_made(&made, &sample, s.value);
    }
    *best = cost, *pixel = made.made;
}

/* The pixel to code at `here`. */
static uint64_t NAME(reduced)(Mixing *m, size_t here, const Neighbours *a, const Questions *q) {
    const uint64_t wanted = m->reduction->wanted[here];
    uint64_t pixel = wanted;
    int64_t best = NEVER, no = 0;
    for (uint32_t k = 0; m->asks && k < q->count && no < best; k++) {
        uint32_t *counter[CONTEXTS];
        NAME(Awaited) awaited;
        const uint32_t p = NAME(asked)(m, a, q, k, counter, &awaited);
        const int64_t error = error_of(m, wanted, q->list[k].pixel);
        const int64_t sum = error == NEVER ? NEVER : error * m->reduction->weights[here] + no + cost_of(m, 1, p);
        if (sum < best)
            best = sum, pixel = q->list[k].pixel;
        no += cost_of(m, 0, p);
    }
    if (no < best)
        NAME(reduce_samples)(m, a, here, no, &best, &pixel);
    return pixel;
}
