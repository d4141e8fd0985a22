/* Exceptions: nesting by priority, supervisor calls, faults and their registers, relocation of
 * the vector table, process stack, exclusive access, code in RAM, floating-point context. */
#include "target.h"

static char order[32];
static unsigned steps;
static volatile uint32_t answer, fault_pc, fault_bits, fault_address, hard;
static float kept;

static void step(char name) { order[steps++] = name; }

static void expect_order(const char *name, const char *wanted)
{
    for (unsigned i = 0; i < steps || wanted[i]; i++)
        expect(name, (uint8_t)(i < steps ? order[i] : 0), (uint8_t)wanted[i]);
    steps = 0;
}

static void sync(void) { __asm__ volatile("dsb\nisb" ::: "memory"); }

/* Interrupt 20 (low) raises 21 (high) and PendSV (lowest); 21 raises 20 again. */
static void low_interrupt(void)
{
    static int again;
    step('a');
    if (!again++) {
        ICSR = 1u << 28;
        STIR = 21;
        sync();
    }
    step('b');
}

static void high_interrupt(void)
{
    step('c');
    STIR = 20;
    sync();
    step('d');
}

static void pend_sv(void) { step('p'); }

static void tick(void)
{
    step('t');
    SYST_CSR = 0;
    /* Uses the unit: the interrupted registers must come back. */
    volatile float x = 1.5f;
    kept = x * 2.0f;
}

__attribute__((naked)) static void supervisor(void)
{
    __asm__ volatile("tst lr, #4\n"
                     "ite eq\n"
                     "mrseq r0, msp\n"
                     "mrsne r0, psp\n"
                     "b supervisor_call\n");
}

__attribute__((used)) void supervisor_call(uint32_t *frame)
{
    uint8_t number = ((uint8_t *)frame[6])[-2];
    answer = number;
    frame[0] = frame[0] + frame[1] + number;
}

