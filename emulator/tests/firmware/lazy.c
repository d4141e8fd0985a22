/* Floating-point registers of interrupted code are saved when a handler uses the unit, and only then. */
#include "target.h"

#define FPCCR REG(0xE000EF34)
#define FPCAR REG(0xE000EF38)

static volatile uint32_t seen_before, seen_after, saved, frame_return;

static uint32_t first_register(void)
{
    uint32_t bits;
    __asm__ volatile("vmov %0, s0" : "=r"(bits));
    return bits;
}

static void sync(void) { __asm__ volatile("dsb\nisb" ::: "memory"); }

static void idle_handler(void) { seen_before = FPCCR; }

static void using_handler(void)
{
    seen_before = FPCCR;
    __asm__ volatile("vmov.f32 s0, #4.0" ::: "s0");
    seen_after = FPCCR;
    saved = REG(FPCAR);
}

/* Interrupted by the one that uses the unit, itself without it. */
static void outer_handler(void)
{
    STIR = 3;
    sync();
    frame_return = FPCCR;
}

static void run(uint32_t irq, const char *name, float value)
{
    uint32_t after;
    __asm__ volatile("vmov s0, %1\n"
                     "str %2, [%3]\n"
                     "dsb\nisb\n"
                     "vmov %0, s0\n"
                     : "=r"(after)
                     : "r"(value), "r"(irq), "r"(0xE000EF00)
                     : "s0", "memory");
    union { float f; uint32_t u; } wanted = {value};
    expect(name, after, wanted.u);
}

int main(void)
{
    vectors[16 + 1] = idle_handler;
    vectors[16 + 2] = outer_handler;
    vectors[16 + 3] = using_handler;
    NVIC_IPR(1) = 0x40;
    NVIC_IPR(2) = 0x40;
    NVIC_IPR(3) = 0x20;
    NVIC_ISER(0) = 0xE;
    first_register();

    run(1, "unused", 1.5f);
    expect("waits in the handler", seen_before & 1, 1);
    expect("and no longer after it", FPCCR & 1, 0);
    expect("from thread mode", seen_before >> 3 & 1, 1);

    run(3, "used", 2.5f);
    expect("waits", seen_before & 1, 1);
    expect("saved by use", seen_after & 1, 0);
    expect("its value", saved, 0x40200000);

    run(2, "nested", 3.5f);
    expect("the outer one's wait ends", frame_return & 1, 0);
    expect("saved the thread's value", saved, 0x40600000);

    FPCCR = 1u << 31;
    run(3, "eager", 5.5f);
    expect("nothing waits", seen_before & 1, 0);

    FPCCR = 3u << 30;
    say("lazy done\n");
    return 0;
}
