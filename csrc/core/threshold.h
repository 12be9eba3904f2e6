// "Strictly above the score threshold" for both types of a head: float16 bits give the same decision as the floats that
// they represent.
#pragma once

#include <cstdint>

#include "core/box.h"
#include "core/host_device.h"
#include "core/order.h"

namespace bench_freeze {

// Largest float16, in half_order, that is not above `threshold`.
inline int32_t half_floor(float threshold) {
  int32_t low = half_order(static_cast<int16_t>(0xfc00));  // -infinity
  int32_t high = half_order(0x7c00);
  while (low < high) {
    const int32_t middle = low + (high - low + 1) / 2;
    const int16_t bits = half_order(static_cast<int16_t>(middle));  // its own inverse
    if (half_to_float(static_cast<uint16_t>(bits)) <= threshold) {
      low = middle;
    } else {
      high = middle - 1;
    }
  }
  return low;
}

struct ScoreThreshold {
  float value = 0;
  int32_t floor_of_halves = 0;

  ScoreThreshold() = default;
  explicit ScoreThreshold(float threshold) : value(threshold), floor_of_halves(half_floor(threshold)) {}

  BENCH_FREEZE_HD bool passes(float score) const { return score > value; }
  BENCH_FREEZE_HD bool passes(int16_t bits) const { return half_order(bits) > floor_of_halves && is_number(bits); }

  // As bits, NaN orders above infinity; as a float, it is above nothing.
  BENCH_FREEZE_HD static bool is_number(int16_t bits) { return (bits & 0x7fff) <= 0x7c00; }
};

// A value of a head as a float, whatever its stored type.
BENCH_FREEZE_HD inline float to_float(float value) { return value; }
BENCH_FREEZE_HD inline float to_float(int16_t bits) { return half_to_float(static_cast<uint16_t>(bits)); }
BENCH_FREEZE_HD inline bool is_sound(float value) { return is_finite(value); }
BENCH_FREEZE_HD inline bool is_sound(int16_t bits) { return (bits & 0x7fff) <= 0x7bff; }

}  // namespace bench_freeze
