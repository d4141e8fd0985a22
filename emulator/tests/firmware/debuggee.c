/* Something to look at with a debugger. */
#include "target.h"

volatile uint32_t counter = 1;
volatile uint32_t doubled;
volatile float scale = 1.0f;

__attribute__((noinline)) uint32_t add(uint32_t a, uint32_t b)
{
    scale = scale * 1.5f;
    return a + b;
}

int main(void)
{
    for (int i = 0; i < 1000000; i++) {
        counter = add(counter, 3);
        doubled = counter * 2;
    }
    return 0;
}
