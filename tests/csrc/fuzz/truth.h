// Ground truth and lanes, as the evaluator and the bootstrap take them.
#pragma once

#include <algorithm>

#include "bytes.h"

namespace fuzz {

struct DrawnTruth {
  int64_t images, classes, rows;
  std::vector<int64_t> begin;
  std::vector<int32_t> label;
  std::vector<double> boxes, area;
  std::vector<uint8_t> is_crowd, is_void;

  explicit DrawnTruth(Bytes* bytes)
      : images(bytes->within(0, 6)),
        classes(bytes->within(0, 5)),
        rows(images == 0 || classes == 0 ? 0 : bytes->within(0, 12)),
        begin(bytes->begins(images, rows)) {
    label = bytes->list<int32_t>(bytes->size(rows), [&] { return bytes->about(0, std::max<int64_t>(classes - 1, 0)); });
    if (!bytes->is_hostile() || bytes->byte() < 240) sort_by_image();
    boxes = bytes->numbers(bytes->size(4 * rows));
    area = bytes->numbers(bytes->size(rows));
    is_crowd = bytes->list<uint8_t>(bytes->size(rows), [&] { return bytes->byte() % 4 == 3; });
    is_void = bytes->list<uint8_t>(bytes->size(rows), [&] { return bytes->byte() % 4 == 3; });
  }

  bench_freeze::TruthArrays arrays() const {
    return {classes, whole(begin), whole(label), whole(boxes), whole(area), whole(is_crowd), whole(is_void)};
  }

 private:
  void sort_by_image() {
    const int64_t size = static_cast<int64_t>(label.size());
    for (size_t i = 1; i < begin.size(); ++i) {
      const int64_t from = std::clamp<int64_t>(begin[i - 1], 0, size);
      const int64_t to = std::clamp<int64_t>(begin[i], from, size);
      std::sort(label.begin() + from, label.begin() + to);
    }
  }
};

struct DrawnLanes {
  int32_t rule;
  std::vector<double> thresholds, areas;

  explicit DrawnLanes(Bytes* bytes) : rule(static_cast<int32_t>(bytes->about(0, 2))) {
    thresholds = bytes->numbers(bytes->about(1, 10) & 127);
    const int64_t most = thresholds.empty() ? 7 : 64 / static_cast<int64_t>(thresholds.size());
    areas = bytes->numbers(2 * (bytes->about(1, std::max<int64_t>(1, std::min<int64_t>(7, most))) & 127));
    for (double& area : areas) {
      if (area < 0) area = -area;
    }
  }

  bench_freeze::MatchSettings settings() const {
    return bench_freeze::checked_settings(rule, whole(thresholds), whole(areas));
  }
};

inline int64_t mask_bytes_of(const bench_freeze::MatchSettings& settings) {
  return (settings.iou_thresholds_count * settings.area_ranges_count + 7) / 8;
}

template <class Item>
void expect_within(const std::vector<Item>& values, Item low, Item high) {
  for (const Item value : values) EXPECT(value >= low && value <= high);
}

}  // namespace fuzz
