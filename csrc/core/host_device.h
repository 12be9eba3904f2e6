// Marks functions that both back ends compile: the CPU's and, under nvcc, the GPU's.
#pragma once

#ifdef __CUDACC__
#define BENCH_FREEZE_HD __host__ __device__
#else
#define BENCH_FREEZE_HD
#endif
