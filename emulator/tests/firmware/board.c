/* The AZ3166's peripherals without any library: clock tree, console, sensors, timer, button.
 * Written from the reference manual (RM0402) and the sensors' data sheets. */
#include <stdint.h>

#define REG(address) (*(volatile uint32_t *)(address))

#define RCC 0x40023800u
#define FLASH_ACR REG(0x40023C00u)
#define PWR_CR REG(0x40007000u)
#define GPIOA 0x40020000u
#define GPIOB 0x40020400u
#define GPIOC 0x40020800u
#define USART6 0x40011400u
#define I2C1 0x40005400u
#define TIM2 0x40000000u
#define EXTI 0x40013C00u
#define SYSCFG 0x40013800u
#define NVIC_ISER(n) REG(0xE000E100u + 4 * (n))

extern uint32_t data_load[], data_start[], data_end[], bss_start[], bss_end[], stack_top[];

int main(void);

static volatile uint32_t ticks;
static volatile uint32_t presses;

void reset(void)
{
    for (uint32_t *from = data_load, *to = data_start; to < data_end;) *to++ = *from++;
    for (uint32_t *to = bss_start; to < bss_end;) *to++ = 0;
    main();
    for (;;) {}
}

void stray(void)
{
    for (;;) {}
}

/* The user LED, PC13, changes at every tick. */
void tim2(void)
{
    REG(TIM2 + 0x10) = ~1u;
    ticks++;
    REG(GPIOC + 0x18) = (ticks & 1) ? 1u << 13 : 1u << 29;
}

/* Button A, PA4. */
void exti4(void)
{
    REG(EXTI + 0x14) = 1u << 4;
    presses++;
}

__attribute__((section(".vectors"), used)) void *const vectors[16 + 86] = {
    [0] = stack_top, [1] = reset, [2] = stray, [3] = stray, [4] = stray, [5] = stray,
    [6] = stray, [11] = stray, [14] = stray, [15] = stray,
    [16 + 10] = exti4, [16 + 28] = tim2,
};

static void clocks(void)
{
    REG(RCC + 0x40) |= 1u << 28;
    PWR_CR |= 3u << 14;
    REG(RCC) |= 1u << 16;
    while (!(REG(RCC) & 1u << 17)) {}
    REG(RCC + 0x04) = 13 | 96 << 6 | 1 << 22 | 4 << 24 | 2 << 28;
    REG(RCC) |= 1u << 24;
    while (!(REG(RCC) & 1u << 25)) {}
    FLASH_ACR = 0x703;
    while ((FLASH_ACR & 0xF) != 3) {}
    REG(RCC + 0x08) = 4u << 10 | 2;
    while ((REG(RCC + 0x08) >> 2 & 3) != 2) {}
    REG(RCC + 0x30) |= 7;
    REG(RCC + 0x40) |= 1u << 0 | 1u << 21;
    REG(RCC + 0x44) |= 1u << 5 | 1u << 14;
}

static void alternate(uint32_t port, uint32_t pin, uint32_t function)
{
    volatile uint32_t *afr = &REG(port + 0x20 + pin / 8 * 4);
    *afr = (*afr & ~(0xFu << pin % 8 * 4)) | function << pin % 8 * 4;
    REG(port) = (REG(port) & ~(3u << pin * 2)) | 2u << pin * 2;
}

static void put(char c)
{
    while (!(REG(USART6) & 0x80)) {}
    REG(USART6 + 0x04) = (uint8_t)c;
}

static void text(const char *s)
{
    while (*s) put(*s++);
}

static void number(int32_t value)
{
    char digits[12];
    int n = 0;
    uint32_t rest = value < 0 ? -(uint32_t)value : (uint32_t)value;
    if (value < 0) put('-');
    do digits[n++] = '0' + rest % 10; while (rest /= 10);
    while (n) put(digits[--n]);
}

/* Addresses a device; 0 when nobody answers. */
static int address(uint32_t byte)
{
    REG(I2C1) |= 1u << 8 | 1u << 10;
    while (!(REG(I2C1 + 0x14) & 1)) {}
    REG(I2C1 + 0x10) = byte;
    uint32_t sr1;
    do sr1 = REG(I2C1 + 0x14); while (!(sr1 & (1u << 1 | 1u << 10)));
    if (sr1 & 1u << 10) {
        REG(I2C1 + 0x14) = ~(1u << 10);
        REG(I2C1) |= 1u << 9;
        while (REG(I2C1 + 0x18) & 2) {}
        return 0;
    }
    return 1;
}

