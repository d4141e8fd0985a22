/* A fault inside the hard fault handler. */
#include "target.h"

static void again(void)
{
    say("hard fault\n");
    (void)*(volatile uint32_t *)0x30000000;
}

int main(void)
{
    vectors[3] = again;
    (void)*(volatile uint32_t *)0x30000000;
    return 0;
}
