// Greedy suppression of one class: candidates come in the total order, and one is dropped when a box kept before it
// overlaps it by more than the threshold.
#pragma once

#include <cstdint>

#include "core/box.h"
#include "core/host_device.h"

namespace bench_freeze {

// The decision both back ends share: strictly above, in float32 throughout.
BENCH_FREEZE_HD inline bool suppresses(const BoxXyxy& kept, float kept_area, const BoxXyxy& box, float area,
                                       float iou_threshold) {
  return iou_xyxy(kept, kept_area, box, area) > iou_threshold;
}

// Kept boxes as columns, in blocks of kBlock: a partly filled block ends in boxes that suppress nothing, so that a
// block is always compared whole and the compiler can do it in vectors.
struct KeptBoxes {
  static constexpr int32_t kBlock = 8;
  float* x1;
  float* y1;
  float* x2;
  float* y2;
  float* area;

  BENCH_FREEZE_HD void set(int64_t i, const BoxXyxy& box, float box_area) const {
    x1[i] = box.x1;
    y1[i] = box.y1;
    x2[i] = box.x2;
    y2[i] = box.y2;
    area[i] = box_area;
  }

  // An inside-out box overlaps nothing, so its IoU is 0, or NaN where the other box has no area.
  BENCH_FREEZE_HD void set_empty(int64_t i) const { set(i, {1, 1, -1, -1}, 0); }

  BENCH_FREEZE_HD bool block_suppresses(int64_t begin, const BoxXyxy& box, float box_area, float iou_threshold) const {
    int32_t hits = 0;
    for (int64_t i = begin; i < begin + kBlock; ++i) {
      hits |= suppresses({x1[i], y1[i], x2[i], y2[i]}, area[i], box, box_area, iou_threshold);
    }
    return hits != 0;
  }
};

}  // namespace bench_freeze