static int select(uint32_t device, uint8_t sub)
{
    if (!address(device << 1)) return 0;
    (void)REG(I2C1 + 0x18);
    REG(I2C1 + 0x10) = sub;
    while (!(REG(I2C1 + 0x14) & 4)) {}
    return 1;
}

static int set(uint32_t device, uint8_t sub, uint8_t value)
{
    if (!select(device, sub)) return 0;
    REG(I2C1 + 0x10) = value;
    while (!(REG(I2C1 + 0x14) & 4)) {}
    REG(I2C1) |= 1u << 9;
    while (REG(I2C1 + 0x18) & 2) {}
    return 1;
}

/* Reads one byte; -1 when nobody answers. */
static int get(uint32_t device, uint8_t sub)
{
    if (!select(device, sub) || !address(device << 1 | 1)) return -1;
    REG(I2C1) &= ~(1u << 10);
    (void)REG(I2C1 + 0x18);
    REG(I2C1) |= 1u << 9;
    while (!(REG(I2C1 + 0x14) & 0x40)) {}
    int value = REG(I2C1 + 0x10);
    while (REG(I2C1 + 0x18) & 2) {}
    return value;
}

static int16_t word(uint32_t device, uint8_t sub)
{
    int low = get(device, sub);
    return (int16_t)(low | get(device, sub + 1) << 8);
}

/* Tenths of a degree, by the part's calibration. */
static int32_t temperature(void)
{
    const uint32_t hts = 0x5F;
    int msb = get(hts, 0x35);
    int32_t t0 = get(hts, 0x32) | (msb & 3) << 8;
    int32_t t1 = get(hts, 0x33) | (msb >> 2 & 3) << 8;
    int32_t x0 = word(hts, 0x3C), x1 = word(hts, 0x3E), x = word(hts, 0x2A);
    return (t0 + (x - x0) * (t1 - t0) / (x1 - x0)) * 10 / 8;
}

static void report(const char *name, int32_t value)
{
    text(name);
    put(' ');
    number(value);
    text("\r\n");
}

int main(void)
{
    clocks();
    alternate(GPIOA, 11, 8);
    alternate(GPIOA, 12, 8);
    REG(USART6 + 0x08) = 0x341;
    REG(USART6 + 0x0C) = 1u << 13 | 1u << 3 | 1u << 2;
    text("board up\r\n");

    REG(GPIOB + 0x04) |= 3u << 8;
    alternate(GPIOB, 8, 4);
    alternate(GPIOB, 9, 4);
    REG(I2C1) = 1u << 15;
    REG(I2C1) = 0;
    REG(I2C1 + 0x04) = 48;
    REG(I2C1 + 0x1C) = 1u << 15 | 40;
    REG(I2C1 + 0x20) = 15;
    REG(I2C1) = 1;
    report("hts221", get(0x5F, 0x0F));
    report("lps22hb", get(0x5C, 0x0F));
    report("lis2mdl", get(0x1E, 0x4F));
    report("lsm6dsl", get(0x6A, 0x0F));
    report("absent", get(0x33, 0x0F));
    set(0x5F, 0x20, 0x85);
    report("temperature", temperature());

    REG(GPIOC) = (REG(GPIOC) & ~(3u << 26)) | 1u << 26;
    REG(SYSCFG + 0x0C) &= ~0xFu;
    REG(GPIOA) &= ~(3u << 8);
    REG(EXTI + 0x0C) |= 1u << 4;
    REG(EXTI) |= 1u << 4;
    NVIC_ISER(0) = 1u << 10 | 1u << 28;

    /* 96 MHz / 9600 / 1000: ten ticks a second. */
    REG(TIM2 + 0x28) = 9599;
    REG(TIM2 + 0x2C) = 999;
    REG(TIM2 + 0x14) = 1;
    REG(TIM2 + 0x10) = 0;
    REG(TIM2 + 0x0C) = 1;
    REG(TIM2) = 1;
    text("running\r\n");

    uint32_t told = 0, echoed = 0;
    for (;;) {
        __asm volatile("wfi");
        if (presses != told) {
            told = presses;
            report("press", (int32_t)told);
        }
        if (ticks >= 10 && !echoed) {
            echoed = 1;
            report("temperature", temperature());
        }
        if (REG(USART6) & 0x20) {
            put('<');
            put((char)REG(USART6 + 0x04));
            put('>');
        }
    }
}
