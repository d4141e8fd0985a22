/* Start-up without a C library: vector table, memory, the floating-point unit, semihosting. */
#include "target.h"

extern uint32_t data_start, data_end, data_load, bss_start, bss_end, stack_top;

handler vectors[112] __attribute__((aligned(512)));

/* The compiler calls these two by itself. */
void *memset(void *to, int value, uint32_t length)
{
    for (volatile uint8_t *byte = to; length; length--)
        *byte++ = (uint8_t)value;
    return to;
}

void *memcpy(void *to, const void *from, uint32_t length)
{
    const uint8_t *source = from;
    for (volatile uint8_t *byte = to; length; length--)
        *byte++ = *source++;
    return to;
}

static uint32_t semihost(uint32_t operation, const void *argument)
{
    register uint32_t r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = argument;
    __asm__ volatile("bkpt 0xAB" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

void say(const char *text) { semihost(0x04, text); }

void say_number(const char *name, uint32_t value)
{
    static const char digits[] = "0123456789abcdef";
    char text[10];
    for (int i = 0; i < 8; i++)
        text[i] = digits[value >> (28 - 4 * i) & 15];
    text[8] = '\n';
    text[9] = 0;
    say(name);
    say(" ");
    say(text);
}

void finish(int code)
{
    const uint32_t block[2] = {0x20026, (uint32_t)code};
    semihost(0x20, block);
    for (;;)
        ;
}

void expect(const char *name, uint32_t got, uint32_t wanted)
{
    if (got != wanted) {
        say_number(name, got);
        say_number("  but expected", wanted);
        finish(1);
    }
}

static void unexpected(void)
{
    uint32_t number;
    __asm__ volatile("mrs %0, ipsr" : "=r"(number));
    say_number("unexpected exception", number);
    say_number("CFSR", CFSR);
    finish(2);
}

__attribute__((naked, noreturn)) void reset(void)
{
    __asm__ volatile("bl begin");
}

__attribute__((noreturn, used)) void begin(void)
{
    CPACR |= 0xF << 20;
    __asm__ volatile("dsb\nisb");
    uint32_t *to = &data_start;
    const uint32_t *from = &data_load;
    while (to < &data_end)
        *to++ = *from++;
    for (to = &bss_start; to < &bss_end; to++)
        *to = 0;
    vectors[0] = (handler)&stack_top;
    vectors[1] = reset;
    for (int i = 2; i < 112; i++)
        vectors[i] = unexpected;
    VTOR = (uint32_t)vectors;
    finish(main());
}

__attribute__((section(".isr_vector"), used)) static const handler boot_vectors[16] = {
    (handler)&stack_top, reset,      unexpected, unexpected, unexpected, unexpected, unexpected, unexpected,
    unexpected,          unexpected, unexpected, unexpected, unexpected, unexpected, unexpected, unexpected,
};
