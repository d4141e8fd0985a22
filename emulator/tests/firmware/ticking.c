/* SysTick with nested interrupts of several priorities and groups: the order of everything is printed. */
#include "target.h"

static volatile uint32_t ticks;
static char order[64];
static volatile unsigned steps;

static void step(char name)
{
    if (steps < sizeof order - 1)
        order[steps++] = name;
}

static void sync(void) { __asm__ volatile("dsb\nisb" ::: "memory"); }

static void tick(void)
{
    ticks++;
    if (ticks == 5)
        SYST_CSR = 0;
}

static void one(void)
{
    step('1');
    STIR = 2;
    STIR = 3;
    STIR = 4;
    sync();
    step('!');
}

static void two(void) { step('2'); }

static void three(void)
{
    step('3');
    uint32_t old;
    __asm__ volatile("mrs %0, basepri\nmsr basepri, %1" : "=r"(old) : "r"(0x20));
    STIR = 2;
    sync();
    step('m');
    __asm__ volatile("msr basepri, %0" : : "r"(old));
    sync();
    step('#');
}

static void four(void) { step('4'); }
static void pend(void) { step('p'); }

static void run(uint32_t group)
{
    AIRCR = 0x05FA0000 | group << 8;
    steps = 0;
    ICSR = 1u << 28;
    STIR = 1;
    sync();
    order[steps] = 0;
    say(order);
    say("\n");
}

int main(void)
{
    vectors[15] = tick;
    vectors[14] = pend;
    vectors[17] = one;
    vectors[18] = two;
    vectors[19] = three;
    vectors[20] = four;
    NVIC_IPR(1) = 0x80;
    NVIC_IPR(2) = 0x40;
    NVIC_IPR(3) = 0x10;
    NVIC_IPR(4) = 0x90;
    SHPR(14) = 0xF0;
    SHPR(15) = 0;
    NVIC_ISER(0) = 0x1E;
    for (uint32_t group = 0; group < 8; group++)
        run(group);
    AIRCR = 0x05FA0000;
    SYST_RVR = 999;
    SYST_CVR = 0;
    SYST_CSR = 7;
    while (ticks < 5)
        __asm__ volatile("wfi");
    say_number("ticks", ticks);
    say_number("timer", SYST_CSR);
    return 0;
}
