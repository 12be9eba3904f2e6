// A Group is who works on one task together: one thread on the CPU, one block on the GPU.
//
// An algorithm written against it may run `for_each` in any order and on any lane, places `sync()` between a write and
// another lane's read of it, never inside a branch that depends on the data, and sets shared bits through `set_bits`.
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
  BENCH_FREEZE_HD void set_bits(uint64_t* word, uint64_t bits) const { *word |= bits; }
};

}  // namespace bench_freeze
