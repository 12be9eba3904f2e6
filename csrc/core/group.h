// A Group is the set of lanes that work on one task together: one thread on the CPU, one block on the GPU.
//
// `for_each` may run in any order and on any lane. An algorithm places `sync()` between a write and another lane's read
// of it, and never where only some lanes would reach it. Words that several lanes write between two syncs are accessed
// only through the members below, each of which is one atomic step.
#pragma once

#include <cstdint>

#include "core/host_device.h"

namespace bench_freeze {

struct SerialGroup {
  template <class Function>
  BENCH_FREEZE_HD void for_each(int64_t begin, int64_t end, Function&& function) const {
    for (int64_t i = begin; i < end; ++i) function(i);
  }
  BENCH_FREEZE_HD void sync() const {}
  BENCH_FREEZE_HD uint64_t bits(const uint64_t* word) const { return *word; }
  BENCH_FREEZE_HD void set_bits(uint64_t* word, uint64_t bits) const { *word |= bits; }
  BENCH_FREEZE_HD void raise(uint64_t* word, uint64_t value) const { *word = *word < value ? value : *word; }
  // Returns the value before the addition.
  BENCH_FREEZE_HD uint32_t add(uint32_t* word, uint32_t value) const {
    const uint32_t before = *word;
    *word = before + value;
    return before;
  }
};

#ifdef __CUDACC__
// One block, any number of threads along x.
struct BlockGroup {
  template <class Function>
  __device__ void for_each(int64_t begin, int64_t end, Function&& function) const {
    for (int64_t i = begin + threadIdx.x; i < end; i += blockDim.x) function(i);
  }
  __device__ void sync() const { __syncthreads(); }
  // Volatile, so that the compiler does not reuse an old copy of a word that other lanes write.
  __device__ uint64_t bits(const uint64_t* word) const { return *static_cast<const volatile uint64_t*>(word); }
  __device__ void set_bits(uint64_t* word, uint64_t bits) const {
    atomicOr(reinterpret_cast<unsigned long long*>(word), static_cast<unsigned long long>(bits));
  }
  __device__ void raise(uint64_t* word, uint64_t value) const {
    atomicMax(reinterpret_cast<unsigned long long*>(word), static_cast<unsigned long long>(value));
  }
  __device__ uint32_t add(uint32_t* word, uint32_t value) const { return atomicAdd(word, value); }
};
#endif

// Position of the lowest set bit; `word` is not 0.
BENCH_FREEZE_HD inline int32_t lowest_bit(uint64_t word) {
#ifdef __CUDA_ARCH__
  return __ffsll(static_cast<long long>(word)) - 1;
#else
  return __builtin_ctzll(word);
#endif
}

}  // namespace bench_freeze
