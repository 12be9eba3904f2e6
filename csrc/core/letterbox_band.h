// A band of rows of a letterboxed canvas, written by a Group: the same values as the CPU's vectors, pixel by pixel.
#pragma once

#include <cstdint>

#include "core/group.h"
#include "core/letterbox.h"
#include "score.h"

namespace bench_freeze {

// A tap needs a division in double, which is slow on most GPUs, so a column's tap is computed once for this many rows.
constexpr int64_t kBandRows = 8;

struct BandShared {
  Tap rows[kBandRows];
};

// The grey level of one channel between two pixels of a source row.
BENCH_FREEZE_HD inline float level_in_row(const uint8_t* row, const Tap& column, int64_t channel) {
  return blend(static_cast<float>(row[3 * static_cast<int64_t>(column.first) + channel]),
               static_cast<float>(row[3 * static_cast<int64_t>(column.second) + channel]), column.fraction);
}

// Writes the band's rows, from kBandRows * band on, in all three planes. No two lanes write the same pixel.
template <class Group>
BENCH_FREEZE_HD void letterbox_band(const Group& group, const Image& image, const Canvas& canvas, int64_t band,
                                    BandShared* shared) {
  const int64_t plane = canvas.height * canvas.width;
  const int64_t begin = band * kBandRows;
  const int64_t end = begin + kBandRows < canvas.height ? begin + kBandRows : canvas.height;
  const auto is_inside = [&](int64_t y) { return y >= canvas.top && y < canvas.top + canvas.resized_height; };
  group.for_each(begin, end, [&](int64_t y) {
    if (is_inside(y)) shared->rows[y - begin] = make_tap(y - canvas.top, image.height, canvas.resized_height);
  });
  group.sync();
  group.for_each(0, canvas.width, [&](int64_t x) {
    const bool is_border = x < canvas.left || x >= canvas.left + canvas.resized_width;
    const Tap column = is_border ? Tap{0, 0, 0.0f} : make_tap(x - canvas.left, image.width, canvas.resized_width);
    for (int64_t y = begin; y < end; ++y) {
      float* out = canvas.data + y * canvas.width + x;
      if (is_border || !is_inside(y)) {
        for (int64_t channel = 0; channel < 3; ++channel) out[channel * plane] = canvas.fill;
        continue;
      }
      const Tap row = shared->rows[y - begin];
      const uint8_t* upper = image.data + row.first * image.row_stride;
      const uint8_t* lower = image.data + row.second * image.row_stride;
      for (int64_t channel = 0; channel < 3; ++channel) {
        out[channel * plane] =
            normalise(blend(level_in_row(upper, column, channel), level_in_row(lower, column, channel), row.fraction));
      }
    }
  });
}

}  // namespace bench_freeze
