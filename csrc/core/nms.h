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

}  // namespace bench_freeze
