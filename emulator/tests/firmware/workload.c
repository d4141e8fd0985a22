/* Integers, memory, recursion, 64-bit and single-precision arithmetic in portable C. */
#include "workload.h"

static uint32_t mix(uint32_t hash, uint32_t value)
{
    hash ^= value;
    hash *= 16777619u;
    return hash << 5 | hash >> 27;
}

static uint32_t crc(const uint8_t *data, uint32_t length)
{
    uint32_t value = ~0u;
    while (length--) {
        value ^= *data++;
        for (int bit = 0; bit < 8; bit++)
            value = value >> 1 ^ (0xEDB88320u & -(value & 1));
    }
    return ~value;
}

static void sort(int32_t *values, int low, int high)
{
    while (low < high) {
        int32_t pivot = values[(low + high) / 2];
        int i = low, j = high;
        while (i <= j) {
            while (values[i] < pivot)
                i++;
            while (values[j] > pivot)
                j--;
            if (i <= j) {
                int32_t other = values[i];
                values[i++] = values[j];
                values[j--] = other;
            }
        }
        sort(values, low, j);
        low = i;
    }
}

static uint32_t integers(uint32_t seed)
{
    static int32_t values[256];
    static uint8_t bytes[512];
    uint32_t hash = 2166136261u;
    for (int i = 0; i < 256; i++) {
        seed = seed * 1664525u + 1013904223u;
        values[i] = (int32_t)seed;
    }
    sort(values, 0, 255);
    for (int i = 0; i < 256; i++) {
        hash = mix(hash, (uint32_t)values[i]);
        bytes[2 * i] = (uint8_t)(values[i] >> 7);
        bytes[2 * i + 1] = (uint8_t)(values[i] >> 19);
        if (i) {
            hash = mix(hash, (uint32_t)(values[i] / (values[i - 1] | 1)));
            hash = mix(hash, (uint32_t)values[i] % ((uint32_t)i * 977u));
        }
    }
    hash = mix(hash, crc(bytes, sizeof bytes));
    /* Unaligned fields, as a packed protocol has them. */
    struct __attribute__((packed)) record {
        uint8_t kind;
        uint32_t value;
        int16_t offset;
    } *records = (struct record *)bytes;
    for (int i = 0; i < 70; i++) {
        records[i].value += (uint32_t)records[i].offset;
        hash = mix(hash, records[i].value ^ records[i].kind);
    }
    return hash;
}

static uint32_t wide(uint32_t seed)
{
    uint64_t a = 0x9E3779B97F4A7C15ull * (seed | 1), b = seed;
    int64_t c = -1234567890123ll;
    uint32_t hash = seed;
    for (int i = 1; i < 100; i++) {
        a = (a << 7 | a >> 57) + b * 0xD1342543DE82EF95ull;
        b ^= a >> (i & 63);
        c += (int64_t)a / (int64_t)(b | 3) - (c >> 5);
        hash = mix(hash, (uint32_t)a ^ (uint32_t)(b >> 32) ^ (uint32_t)c);
        hash = mix(hash, (uint32_t)(a / ((uint32_t)b | 1)));
    }
    return hash;
}

static uint32_t machine(const char *text, uint32_t hash)
{
    for (; *text; text++) {
        switch (*text) {
        case '0': hash += 17; break;
        case '1': hash ^= hash << 3; break;
        case '2': hash -= hash >> 2; break;
        case '3': hash = ~hash; break;
        case '4': hash *= 3; break;
        case '5': hash = hash << 16 | hash >> 16; break;
        case '6': hash ^= 0x55AA1234u; break;
        default: hash++; break;
        }
    }
    return hash;
}

static uint32_t bits_of(float value)
{
    union {
        float value;
        uint32_t bits;
    } both = {value};
    return both.bits;
}

static float root(float value)
{
#ifdef __arm__
    float result;
    __asm__("vsqrt.f32 %0, %1" : "=t"(result) : "t"(value));
    return result;
#else
    return __builtin_sqrtf(value);
#endif
}

static uint32_t floats(uint32_t seed)
{
    float filter[8] = {0}, sum = 0.0f;
    uint32_t hash = seed;
    for (int i = 0; i < 200; i++) {
        float sample = (float)((int32_t)(seed >> (i & 15)) % 2000 - 1000) * 0.01f;
        float out = sample;
        for (int tap = 7; tap > 0; tap--) {
            filter[tap] = filter[tap - 1];
            out += filter[tap] * (0.4f / (float)tap);
        }
        filter[0] = sample;
        sum += out < 0.0f ? -out : out;
        seed = seed * 69069u + 1u;
        hash = mix(hash, bits_of(out));
        hash = mix(hash, bits_of(root(sum + 1.0f) / (sum + 0.5f)));
        hash = mix(hash, (uint32_t)(int32_t)(sum * 1.25f) ^ (uint32_t)(sum * 3.5f));
        if (out > sample)
            hash++;
    }
    return hash;
}

uint32_t workload(uint32_t rounds)
{
    uint32_t hash = 0;
    for (uint32_t round = 1; round <= rounds; round++) {
        hash = mix(hash, integers(round * 2654435761u));
        hash = mix(hash, wide(hash));
        hash = mix(hash, machine("0123456701234567xyz5321", hash));
        hash = mix(hash, floats(hash));
    }
    return hash;
}
