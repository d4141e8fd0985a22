/* MPU regions, faults that they raise, and the private bus: every status word is printed. */
#include "target.h"

#define MPU_CTRL REG(0xE000ED94)
#define MPU_RNR REG(0xE000ED98)
#define MPU_RBAR REG(0xE000ED9C)
#define MPU_RASR REG(0xE000EDA0)
#define MMFAR REG(0xE000ED34)

static uint32_t block[64] __attribute__((aligned(256)));
static volatile uint32_t status, address, skipped;

static void sync(void) { __asm__ volatile("dsb\nisb" ::: "memory"); }

/* Skips the instruction that faulted: 2 or 4 bytes by its first half-word. */
void skip(uint32_t *frame)
{
    uint16_t first = *(uint16_t *)frame[6];
    frame[6] += first >> 11 >= 0x1D ? 4 : 2;
    status = CFSR;
    address = status & 0x80 ? MMFAR : status & 0x8000 ? BFAR : 0;
    CFSR = status;
    skipped++;
}

__attribute__((naked)) static void fault(void)
{
    __asm__ volatile("tst lr, #4\n"
                     "ite eq\n"
                     "mrseq r0, msp\n"
                     "mrsne r0, psp\n"
                     "b skip\n");
}

static void region(uint32_t number, uint32_t base, uint32_t attributes)
{
    MPU_RNR = number;
    MPU_RBAR = base;
    MPU_RASR = attributes;
    sync();
}

static void report(const char *name)
{
    say(name);
    say_number(" faults", skipped);
    say_number(" status", status);
    say_number(" place in block", address ? address - (uint32_t)block : 0);
    status = address = skipped = 0;
}

/* Back to privileged code. */
static void supervisor(void) { __asm__ volatile("msr control, %0\nisb" : : "r"(0) : "memory"); }

int main(void)
{
    vectors[4] = vectors[5] = vectors[6] = fault;
    vectors[11] = supervisor;
    SHCSR |= 7 << 16;
    volatile uint32_t *place = block;
    for (int i = 0; i < 64; i++)
        place[i] = i * 0x01010101u;

    /* 256 bytes, read-only for all, the second of eight parts not covered. */
    region(0, (uint32_t)block, 6u << 24 | 2u << 8 | 7u << 1 | 1);
    MPU_CTRL = 5;
    sync();
    place[0] = 1;
    report("a store to a read-only region\n");
    place[8] = 2;
    report("a store to its disabled part\n");
    say_number(" value", place[8]);
    say_number(" kept", place[0]);

    /* A later region wins: no access at all to 32 bytes. */
    region(3, (uint32_t)block + 64, 0u << 24 | 4u << 1 | 1);
    volatile uint32_t sink = place[16];
    report("a load without rights\n");
    sink = place[24];
    report("a load beside it\n");
    say_number(" value", sink);

    /* Unprivileged code may not read the first region when only privileged code may. */
    region(0, (uint32_t)block, 1u << 24 | 7u << 1 | 1);
    region(1, 0x20000000, 3u << 24 | 16u << 1 | 1);
    region(2, 0x08000000, 6u << 24 | 19u << 1 | 1);
    region(4, (uint32_t)block, 1u << 24 | 7u << 1 | 1);
    region(3, 0, 0);
    region(0, 0, 0);
    sync();
    place[1] = 77;
    report("a privileged store\n");
    /* Semihosting is for privileged code, so this is reported after the return. */
    __asm__ volatile("msr control, %0\nisb" : : "r"(1) : "memory");
    sink = place[1];
    uint32_t control, first = status, where = address;
    __asm__ volatile("mrs %0, control" : "=r"(control));
    sink = SYST_CSR;
    __asm__ volatile("svc 0" ::: "memory");
    report("an unprivileged look at the system timer\n");
    say_number("an unprivileged load", first);
    say_number(" place in block", where - (uint32_t)block);
    say_number(" control", control);
    (void)sink;
    finish(control == 1 ? 0 : 3);
}
