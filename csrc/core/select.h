// The k-th smallest of many distinct keys, found digit by digit from the top, without storing or sorting them.
#pragma once

#include <cstdint>

#include "core/host_device.h"

namespace bench_freeze {

// Shared by the lanes of one group.
struct SelectShared {
  static constexpr int32_t kDigitBits = 8;
  uint32_t counts[1 << kDigitBits];
};

// `visit(function)` calls function(key) for every key, spread over the group's lanes, with the same keys each time. `k`
// is from 1 to their number. Equal keys count as often as they are visited.
template <class Group, class Visit>
BENCH_FREEZE_HD uint64_t select_smallest(const Group& group, const Visit& visit, int64_t k, SelectShared* shared) {
  constexpr int32_t kDigits = 1 << SelectShared::kDigitBits;
  uint64_t prefix = 0;  // the digits found so far
  int64_t rank = k;     // among the keys that begin with them
  for (int32_t shift = 64 - SelectShared::kDigitBits; shift >= 0; shift -= SelectShared::kDigitBits) {
    group.for_each(0, kDigits, [=](int64_t digit) { shared->counts[digit] = 0; });
    group.sync();
    visit([&](uint64_t key) {
      // The digits above this one; two shifts, since a shift by 64 is undefined.
      if ((key >> shift >> SelectShared::kDigitBits) != prefix) return;
      group.add(&shared->counts[(key >> shift) & (kDigits - 1)], 1);
    });
    group.sync();
    int32_t digit = 0;
    while (digit < kDigits - 1 && shared->counts[digit] < rank) rank -= shared->counts[digit++];
    prefix = prefix << SelectShared::kDigitBits | static_cast<uint64_t>(digit);
    group.sync();
  }
  return prefix;
}

}  // namespace bench_freeze
