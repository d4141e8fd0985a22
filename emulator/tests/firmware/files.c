/* Semihosting calls on files and clocks (ARM DUI0471, chapter 8). */
#include "target.h"

static uint32_t call(uint32_t operation, const void *argument)
{
    register uint32_t r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = argument;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

static uint32_t call3(uint32_t operation, uint32_t a, uint32_t b, uint32_t c)
{
    uint32_t block[3] = {a, b, c};
    return call(operation, block);
}

#define AT(text) ((uint32_t)(text))

int main(void)
{
    char buffer[32] = {0};
    uint32_t file = call3(1, AT("settings.txt"), 0, 12);
    if (file == ~0u) {
        expect("errno", call(0x13, 0), 13);
        expect("write is refused too", call3(1, AT("new.txt"), 4, 7), ~0u);
        say("refused\n");
        finish(0);
    }
    expect("length", call3(0x0C, file, 0, 0), 11);
    expect("seek", call3(0x0A, file, 6, 0), 0);
    expect("all but three bytes are missing", call3(6, file, AT(buffer), 8), 3);
    expect("what was read", *(uint32_t *)buffer, 0x6C726F77);
    expect("a file to read is not written", call3(5, file, AT("x"), 1), 1);
    expect("closed", call3(2, file, 0, 0), 0);
    expect("closed twice", call3(2, file, 0, 0), ~0u);
    expect("no such file", call3(1, AT("other.txt"), 0, 9), ~0u);
    expect("outside", call3(1, AT("../up.txt"), 4, 9), ~0u);
    file = call3(1, AT("log.txt"), 8, 7);
    expect("appended", call3(5, file, AT("two\n"), 4), 0);
    expect("terminal", call3(9, file, 0, 0), 0);
    call3(2, file, 0, 0);
    file = call3(1, AT("made.bin"), 5, 8);
    expect("made", call3(5, file, AT("\1\2\3"), 3), 0);
    call3(2, file, 0, 0);
    expect("removed", call3(0x0E, AT("settings.txt"), 12, 0), 0);
    uint32_t before = call(0x10, 0);
    for (volatile int i = 0; i < 1000000; i++) {
    }
    if (call(0x10, 0) - before < 2) {
        expect("hundredths of a second pass", 0, 1);
    }
    expect("ticks a second", call(0x31, 0), 1000000000);
    say("files done\n");
    finish(0);
}
