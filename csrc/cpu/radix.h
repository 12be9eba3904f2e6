// Stable ascending sort of 64-bit items by their upper 32 bits; the lower bits are carried along.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace bench_freeze {

// One pass per digit of kBits, lowest first; a single read counts all digits.
template <int kBits>
void sort_by_digits(uint64_t* items, int64_t count, uint64_t* spare) {
  constexpr int kDigits = (32 + kBits - 1) / kBits;
  constexpr uint32_t kMask = (uint32_t{1} << kBits) - 1;
  uint32_t begin[kDigits][kMask + 1] = {};
  for (int64_t i = 0; i < count; ++i) {
    for (int d = 0; d < kDigits; ++d) ++begin[d][(items[i] >> (32 + d * kBits)) & kMask];
  }
  uint64_t* from = items;
  uint64_t* to = spare;
  for (int d = 0; d < kDigits; ++d) {
    uint32_t total = 0;
    for (uint32_t& place : begin[d]) {
      const uint32_t here = place;
      place = total;
      total += here;
    }
    for (int64_t i = 0; i < count; ++i) to[begin[d][(from[i] >> (32 + d * kBits)) & kMask]++] = from[i];
    std::swap(from, to);
  }
  if (from != items) std::copy(from, from + count, items);
}

// Sorts items[0, count), fewer than 2^32, in place; the caller can keep the memory of `spare` between calls.
inline void sort_by_upper_half(uint64_t* items, int64_t count, std::vector<uint64_t>* spare) {
  constexpr int64_t kFew = 96;     // below it, clearing the counters costs more than comparing
  constexpr int64_t kMany = 8192;  // from it on, a pass costs more than larger counters
  if (count <= kFew) {
    for (int64_t i = 1; i < count; ++i) {
      const uint64_t item = items[i];
      int64_t hole = i;
      for (; hole > 0 && (items[hole - 1] >> 32) > (item >> 32); --hole) items[hole] = items[hole - 1];
      items[hole] = item;
    }
    return;
  }
  if (static_cast<int64_t>(spare->size()) < count) spare->resize(static_cast<size_t>(count));
  if (count < kMany) {
    sort_by_digits<8>(items, count, spare->data());
  } else {
    sort_by_digits<11>(items, count, spare->data());
  }
}

}  // namespace bench_freeze
