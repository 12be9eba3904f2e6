// Ascending merge sort of distinct keys by a Group, whose lanes place all keys of two sorted runs in parallel: a key's
// rank in the merged run is its place in its own run plus the number of smaller keys in the other.
#pragma once

#include <cstdint>

#include "core/host_device.h"

namespace bench_freeze {

// How many of the sorted keys [begin, end) are smaller than `key`.
BENCH_FREEZE_HD inline int64_t count_below(const uint64_t* keys, int64_t begin, int64_t end, uint64_t key) {
  int64_t low = begin;
  while (low < end) {
    const int64_t middle = low + (end - low) / 2;
    if (keys[middle] < key) {
      low = middle + 1;
    } else {
      end = middle;
    }
  }
  return low - begin;
}

// Sorts keys[0, count), which must be distinct, using `spare` of the same size. Returns the one of the two that holds
// the result. The caller syncs before; afterwards every lane may read the result.
template <class Group>
BENCH_FREEZE_HD uint64_t* sort_distinct(const Group& group, uint64_t* keys, uint64_t* spare, int64_t count) {
  uint64_t* from = keys;
  uint64_t* to = spare;
  for (int64_t run = 1; run < count; run *= 2) {
    group.for_each(0, count, [=](int64_t i) {
      const int64_t begin = i & ~(2 * run - 1);
      const int64_t middle = begin + run < count ? begin + run : count;
      const int64_t end = begin + 2 * run < count ? begin + 2 * run : count;
      const uint64_t key = from[i];
      const int64_t place = i < middle ? i + count_below(from, middle, end, key)
                                       : begin + (i - middle) + count_below(from, begin, middle, key);
      to[place] = key;
    });
    group.sync();
    uint64_t* const swapped = from;
    from = to;
    to = swapped;
  }
  return from;
}

}  // namespace bench_freeze
