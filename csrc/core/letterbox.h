// Bilinear sampling with half-pixel centres and no antialiasing, as in OpenCV's INTER_LINEAR.
#pragma once

#include <cstdint>

#include "core/host_device.h"

namespace bench_freeze {

// One output position along one axis: a blend of two neighbouring source positions.
struct Tap {
  int32_t first;
  int32_t second;
  float fraction;  // weight of `second`, in [0, 1)
};

BENCH_FREEZE_HD inline Tap make_tap(int64_t position, int64_t source_size, int64_t target_size) {
  const double centre =
      (static_cast<double>(position) + 0.5) * static_cast<double>(source_size) / static_cast<double>(target_size) - 0.5;
  if (centre <= 0) return {0, 0, 0.0f};
  const int64_t first = static_cast<int64_t>(centre);
  const int32_t last = static_cast<int32_t>(source_size - 1);
  if (first >= last) return {last, last, 0.0f};
  return {static_cast<int32_t>(first), static_cast<int32_t>(first + 1),
          static_cast<float>(centre - static_cast<double>(first))};
}

// `Level` is one float, or a vector of them.
template <class Level>
BENCH_FREEZE_HD inline Level blend(Level first, Level second, float fraction) {
  return first + (second - first) * fraction;
}

// Grey levels are rounded to integers, as in an image that is resized before it is normalised.
BENCH_FREEZE_HD inline float normalise(float level) {
  return static_cast<float>(static_cast<int32_t>(level + 0.5f)) / 255.0f;
}

}  // namespace bench_freeze
