// One row of a letterboxed canvas, written by a Group: what the CPU's vectors compute, a pixel at a time.
#pragma once

#include <cstdint>

#include "core/group.h"
#include "core/letterbox.h"
#include "score.h"

namespace bench_freeze {

// The grey level of one channel between two pixels of a source row.
BENCH_FREEZE_HD inline float level_in_row(const uint8_t* row, const Tap& column, int64_t channel) {
  return blend(static_cast<float>(row[3 * static_cast<int64_t>(column.first) + channel]),
               static_cast<float>(row[3 * static_cast<int64_t>(column.second) + channel]), column.fraction);
}

// Every pixel of canvas row `y` in all three planes. Lanes write apart from each other.
template <class Group>
BENCH_FREEZE_HD void letterbox_row(const Group& group, const Image& image, const Canvas& canvas, int64_t y) {
  const int64_t plane = canvas.height * canvas.width;
  float* out = canvas.data + y * canvas.width;
  const bool is_inside = y >= canvas.top && y < canvas.top + canvas.resized_height;
  const Tap row = is_inside ? make_tap(y - canvas.top, image.height, canvas.resized_height) : Tap{0, 0, 0.0f};
  const uint8_t* upper = image.data + row.first * image.row_stride;
  const uint8_t* lower = image.data + row.second * image.row_stride;
  group.for_each(0, canvas.width, [&](int64_t x) {
    if (!is_inside || x < canvas.left || x >= canvas.left + canvas.resized_width) {
      for (int64_t channel = 0; channel < 3; ++channel) out[channel * plane + x] = canvas.fill;
      return;
    }
    const Tap column = make_tap(x - canvas.left, image.width, canvas.resized_width);
    for (int64_t channel = 0; channel < 3; ++channel) {
      const float level =
          blend(level_in_row(upper, column, channel), level_in_row(lower, column, channel), row.fraction);
      out[channel * plane + x] = normalise(level);
    }
  });
}

}  // namespace bench_freeze
