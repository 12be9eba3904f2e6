// Images of any size anywhere on a canvas.
#include "bytes.h"

namespace fuzz {

using namespace bench_freeze;

bool letterbox(Bytes bytes) {
  Image image{};
  image.height = bytes.about(1, 24);
  image.width = bytes.about(1, 24);
  const bool is_small = image.height >= 0 && image.height <= 24 && image.width >= 0 && image.width <= 24;
  image.row_stride = is_small ? 3 * image.width + bytes.within(-1, 4) : bytes.hostile_integer();
  Canvas canvas{};
  canvas.resized_height = bytes.about(1, 24);
  canvas.resized_width = bytes.about(1, 24);
  canvas.top = bytes.about(0, 6);
  canvas.left = bytes.about(0, 6);
  canvas.height = bytes.within(0, 6) + (canvas.resized_height & 31) + (canvas.top & 31);
  canvas.width = bytes.within(0, 6) + (canvas.resized_width & 31) + (canvas.left & 31);
  canvas.fill = static_cast<float>(bytes.within(0, 255)) / 255.0f;
  const bool has_rows = is_small && image.height > 0 && image.row_stride >= 0 && image.row_stride <= 100;
  const int64_t size = has_rows ? (image.height - 1) * image.row_stride + 3 * image.width : 0;
  std::vector<uint8_t> pixels = bytes.list<uint8_t>(size, [&] { return bytes.byte(); });
  image.data = pixels.data();
  std::vector<float> out(static_cast<size_t>(bytes.size(3 * canvas.height * canvas.width)), -1.0f);
  canvas.data = out.data();
  // Memory of another size than the strides tell cannot come from an owner of an array, so it is not tried.
  if (!has_rows) {
    image.row_stride = -1;
    image.height = image.height == 1 ? 2 : image.height;  // one row is read without its stride
  }
  return is_answered([&] {
    check_letterbox(image, bytes.about(3, 3), bytes.about(1, 1), canvas, static_cast<int64_t>(out.size()));
    bench_freeze::letterbox(image, canvas);
    for (const float level : out) EXPECT(level >= 0 && level <= 1);
  });
}

}  // namespace fuzz
