/* Sleeps through 100 ticks of 10 ms at 16 MHz, then for good. */
#include "target.h"

static volatile uint32_t ticks;
static void tick(void) { ticks++; }

int main(void)
{
    vectors[15] = tick;
    SYST_RVR = 159999;
    SYST_CVR = 0;
    SYST_CSR = 7;
    while (ticks < 100)
        __asm__ volatile("wfi");
    SYST_CSR = 0;
    say("slept\n");
    for (;;)
        __asm__ volatile("wfe");
}
