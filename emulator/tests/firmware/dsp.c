/* DSP instructions against what the architecture manual says they do, written in plain C. */
#include "target.h"

#define OP2(name)                                                                                   \
    static uint32_t name(uint32_t n, uint32_t m)                                                    \
    {                                                                                               \
        uint32_t d;                                                                                 \
        __asm__ volatile(#name " %0, %1, %2" : "=r"(d) : "r"(n), "r"(m));                           \
        return d;                                                                                   \
    }
#define OP3(name)                                                                                   \
    static uint32_t name(uint32_t n, uint32_t m, uint32_t a)                                        \
    {                                                                                               \
        uint32_t d;                                                                                 \
        __asm__ volatile(#name " %0, %1, %2, %3" : "=r"(d) : "r"(n), "r"(m), "r"(a));               \
        return d;                                                                                   \
    }
#define OPL(name)                                                                                   \
    static uint64_t name(uint64_t sum, uint32_t n, uint32_t m)                                      \
    {                                                                                               \
        uint32_t low = (uint32_t)sum, high = (uint32_t)(sum >> 32);                                 \
        __asm__ volatile(#name " %0, %1, %2, %3" : "+r"(low), "+r"(high) : "r"(n), "r"(m));         \
        return (uint64_t)high << 32 | low;                                                          \
    }
OP2(sadd16) OP2(ssub16) OP2(sadd8) OP2(ssub8) OP2(sasx) OP2(ssax)
OP2(uadd16) OP2(usub16) OP2(uadd8) OP2(usub8) OP2(uasx) OP2(usax)
OP2(qadd16) OP2(qsub16) OP2(qadd8) OP2(qsub8) OP2(uqadd16) OP2(uqsub8)
OP2(shadd16) OP2(uhadd8) OP2(shsub8) OP2(uhsub16)
OP2(qadd) OP2(qsub) OP2(qdadd) OP2(qdsub) OP2(sel) OP2(usad8)
OP2(smulbb) OP2(smultt) OP2(smulwb) OP2(smuad) OP2(smusd) OP2(smuadx) OP2(smmul) OP2(smmulr)
OP2(sxtab) OP2(uxtab16) OP2(sdiv) OP2(udiv)
OP3(smlabt) OP3(smlawt) OP3(smlad) OP3(smlsdx) OP3(smmla) OP3(smmls) OP3(mls) OP3(usada8)
OPL(smlal) OPL(umlal) OPL(umaal) OPL(smlaltb) OPL(smlald) OPL(smlsldx)

static uint32_t apsr(void)
{
    uint32_t value;
    __asm__ volatile("mrs %0, apsr" : "=r"(value));
    return value;
}

static void clear_flags(void) { __asm__ volatile("msr apsr_nzcvqg, %0" : : "r"(0) : "cc"); }

static int32_t low(uint32_t v) { return (int16_t)v; }
static int32_t high(uint32_t v) { return (int16_t)(v >> 16); }
static uint32_t pack(int32_t h, int32_t l) { return (uint32_t)h << 16 | ((uint32_t)l & 0xFFFF); }
static int64_t limit(int64_t v, int64_t min, int64_t max) { return v < min ? min : v > max ? max : v; }
static int32_t q31(int64_t v) { return (int32_t)limit(v, INT32_MIN, INT32_MAX); }
static int32_t q15(int32_t v) { return (int32_t)limit(v, -32768, 32767); }

static void one(uint32_t n, uint32_t m, uint32_t a)
{
    expect("sadd16", sadd16(n, m), pack(high(n) + high(m), low(n) + low(m)));
    expect("sadd16 ge", apsr() >> 16 & 15,
           (high(n) + high(m) >= 0 ? 12 : 0) | (low(n) + low(m) >= 0 ? 3 : 0));
    expect("sel", sel(n, m), pack(high(n) + high(m) >= 0 ? high(n) : high(m),
                                  low(n) + low(m) >= 0 ? low(n) : low(m)));
    expect("ssub16", ssub16(n, m), pack(high(n) - high(m), low(n) - low(m)));
    expect("sasx", sasx(n, m), pack(high(n) + low(m), low(n) - high(m)));
    expect("ssax", ssax(n, m), pack(high(n) - low(m), low(n) + high(m)));
    expect("uadd16", uadd16(n, m), pack(high(n) + high(m), low(n) + low(m)));
    expect("uadd16 ge", apsr() >> 16 & 15,
           ((n >> 16) + (m >> 16) > 0xFFFF ? 12 : 0) | ((n & 0xFFFF) + (m & 0xFFFF) > 0xFFFF ? 3 : 0));
    expect("usub16", usub16(n, m), pack(high(n) - high(m), low(n) - low(m)));
    expect("usub16 ge", apsr() >> 16 & 15, (n >> 16 >= m >> 16 ? 12 : 0) | ((n & 0xFFFF) >= (m & 0xFFFF) ? 3 : 0));
    expect("uasx", uasx(n, m), pack(high(n) + low(m), low(n) - high(m)));
    expect("usax", usax(n, m), pack(high(n) - low(m), low(n) + high(m)));
    expect("qadd16", qadd16(n, m), pack(q15(high(n) + high(m)), q15(low(n) + low(m))));
    expect("qsub16", qsub16(n, m), pack(q15(high(n) - high(m)), q15(low(n) - low(m))));
    expect("shadd16", shadd16(n, m), pack((high(n) + high(m)) >> 1, (low(n) + low(m)) >> 1));
    expect("uhsub16", uhsub16(n, m),
           pack(((int32_t)(n >> 16) - (int32_t)(m >> 16)) >> 1, ((int32_t)(n & 0xFFFF) - (int32_t)(m & 0xFFFF)) >> 1));
    uint32_t bytes[8] = {0}, ge = 0, sad = a;
    for (int i = 0; i < 32; i += 8) {
        int32_t x = (uint8_t)(n >> i), y = (uint8_t)(m >> i);
        int32_t sx = (int8_t)x, sy = (int8_t)y;
        int32_t results[8] = {x + y, x - y, (int32_t)limit(sx + sy, -128, 127), (int32_t)limit(sx - sy, -128, 127),
                              (int32_t)limit(x - y, 0, 255), (x + y) >> 1, (sx - sy) >> 1, sx + sy};
        for (int k = 0; k < 8; k++)
            bytes[k] |= ((uint32_t)results[k] & 0xFF) << i;
        ge |= (uint32_t)(x + y > 255) << i / 8;
        sad += (uint32_t)(x > y ? x - y : y - x);
    }
    expect("uadd8", uadd8(n, m), bytes[0]);
    expect("uadd8 ge", apsr() >> 16 & 15, ge);
    expect("usub8", usub8(n, m), bytes[1]);
    expect("ssub8", ssub8(n, m), bytes[1]);
    expect("qadd8", qadd8(n, m), bytes[2]);
    expect("qsub8", qsub8(n, m), bytes[3]);
    expect("uqsub8", uqsub8(n, m), bytes[4]);
    expect("uhadd8", uhadd8(n, m), bytes[5]);
    expect("shsub8", shsub8(n, m), bytes[6]);
    expect("sadd8", sadd8(n, m), bytes[7]);
    expect("uqadd16", uqadd16(n, m),
           pack((int32_t)limit((int64_t)(n >> 16) + (m >> 16), 0, 65535), (int32_t)limit((int64_t)(n & 0xFFFF) + (m & 0xFFFF), 0, 65535)));
    expect("usada8", usada8(n, m, a), sad);
    expect("usad8", usad8(n, m), sad - a);

    int64_t sn = (int32_t)n, sm = (int32_t)m, sa = (int32_t)a;
    clear_flags();
    expect("qadd", qadd(n, m), (uint32_t)q31(sn + sm));
    expect("qadd q", apsr() >> 27 & 1, sn + sm != q31(sn + sm));
    expect("qsub", qsub(n, m), (uint32_t)q31(sn - sm));
    expect("qdadd", qdadd(n, m), (uint32_t)q31(sn + q31(2 * sm)));
    expect("qdsub", qdsub(n, m), (uint32_t)q31(sn - q31(2 * sm)));
    expect("smulbb", smulbb(n, m), (uint32_t)(low(n) * low(m)));
    expect("smultt", smultt(n, m), (uint32_t)(high(n) * high(m)));
    expect("smulwb", smulwb(n, m), (uint32_t)((sn * low(m)) >> 16));
    expect("smuad", smuad(n, m), (uint32_t)((int64_t)low(n) * low(m) + (int64_t)high(n) * high(m)));
    expect("smuadx", smuadx(n, m), (uint32_t)((int64_t)low(n) * high(m) + (int64_t)high(n) * low(m)));
    expect("smusd", smusd(n, m), (uint32_t)((int64_t)low(n) * low(m) - (int64_t)high(n) * high(m)));
    expect("smmul", smmul(n, m), (uint32_t)((sn * sm) >> 32));
    expect("smmulr", smmulr(n, m), (uint32_t)((uint64_t)(sn * sm + 0x80000000ll) >> 32));
    clear_flags();
    int64_t sum = (int64_t)low(n) * high(m) + sa;
    expect("smlabt", smlabt(n, m, a), (uint32_t)sum);
    expect("smlabt q", apsr() >> 27 & 1, sum != (int32_t)sum);
    expect("smlawt", smlawt(n, m, a), (uint32_t)(((sn * high(m)) >> 16) + sa));
    expect("smlad", smlad(n, m, a), (uint32_t)((int64_t)low(n) * low(m) + (int64_t)high(n) * high(m) + sa));
    expect("smlsdx", smlsdx(n, m, a), (uint32_t)((int64_t)low(n) * high(m) - (int64_t)high(n) * low(m) + sa));
    expect("smmla", smmla(n, m, a), (uint32_t)(((uint64_t)a << 32) + (uint64_t)(sn * sm) >> 32));
    expect("smmls", smmls(n, m, a), (uint32_t)(((uint64_t)a << 32) - (uint64_t)(sn * sm) >> 32));
    expect("mls", mls(n, m, a), a - n * m);
    expect("sxtab", sxtab(n, m), n + (uint32_t)(int8_t)m);
    expect("uxtab16", uxtab16(n, m), pack((int32_t)((n >> 16) + (m >> 16 & 0xFF)), (int32_t)(n + (m & 0xFF))));
    uint64_t big = (uint64_t)a << 32 | n;
    expect("smlal", (uint32_t)(smlal(big, n, m) >> 32), (uint32_t)((big + (uint64_t)(sn * sm)) >> 32));
    expect("umlal", (uint32_t)(umlal(big, n, m) >> 32), (uint32_t)((big + (uint64_t)n * m) >> 32));
    expect("umaal", (uint32_t)(umaal(big, n, m) >> 32), (uint32_t)(((uint64_t)n * m + n + a) >> 32));
    expect("umaal low", (uint32_t)umaal(big, n, m), (uint32_t)((uint64_t)n * m + n + a));
    expect("smlaltb", (uint32_t)smlaltb(big, n, m), (uint32_t)(big + (uint64_t)(int64_t)(high(n) * low(m))));
    expect("smlald", (uint32_t)(smlald(big, n, m) >> 32),
           (uint32_t)((big + (uint64_t)((int64_t)low(n) * low(m) + (int64_t)high(n) * high(m))) >> 32));
    expect("smlsldx", (uint32_t)(smlsldx(big, n, m) >> 32),
           (uint32_t)((big + (uint64_t)((int64_t)low(n) * high(m) - (int64_t)high(n) * low(m))) >> 32));
    expect("udiv", udiv(n, m), m ? n / m : 0);
    expect("sdiv", sdiv(n, m), m == 0 ? 0 : n == 0x80000000u && m == 0xFFFFFFFFu ? n : (uint32_t)((int32_t)n / (int32_t)m));
}

int main(void)
{
    static const uint32_t edges[] = {0,          1,          0x7FFF,     0x8000,     0xFFFF,    0x7FFFFFFF,
                                     0x80000000, 0xFFFFFFFF, 0x80008000, 0x7FFF7FFF, 0x80FF7F01};
    uint32_t seed = 1;
    for (unsigned i = 0; i < sizeof edges / 4; i++)
        for (unsigned j = 0; j < sizeof edges / 4; j++)
            one(edges[i], edges[j], edges[(i + j) % 11]);
    for (int i = 0; i < 300; i++) {
        uint32_t n = seed = seed * 1664525u + 1013904223u;
        uint32_t m = seed = seed * 1664525u + 1013904223u;
        one(n, m, seed ^ n << 7);
    }
    say("dsp done\n");
    return 0;
}
