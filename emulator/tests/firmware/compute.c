/* Prints the workload's checksum. */
#include "target.h"
#include "workload.h"

#ifndef ROUNDS
#define ROUNDS 20
#endif

int main(void)
{
    say_number("checksum", workload(ROUNDS));
    return 0;
}
