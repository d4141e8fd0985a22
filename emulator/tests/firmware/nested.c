/* A call chain, interrupted by a supervisor call. */
#include "target.h"

volatile uint32_t depth;
volatile uint32_t reached;

static void stop_here(void)
{
    reached = 1;
    for (;;)
        ;
}

__attribute__((noinline)) void inner(uint32_t n)
{
    depth = n;
    __asm__ volatile("svc 0");
    depth = 0;
}

__attribute__((noinline)) void outer(uint32_t n)
{
    uint32_t kept[4] = {n, n + 1, n + 2, n + 3};
    inner(kept[3]);
    depth = kept[0];
}

int main(void)
{
    vectors[11] = stop_here;
    outer(4);
    return 0;
}
