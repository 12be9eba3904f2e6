// Converts an outcome's masks to the bytes in a table, and back.
#pragma once

#include <cstdint>
#include <cstring>

namespace bench_freeze {

// The default lanes need 5 bytes.
inline void store_mask(uint64_t mask, int64_t bytes, uint8_t* to) {
  if (bytes == 5) {
    const uint32_t low = static_cast<uint32_t>(mask);
    std::memcpy(to, &low, 4);
    to[4] = static_cast<uint8_t>(mask >> 32);
    return;
  }
  for (int64_t b = 0; b < bytes; ++b) to[b] = static_cast<uint8_t>(mask >> (8 * b));
}

inline uint64_t load_mask(const uint8_t* from, int64_t bytes) {
  if (bytes == 5) {
    uint32_t low;
    std::memcpy(&low, from, 4);
    return low | static_cast<uint64_t>(from[4]) << 32;
  }
  uint64_t mask = 0;
  for (int64_t b = 0; b < bytes; ++b) mask |= static_cast<uint64_t>(from[b]) << (8 * b);
  return mask;
}

}  // namespace bench_freeze
