// Rows of a table by (class, image), in the order of the file within both.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace bench_freeze {

struct Grouping {
  std::vector<int32_t> rows;
  std::vector<int64_t> class_begin;  // [K + 1], positions in `rows`
};

// Stable; two counting passes, so that memory grows with images + classes and not with their product.
inline Grouping group_rows(int64_t count, const int32_t* image, int64_t images, const int32_t* label, int64_t classes) {
  std::vector<int64_t> next(static_cast<size_t>(images) + 1, 0);
  for (int64_t row = 0; row < count; ++row) ++next[image[row] + 1];
  for (int64_t i = 0; i < images; ++i) next[i + 1] += next[i];
  std::vector<int32_t> by_image(static_cast<size_t>(count));
  for (int64_t row = 0; row < count; ++row) by_image[next[image[row]]++] = static_cast<int32_t>(row);

  Grouping grouping;
  grouping.class_begin.assign(static_cast<size_t>(classes) + 1, 0);
  for (int64_t row = 0; row < count; ++row) ++grouping.class_begin[label[row] + 1];
  for (int64_t k = 0; k < classes; ++k) grouping.class_begin[k + 1] += grouping.class_begin[k];
  next.assign(grouping.class_begin.begin(), grouping.class_begin.end());
  grouping.rows.resize(static_cast<size_t>(count));
  for (const int32_t row : by_image) grouping.rows[next[label[row]]++] = row;
  return grouping;
}

}  // namespace bench_freeze
