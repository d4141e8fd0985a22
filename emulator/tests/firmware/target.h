/* What the test programs need of the core, in as few lines as possible. */
#ifndef TARGET_H
#define TARGET_H

#include <stdint.h>

#define REG(address) (*(volatile uint32_t *)(address))
#define SYST_CSR REG(0xE000E010)
#define SYST_RVR REG(0xE000E014)
#define SYST_CVR REG(0xE000E018)
#define NVIC_ISER(n) REG(0xE000E100 + 4 * (n))
#define NVIC_ISPR(n) REG(0xE000E200 + 4 * (n))
#define NVIC_IPR(n) (*(volatile uint8_t *)(0xE000E400 + (n)))
#define ICSR REG(0xE000ED04)
#define VTOR REG(0xE000ED08)
#define AIRCR REG(0xE000ED0C)
#define CCR REG(0xE000ED14)
#define SHPR(n) (*(volatile uint8_t *)(0xE000ED18 + (n) - 4))
#define SHCSR REG(0xE000ED24)
#define CFSR REG(0xE000ED28)
#define HFSR REG(0xE000ED2C)
#define BFAR REG(0xE000ED38)
#define CPACR REG(0xE000ED88)
#define STIR REG(0xE000EF00)
#define DEMCR REG(0xE000EDFC)
#define DWT_CTRL REG(0xE0001000)
#define DWT_CYCCNT REG(0xE0001004)

typedef void (*handler)(void);
/* Filled at run time; VTOR points to it once main has started. */
extern handler vectors[112];

void say(const char *text);
void say_number(const char *name, uint32_t value);
/* Prints the two and ends the program with code 1 when they differ. */
void expect(const char *name, uint32_t got, uint32_t wanted);
void finish(int code) __attribute__((noreturn));
int main(void);

#endif
