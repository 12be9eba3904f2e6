// Images and canvases of odd sizes, for every test of the letterbox.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

#include "score.h"

namespace bench_freeze {

struct Size {
  int64_t height, width, canvas;
};

constexpr Size kLetterboxSizes[] = {{1, 1, 32},     {1, 7, 32},      {7, 1, 32},    {3, 2, 33},   {31, 47, 64},
                                    {480, 640, 96}, {427, 640, 95},  {97, 101, 32}, {33, 33, 33}, {13, 640, 64},
                                    {640, 13, 65},  {479, 641, 320}, {65, 127, 640}};

// As data/letterbox.py places an image.
inline Canvas place(const Size& size, float* memory) {
  const double scale = static_cast<double>(size.canvas) / static_cast<double>(std::max(size.height, size.width));
  const auto fit = [&](int64_t side) { return std::max<int64_t>(1, static_cast<int64_t>(side * scale + 0.5)); };
  const int64_t height = std::min(fit(size.height), size.canvas), width = std::min(fit(size.width), size.canvas);
  return {memory, size.canvas, size.canvas,    (size.canvas - height) / 2, (size.canvas - width) / 2,
          height, width,       114.0f / 255.0f};
}

// A canvas in `memory`, which is made large enough and filled with rubbish.
inline Canvas place(const Size& size, std::vector<float>* memory) {
  memory->resize(static_cast<size_t>(3 * size.canvas * size.canvas));
  std::memset(memory->data(), 0xa5, memory->size() * sizeof(float));
  return place(size, memory->data());
}

}  // namespace bench_freeze
