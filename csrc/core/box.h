// Boxes and their overlap. Each formula keeps the operations, their order and the scalar type of the program whose
// decisions it must reproduce. Compile without floating-point contraction.
#pragma once

#include <cstdint>

#include "core/host_device.h"

namespace bench_freeze {

enum class BoxFormat : int32_t { kCxcywh, kXyxy };

struct BoxXyxy {
  float x1, y1, x2, y2;
};

BENCH_FREEZE_HD inline BoxXyxy decode_box(BoxFormat format, float a, float b, float c, float d) {
  if (format == BoxFormat::kXyxy) return {a, b, c, d};
  return {a - c / 2, b - d / 2, a + c / 2, b + d / 2};
}

BENCH_FREEZE_HD inline float box_area(const BoxXyxy& box) { return (box.x2 - box.x1) * (box.y2 - box.y1); }

// Only for NaN and the infinities is the difference from itself not zero.
BENCH_FREEZE_HD inline bool is_finite(float value) { return value - value == 0; }

BENCH_FREEZE_HD inline bool is_finite(const BoxXyxy& box) {
  return is_finite(box.x1) && is_finite(box.y1) && is_finite(box.x2) && is_finite(box.y2);
}

// IoU for NMS, as in torchvision: float32, union = a + b - intersection. Two boxes without area give NaN, which exceeds
// no threshold.
BENCH_FREEZE_HD inline float iou_xyxy(const BoxXyxy& a, float area_a, const BoxXyxy& b, float area_b) {
  const float left = a.x1 > b.x1 ? a.x1 : b.x1;
  const float top = a.y1 > b.y1 ? a.y1 : b.y1;
  const float right = a.x2 < b.x2 ? a.x2 : b.x2;
  const float bottom = a.y2 < b.y2 ? a.y2 : b.y2;
  const float width = right - left > 0 ? right - left : 0;
  const float height = bottom - top > 0 ? bottom - top : 0;
  const float intersection = width * height;
  return intersection / (area_a + area_b - intersection);
}

// IoU for matching, as in COCO: float64 from left, top, width, height. The overlap with a crowd is the share of the
// detection that lies in it.
BENCH_FREEZE_HD inline double iou_xywh(const double* detection, const double* truth, bool is_crowd) {
  const double detection_right = detection[2] + detection[0];
  const double truth_right = truth[2] + truth[0];
  const double width = (detection_right < truth_right ? detection_right : truth_right) -
                       (detection[0] > truth[0] ? detection[0] : truth[0]);
  if (width <= 0) return 0;
  const double detection_bottom = detection[3] + detection[1];
  const double truth_bottom = truth[3] + truth[1];
  const double height = (detection_bottom < truth_bottom ? detection_bottom : truth_bottom) -
                        (detection[1] > truth[1] ? detection[1] : truth[1]);
  if (height <= 0) return 0;
  const double intersection = width * height;
  const double detection_area = detection[2] * detection[3];
  if (is_crowd) return intersection / detection_area;
  return intersection / (detection_area + truth[2] * truth[3] - intersection);
}

// IoU as in Ultralytics' validation: float32 corners, 1e-7 added to the union.
BENCH_FREEZE_HD inline double iou_float32(const double* detection, const double* truth) {
  const BoxXyxy a = {static_cast<float>(truth[0]), static_cast<float>(truth[1]),
                     static_cast<float>(truth[0] + truth[2]), static_cast<float>(truth[1] + truth[3])};
  const BoxXyxy b = {static_cast<float>(detection[0]), static_cast<float>(detection[1]),
                     static_cast<float>(detection[0] + detection[2]), static_cast<float>(detection[1] + detection[3])};
  const float width = (a.x2 < b.x2 ? a.x2 : b.x2) - (a.x1 > b.x1 ? a.x1 : b.x1);
  const float height = (a.y2 < b.y2 ? a.y2 : b.y2) - (a.y1 > b.y1 ? a.y1 : b.y1);
  if (width <= 0 || height <= 0) return 0;
  const float intersection = width * height;
  return intersection / (box_area(a) + box_area(b) - intersection + 1e-7f);
}

}  // namespace bench_freeze
