/* A workload whose checksum must be the same on the target and on the host that compiles it. */
#ifndef WORKLOAD_H
#define WORKLOAD_H
#include <stdint.h>
/* One number for `rounds` of everything. */
uint32_t workload(uint32_t rounds);
#endif
