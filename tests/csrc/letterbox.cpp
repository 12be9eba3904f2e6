// The letterbox that the GPU runs, by every host double, against the CPU's, on odd sizes: the same numbers. Exits with
// 1 and names the first difference.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "core/letterbox_band.h"
#include "doubles.h"
#include "letterboxes.h"

using namespace bench_freeze;

namespace {

template <class Run>
void compare(const Image& image, const Size& size, const std::vector<float>& expected, const char* how,
             const Run& run) {
  std::vector<float> found;
  const Canvas canvas = place(size, &found);
  for (int64_t band = (canvas.height - 1) / kBandRows; band >= 0; --band) {  // blocks start in any order
    const auto shared = shared_memory<BandShared>();
    run([&](const auto& group) { letterbox_band(group, image, canvas, band, shared.get()); });
  }
  for (size_t i = 0; i < expected.size(); ++i) {
    if (std::memcmp(&found[i], &expected[i], sizeof(float)) == 0) continue;
    std::fprintf(stderr, "DIFFERENT: %ld x %ld on %ld, %s, element %zu: %.9g for %.9g\n",
                 static_cast<long>(size.height), static_cast<long>(size.width), static_cast<long>(size.canvas), how, i,
                 found[i], expected[i]);
    std::exit(1);
  }
}

}  // namespace

int main() {
  std::mt19937 random(0);
  for (const Size& size : kLetterboxSizes) {
    for (const int64_t padding : {0, 5}) {
      const int64_t stride = 3 * size.width + padding;
      std::vector<uint8_t> pixels(static_cast<size_t>(size.height * stride));
      for (uint8_t& level : pixels) level = static_cast<uint8_t>(random());
      const Image image{pixels.data(), size.height, size.width, stride};
      std::vector<float> expected;
      letterbox(image, place(size, &expected));
      compare(image, size, expected, "serial", Serial{});
      compare(image, size, expected, "shuffled", Shuffled{&random});
      if (size.canvas < 100) compare(image, size, expected, "3 threads", Threads{3});
    }
  }
  std::puts("equal");
}
