#include "core/letterbox.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "score.h"

namespace bench_freeze {
namespace {

// A pixel is one vector of red, green, blue and the byte that follows: four lanes cost as much as one.
typedef uint8_t Bytes16 __attribute__((vector_size(16)));
typedef int16_t Short8 __attribute__((vector_size(16)));
typedef int32_t Int4 __attribute__((vector_size(16)));
typedef float Float4 __attribute__((vector_size(16)));

inline Float4 load_pixel(const uint8_t* from) {
  int32_t four;
  std::memcpy(&four, from, sizeof four);
  // Written as vector operations, because compilers convert bytes to floats one by one.
  const Bytes16 bytes = reinterpret_cast<Bytes16>(Int4{four, 0, 0, 0});
  const Bytes16 zeros = {};
  const Short8 pairs = reinterpret_cast<Short8>(
      __builtin_shufflevector(bytes, zeros, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23));
  const Int4 levels = reinterpret_cast<Int4>(__builtin_shufflevector(pairs, Short8{}, 0, 8, 1, 9, 2, 10, 3, 11));
  return __builtin_convertvector(levels, Float4);
}

// normalise() for the lanes of a pixel.
inline Float4 normalise_pixel(Float4 level) {
  return __builtin_convertvector(__builtin_convertvector(level + 0.5f, Int4), Float4) / 255.0f;
}

// One source row resized along x; reads one byte past the row's last pixel.
void resize_row(const uint8_t* row, const Tap* taps, int64_t width, Float4* out) {
  for (int64_t x = 0; x < width; ++x) {
    const Float4 first = load_pixel(row + 3 * static_cast<int64_t>(taps[x].first));
    const Float4 second = load_pixel(row + 3 * static_cast<int64_t>(taps[x].second));
    out[x] = blend(first, second, taps[x].fraction);
  }
}

// The two resized source rows around the current output row. Going down, an enlarged image reads the same rows
// repeatedly, and the lower row later becomes the upper one.
class RowPair {
 public:
  RowPair(const Image& image, const Tap* taps, int64_t width)
      : image_(image), taps_(taps), width_(width), memory_(static_cast<size_t>(2 * width)) {
    slots_[0] = memory_.data();
    slots_[1] = memory_.data() + width;
    const uint8_t* last = image.data + (image.height - 1) * image.row_stride;
    last_row_.assign(last, last + 3 * image.width);
    last_row_.push_back(0);  // the byte that resize_row reads past the end
  }

  void move_to(int32_t first, int32_t second) {
    if (first == rows_[1]) {
      std::swap(rows_[0], rows_[1]);
      std::swap(slots_[0], slots_[1]);
    }
    hold(0, first);
    if (second != first) hold(1, second);
  }
  const Float4* upper() const { return slots_[0]; }
  const Float4* lower() const { return rows_[1] >= 0 ? slots_[1] : slots_[0]; }

 private:
  void hold(int slot, int32_t row) {
    if (rows_[slot] == row) return;
    const uint8_t* pixels = row == image_.height - 1 ? last_row_.data() : image_.data + row * image_.row_stride;
    resize_row(pixels, taps_, width_, slots_[slot]);
    rows_[slot] = row;
  }

