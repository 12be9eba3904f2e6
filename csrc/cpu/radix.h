// Stable ascending sort of 64-bit items by their upper 32 bits; the lower ones travel along.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace bench_freeze {

// Sorts items[0, count) in place; `spare` is memory that a caller keeps between calls.
inline void sort_by_upper_half(uint64_t* items, int64_t count, std::vector<uint64_t>* spare) {
  constexpr int64_t kFew = 96;  // below it, clearing the counters costs more than comparing
  if (count <= kFew) {
    for (int64_t i = 1; i < count; ++i) {
      const uint64_t item = items[i];
      int64_t hole = i;
      for (; hole > 0 && (items[hole - 1] >> 32) > (item >> 32); --hole) items[hole] = items[hole - 1];
      items[hole] = item;
    }
    return;
  }
  constexpr int kDigitBits[] = {11, 11, 10};
  if (static_cast<int64_t>(spare->size()) < count) spare->resize(static_cast<size_t>(count));
  uint64_t* from = items;
  uint64_t* to = spare->data();
  int shift = 32;
  for (const int bits : kDigitBits) {
    int64_t begin[2048] = {};
    const uint64_t digit = (uint64_t{1} << bits) - 1;
    for (int64_t i = 0; i < count; ++i) ++begin[(from[i] >> shift) & digit];
    int64_t total = 0;
    for (uint64_t d = 0; d <= digit; ++d) {
      const int64_t here = begin[d];
      begin[d] = total;
      total += here;
    }
    for (int64_t i = 0; i < count; ++i) to[begin[(from[i] >> shift) & digit]++] = from[i];
    std::swap(from, to);
    shift += bits;
  }
  if (from != items) std::copy(from, from + count, items);
}

}  // namespace bench_freeze
