/* The same checksum on the machine that runs the tests. */
#include <stdio.h>
#include <stdlib.h>
#include "workload.h"

int main(int argc, char **argv)
{
    (void)argc;
    printf("checksum %08x\n", (unsigned)workload((uint32_t)atoi(argv[1])));
    return 0;
}