  const Image& image_;
  const Tap* taps_;
  int64_t width_;
  std::vector<Float4> memory_;
  std::vector<uint8_t> last_row_;
  Float4* slots_[2];
  int32_t rows_[2] = {-1, -1};
};

// Writes the output row between two resized rows, split into its planes, four pixels at a time.
void blend_rows(const Float4* upper, const Float4* lower, float fraction, int64_t width, float* red, float* green,
                float* blue) {
  int64_t x = 0;
  for (; x + 4 <= width; x += 4) {
    const Float4 a = normalise_pixel(blend(upper[x], lower[x], fraction));
    const Float4 b = normalise_pixel(blend(upper[x + 1], lower[x + 1], fraction));
    const Float4 c = normalise_pixel(blend(upper[x + 2], lower[x + 2], fraction));
    const Float4 d = normalise_pixel(blend(upper[x + 3], lower[x + 3], fraction));
    const Float4 ab = __builtin_shufflevector(a, b, 0, 4, 1, 5);  // red, red, green, green
    const Float4 cd = __builtin_shufflevector(c, d, 0, 4, 1, 5);
    const Float4 reds = __builtin_shufflevector(ab, cd, 0, 1, 4, 5);
    const Float4 greens = __builtin_shufflevector(ab, cd, 2, 3, 6, 7);
    const Float4 ab_blue = __builtin_shufflevector(a, b, 2, 6, 3, 7);
    const Float4 cd_blue = __builtin_shufflevector(c, d, 2, 6, 3, 7);
    const Float4 blues = __builtin_shufflevector(ab_blue, cd_blue, 0, 1, 4, 5);
    std::memcpy(red + x, &reds, sizeof reds);
    std::memcpy(green + x, &greens, sizeof greens);
    std::memcpy(blue + x, &blues, sizeof blues);
  }
  for (; x < width; ++x) {
    const Float4 pixel = normalise_pixel(blend(upper[x], lower[x], fraction));
    red[x] = pixel[0];
    green[x] = pixel[1];
    blue[x] = pixel[2];
  }
}

class Painter {
 public:
  Painter(const Image& image, const Canvas& canvas) : image_(image), canvas_(canvas) {}

  void fill_border() const {
    const int64_t bottom = canvas_.top + canvas_.resized_height;
    const int64_t right = canvas_.left + canvas_.resized_width;
    for (int64_t channel = 0; channel < 3; ++channel) {
      std::fill(at(channel, 0), at(channel, canvas_.top), canvas_.fill);
      for (int64_t y = canvas_.top; y < bottom; ++y) {
        std::fill(at(channel, y), at(channel, y) + canvas_.left, canvas_.fill);
        std::fill(at(channel, y) + right, at(channel, y + 1), canvas_.fill);
      }
      std::fill(at(channel, bottom), at(channel, canvas_.height), canvas_.fill);
    }
  }

  // An image that already has its size is only normalised.
  void copy() const {
    float grey[256];
    for (int level = 0; level < 256; ++level) grey[level] = normalise(static_cast<float>(level));
    for (int64_t y = 0; y < image_.height; ++y) {
      const uint8_t* pixel = image_.data + y * image_.row_stride;
      float* red = at(0, canvas_.top + y) + canvas_.left;
      float* green = at(1, canvas_.top + y) + canvas_.left;
      float* blue = at(2, canvas_.top + y) + canvas_.left;
      for (int64_t x = 0; x < image_.width; ++x, pixel += 3) {
        red[x] = grey[pixel[0]];
        green[x] = grey[pixel[1]];
        blue[x] = grey[pixel[2]];
      }
    }
  }

  void resize() const {
    const int64_t width = canvas_.resized_width;
    std::vector<Tap> columns(static_cast<size_t>(width));
    for (int64_t x = 0; x < width; ++x) columns[x] = make_tap(x, image_.width, width);
    RowPair rows(image_, columns.data(), width);
    for (int64_t y = 0; y < canvas_.resized_height; ++y) {
      const Tap tap = make_tap(y, image_.height, canvas_.resized_height);
      rows.move_to(tap.first, tap.second);
      const int64_t row = canvas_.top + y;
      blend_rows(rows.upper(), rows.lower(), tap.fraction, width, at(0, row) + canvas_.left, at(1, row) + canvas_.left,
                 at(2, row) + canvas_.left);
    }
  }

 private:
  float* at(int64_t channel, int64_t y) const { return canvas_.data + (channel * canvas_.height + y) * canvas_.width; }

  const Image& image_;
  const Canvas& canvas_;
};

}  // namespace

void letterbox(const Image& image, const Canvas& canvas) {
  const Painter painter(image, canvas);
  painter.fill_border();
  if (image.height == canvas.resized_height && image.width == canvas.resized_width) {
    painter.copy();
  } else {
    painter.resize();
  }
}

}  // namespace bench_freeze