static uint32_t call(uint32_t a, uint32_t b)
{
    register uint32_t r0 __asm__("r0") = a;
    register uint32_t r1 __asm__("r1") = b;
    __asm__ volatile("svc 42" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

/* Faults: note what the registers say, step over the instruction. */
__attribute__((naked)) static void fault(void)
{
    __asm__ volatile("tst lr, #4\n"
                     "ite eq\n"
                     "mrseq r0, msp\n"
                     "mrsne r0, psp\n"
                     "b fault_seen\n");
}

__attribute__((used)) void fault_seen(uint32_t *frame)
{
    uint32_t number;
    __asm__ volatile("mrs %0, ipsr" : "=r"(number));
    hard = number == 3 ? HFSR : 0;
    HFSR = HFSR;
    fault_bits = CFSR;
    CFSR = CFSR;
    fault_address = BFAR;
    fault_pc = frame[6];
    uint16_t first = *(uint16_t *)(frame[6] & ~1u);
    frame[6] += first >> 11 >= 0x1D ? 4 : 2;
}

__attribute__((naked, noinline)) static uint32_t load(__attribute__((unused)) uint32_t address)
{
    __asm__ volatile("ldr r0, [r0]\nbx lr");
}

__attribute__((naked, noinline)) static uint32_t pair(__attribute__((unused)) uint32_t address)
{
    __asm__ volatile("ldrd r0, r1, [r0]\nbx lr");
}

__attribute__((naked, noinline)) static uint32_t divide(__attribute__((unused)) uint32_t a, __attribute__((unused)) uint32_t b)
{
    __asm__ volatile("udiv r0, r0, r1\nbx lr");
}

static void faults(void)
{
    vectors[3] = vectors[4] = vectors[5] = vectors[6] = fault;
    SHCSR = 7 << 16;
    load(0x30000000);
    expect("bus fault bits", fault_bits, 0x8200);
    expect("bus fault address", fault_address, 0x30000000);
    expect("bus fault pc", fault_pc, (uint32_t)load & ~1u);
    expect("bus fault is its own", hard, 0);
    __asm__ volatile(".short 0xDE00");
    expect("undefined", fault_bits, 1 << 16);
    CCR |= 1 << 4;
    divide(1, 0);
    expect("division by zero", fault_bits, 1 << 25);
    CCR &= ~(1u << 4);
    expect("division without a trap", divide(1, 0), 0);
    pair(0x20000001);
    expect("unaligned pair", fault_bits, 1 << 24);
    CCR |= 1 << 3;
    load(0x20000001);
    expect("unaligned trap", fault_bits, 1 << 24);
    CCR &= ~(1u << 3);
    CPACR = 0;
    sync();
    __asm__ volatile("vmov.f32 s0, #1.0");
    expect("no unit", fault_bits, 1 << 19);
    CPACR = 0xF << 20;
    sync();
    /* Disabled handlers escalate. */
    SHCSR = 0;
    load(0x30000004);
    expect("forced", hard, 1u << 30);
    expect("forced bits", fault_bits, 0x8200);
    /* So does a supervisor call with interrupts masked by fault priority. */
    __asm__ volatile("cpsid i");
    call(1, 2);
    __asm__ volatile("cpsie i");
    expect("masked call", hard, 1u << 30);
    /* A branch that clears the Thumb bit. */
    SHCSR = 7 << 16;
}

static uint32_t exclusive(volatile uint32_t *place)
{
    uint32_t value, status, lost;
    __asm__ volatile("ldrex %0, [%3]\n"
                     "add %0, %0, #1\n"
                     "strex %1, %0, [%3]\n"
                     "strex %2, %0, [%3]\n"
                     : "=&r"(value), "=&r"(status), "=&r"(lost)
                     : "r"(place)
                     : "memory");
    expect("first strex", status, 0);
    expect("second strex", lost, 1);
    __asm__ volatile("ldrex %0, [%2]\n"
                     "clrex\n"
                     "strex %1, %0, [%2]\n"
                     : "=&r"(value), "=&r"(status)
                     : "r"(place)
                     : "memory");
    expect("strex after clrex", status, 1);
    __asm__ volatile("ldrex %0, [%2]\n"
                     "svc 1\n"
                     "strex %1, %0, [%2]\n"
                     : "=&r"(value), "=&r"(status)
                     : "r"(place)
                     : "memory", "r0", "r1");
    expect("strex after an exception", status, 1);
    return *place;
}

static uint32_t process_stack[64] __attribute__((aligned(8)));

static void process(void)
{
    uint32_t sum, control, sp;
    __asm__ volatile("msr psp, %3\n"
                     "mov r4, #2\n"
                     "msr control, r4\n"
                     "isb\n"
                     "mov %2, sp\n"
                     "mov r0, #5\n"
                     "mov r1, #6\n"
                     "svc 7\n"
                     "mov %0, r0\n"
                     "mrs %1, control\n"
                     "mov r4, #0\n"
                     "msr control, r4\n"
                     "isb\n"
                     : "=&r"(sum), "=&r"(control), "=&r"(sp)
                     : "r"(&process_stack[64])
                     : "r0", "r1", "r2", "r3", "r4", "r12", "lr", "memory", "cc");
    expect("call from the process stack", sum, 5 + 6 + 7);
    expect("control", control & 2, 2);
    expect("process stack", sp, (uint32_t)&process_stack[64]);
    expect("frame on it", process_stack[64 - 8], 18);
}

__attribute__((section(".ramcode"), noinline, long_call)) static uint32_t in_ram(uint32_t value)
{
    return value * 3 + 1;
}

/* movs r0, #imm; bx lr */
static uint16_t patched[2] __attribute__((aligned(4))) = {0x2011, 0x4770};

static void ram_code(void)
{
    uint32_t (*function)(void) = (uint32_t(*)(void))((uint32_t)patched | 1);
    expect("code in RAM", in_ram(5), 16);
    expect("written code", function(), 0x11);
    *(volatile uint16_t *)patched = 0x2022;
    sync();
    expect("rewritten code", function(), 0x22);
}

static void floating_context(void)
{
    float values[4];
    SYST_RVR = 300;
    SYST_CVR = 0;
    __asm__ volatile("vmov.f32 s0, #3.0\n"
                     "vmov.f32 s15, #5.0\n"
                     "vmov.f32 s16, #7.0\n" ::: "s0", "s15", "s16");
    SYST_CSR = 7;
    __asm__ volatile("mov r0, #200\n"
                     "1: subs r0, #1\n"
                     "bne 1b\n"
                     "vstr s0, [%0]\n"
                     "vstr s15, [%0, #4]\n"
                     "vstr s16, [%0, #8]\n" ::"r"(values) : "r0", "cc", "memory");
    expect_order("tick", "t");
    expect("s0", (uint32_t)values[0], 3);
    expect("s15", (uint32_t)values[1], 5);
    expect("s16", (uint32_t)values[2], 7);
    expect("tick used the unit", (uint32_t)kept, 3);
}

static handler moved[112] __attribute__((aligned(512)));
static void other_supervisor(void) { step('o'); }

static void relocation(void)
{
    for (int i = 0; i < 112; i++)
        moved[i] = vectors[i];
    moved[11] = other_supervisor;
    VTOR = (uint32_t)moved;
    sync();
    __asm__ volatile("svc 0" ::: "r0", "r1", "r2", "r3", "memory");
    VTOR = (uint32_t)vectors;
    sync();
    expect_order("moved table", "o");
}

static void masking(void)
{
    uint32_t old = 0x40;
    __asm__ volatile("msr basepri, %0" ::"r"(old));
    STIR = 20; /* priority 0xC0: masked */
    sync();
    expect_order("masked by BASEPRI", "");
    STIR = 21; /* priority 0x20: not masked */
    sync();
    expect_order("above BASEPRI", "cd");
    __asm__ volatile("msr basepri, %0" ::"r"(0));
    sync();
    expect_order("unmasked", "ab");
    __asm__ volatile("cpsid i");
    STIR = 20;
    ICSR = 1u << 28;
    sync();
    expect_order("masked by PRIMASK", "");
    /* A masked interrupt still ends the wait. */
    __asm__ volatile("wfi");
    __asm__ volatile("cpsie i");
    sync();
    expect_order("in order of priority", "abp");
}

int main(void)
{
    vectors[11] = supervisor;
    vectors[14] = pend_sv;
    vectors[15] = tick;
    vectors[16 + 20] = low_interrupt;
    vectors[16 + 21] = high_interrupt;
    SHPR(14) = 0xF0;
    NVIC_IPR(20) = 0xC0;
    NVIC_IPR(21) = 0x20;
    NVIC_ISER(0) = 3 << 20;
    expect("priority bits", NVIC_IPR(20), 0xC0);

    STIR = 20;
    sync();
    /* a interrupted by c d, b; then again a b (pended by c), then p. */
    expect_order("nesting", "acdbabp");
    expect("supervisor call", call(100, 20), 162);
    expect("its number", answer, 42);
    masking();
    relocation();
    process();
    floating_context();
    volatile uint32_t place = 41;
    expect("exclusive", exclusive(&place), 42);
    ram_code();
    faults();
    DEMCR |= 1 << 24;
    DWT_CTRL |= 1;
    uint32_t start = DWT_CYCCNT;
    __asm__ volatile("nop\nnop\nnop\nnop");
    uint32_t cycles = DWT_CYCCNT - start;
    if (cycles < 5 || cycles > 60)
        expect("cycles", cycles, 10);
    // A word of the alias region for each bit of `place`, which is 42.
    volatile uint32_t *bits = (volatile uint32_t *)(0x22000000 + ((uint32_t)&place - 0x20000000) * 32);
    expect("bit band, a zero", bits[0], 0);
    expect("bit band, a one", bits[1], 1);
    place = 0;
    bits[9] = 1;
    expect("bit band, set", place, 1 << 9);
    place = 0xFFFFFFFF;
    bits[31] = 0xFFFFFFFE;
    expect("bit band, only the lowest bit counts", place, 0x7FFFFFFF);
    say("exceptions done\n");
    return 0;
}
