/* The corners of exception entry and return, one a build: -DCASE=number. */
#include "target.h"

/* Each build uses some of them. */
#pragma GCC diagnostic ignored "-Wunused-function"

#define MPU_CTRL REG(0xE000ED94)
#define MPU_RNR REG(0xE000ED98)
#define MPU_RBAR REG(0xE000ED9C)
#define MPU_RASR REG(0xE000EDA0)
#define HIGH 20
#define LOW 21

static char order[16];
static volatile unsigned steps;
static uint32_t process_stack[64] __attribute__((aligned(256)));
static uint32_t *volatile frames[4];
static volatile uint32_t saved_psr;

static void step(char name) { order[steps++] = name; }
static void sync(void) { __asm__ volatile("dsb\nisb" ::: "memory"); }

static void use_process_stack(uint32_t sp)
{
    __asm__ volatile("msr psp, %0\nmov r3, #2\nmsr control, r3\nisb" ::"r"(sp) : "r3", "memory");
}

/* Nobody may touch the process stack: region 0 of 256 bytes, the rest as without regions. */
static void forbid_process_stack(void)
{
    MPU_RNR = 0;
    MPU_RBAR = (uint32_t)process_stack;
    MPU_RASR = (7u << 1) | 1;
    MPU_CTRL = 5;
    sync();
}

static void told(const char *name)
{
    order[steps] = 0;
    say(order);
    say_number(name, CFSR);
    say_number(" HFSR", HFSR);
    finish(0);
}

static void memory_fault(void) { step('m'), told(" memory fault, CFSR"); }
static void bus_fault(void) { step('b'), told(" bus fault, CFSR"); }
static void hard_fault(void) { step('h'), told(" hard fault, CFSR"); }
static void high(void) { step('i'); }
static void call(void) { step('s'); }
static void call_that_forbids(void) { step('s'), forbid_process_stack(); }

__attribute__((naked)) static void high_frame(void) { __asm__ volatile("mov r0, sp\nb seen_high"); }
__attribute__((naked)) static void low_frame(void) { __asm__ volatile("mov r0, sp\nb seen_low"); }

__attribute__((used)) void seen_high(uint32_t *frame)
{
    frames[0] = frame;
    saved_psr = frame[7];
    step('i');
}

__attribute__((used)) void seen_low(uint32_t *frame)
{
    frames[1] = frame;
    step('j');
}

/* Pends the other while that is masked, and lets it in before its own return. */
static void low_pends_high_while_masked(void)
{
    uint32_t mask = 0x20;
    __asm__ volatile("msr basepri, %0" ::"r"(mask));
    STIR = HIGH;
    sync();
    step('j');
    __asm__ volatile("msr basepri, %0" ::"r"(0));
    sync();
    step('k');
}

int main(void)
{
    vectors[3] = hard_fault;
    vectors[4] = memory_fault;
    vectors[5] = bus_fault;
    vectors[11] = call;
    vectors[16 + HIGH] = high_frame;
    vectors[16 + LOW] = low_frame;
    NVIC_IPR(HIGH) = 0x20;
    NVIC_IPR(LOW) = 0x80;
    NVIC_ISER(0) = 1 << HIGH | 1 << LOW;
    SHCSR |= 7 << 16;
#if CASE == 1 /* FAULTMASK */
    __asm__ volatile("cpsid f");
    STIR = HIGH;
    sync();
    say_number("while masked", steps);
    say_number("pending", NVIC_ISPR(0));
    __asm__ volatile("cpsie f");
    sync();
    say_number("after", steps);
#elif CASE == 2 /* a mask that was cleared stays so after a handler */
    vectors[16 + HIGH] = high;
    uint32_t mask;
    __asm__ volatile("cpsid f\ncpsie f\nmrs %0, faultmask" : "=r"(mask));
    say_number("cleared", mask);
    STIR = HIGH;
    sync();
    __asm__ volatile("mrs %0, faultmask" : "=r"(mask));
    say_number("after a handler", mask);
#elif CASE == 3 /* STKALIGN: a frame begun at an odd word is moved, and bit 9 says so */
    uint32_t before, after;
    __asm__ volatile("mov r4, sp\nbic r5, r4, #7\nsub r5, #4\nmov sp, r5\n"
                     "ldr r0, =0xE000EF00\nmov r1, #20\nstr r1, [r0]\ndsb\nisb\n"
                     "mov r6, sp\nmov sp, r4\nmov %0, r5\nmov %1, r6"
                     : "=r"(before), "=r"(after)::"r0", "r1", "r4", "r5", "r6", "memory");
    expect("the stack is back", after, before);
    expect("the frame's place", (uint32_t)frames[0], (before - 32) & ~7u);
    say_number("bit 9", saved_psr >> 9 & 1);
    __asm__ volatile("" ::: "memory");
    STIR = HIGH;
    sync();
    say_number("bit 9 of an aligned one", saved_psr >> 9 & 1);
#elif CASE == 4 /* tail-chaining: both stand on one frame */
    __asm__ volatile("cpsid i");
    STIR = LOW;
    STIR = HIGH;
    sync();
    __asm__ volatile("cpsie i\nisb" ::: "memory");
    order[steps] = 0;
    say(order);
    say_number(" frames apart", (uint32_t)frames[0] - (uint32_t)frames[1]);
#elif CASE == 5 /* preemption as soon as a mask falls, in the middle of a handler */
    vectors[16 + LOW] = low_pends_high_while_masked;
    STIR = LOW;
    sync();
    order[steps] = 0;
    say(order);
    say("\n");
#elif CASE == 6 /* stacking fails by the protection unit; the call had lower priority */
    vectors[11] = call;
    SHPR(11) = 0xF0;
    forbid_process_stack();
    use_process_stack((uint32_t)&process_stack[64]);
    __asm__ volatile("svc 0" ::: "memory");
#elif CASE == 7 /* stacking fails on the bus; the interrupt outranks the fault: late arrival */
    vectors[16 + HIGH] = high;
    SHPR(5) = 0x40;
    use_process_stack(0x30000100);
    REG(0xE000E200) = 1 << HIGH;
    __asm__ volatile("dsb\nisb\nnop");
#elif CASE == 8 /* unstacking fails by the protection unit */
    vectors[11] = call_that_forbids;
    use_process_stack((uint32_t)&process_stack[64]);
    __asm__ volatile("svc 0" ::: "memory");
#endif
    return 0;
}
