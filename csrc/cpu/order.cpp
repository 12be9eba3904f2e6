#include <cstddef>
#include <cstring>
#include <vector>

#include "score.h"

namespace bench_freeze {

void order_by_image(int64_t rows, const int32_t* image, int64_t images, int64_t* begin, int32_t* order) {
  std::memset(begin, 0, static_cast<size_t>(images + 1) * sizeof *begin);
  for (int64_t row = 0; row < rows; ++row) ++begin[image[row] + 1];
  for (int64_t i = 0; i < images; ++i) begin[i + 1] += begin[i];
  std::vector<int64_t> next(begin, begin + images);
  for (int64_t row = 0; row < rows; ++row) order[next[image[row]]++] = static_cast<int32_t>(row);
}

}  // namespace bench_freeze
