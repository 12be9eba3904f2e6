// Entry points of a back end: plain pointers and sizes in, results in memory that the caller owns.
//
// Nothing here allocates what it returns, prints, keeps state between calls, or starts a thread; calls on different
// memory may run at the same time. Arguments were checked by the caller (python/bench_freeze/ext.py).
#pragma once

#include <cstdint>

#include "core/box.h"

namespace bench_freeze {

enum class HeadType : int32_t { kFloat32, kFloat16 };

// Raw predictions of B images, [B, 4 + C, A]: four box rows, then one row of scores per class. Strides count elements;
// the anchors of a row lie side by side.
struct Head {
  const void* data;
  HeadType type;
  int64_t images;
  int64_t classes;
  int64_t anchors;
  int64_t image_stride;
  int64_t row_stride;
};

struct NmsSettings {
  float score_threshold;
  float iou_threshold;
  int64_t max_detections;
  int64_t max_candidates;
  bool multi_label;
  bool class_agnostic;
  BoxFormat box_format;
};

// D = max_detections rows for each of B images; rows past `count` are left as they are.
struct Detections {
  float* boxes_xyxy;            // [B, D, 4]
  float* scores;                // [B, D]
  int32_t* labels;              // [B, D]
  int32_t* count;               // [B]
  int64_t* dropped_candidates;  // [B]
  int64_t* dropped_detections;  // [B]
};

// The first value that is not a number or infinite; `image` is -1 where there is none.
struct Fault {
  int64_t image;
  int64_t row;
  int64_t anchor;
};

// Decode and suppress every image. On a fault the results of that image and of those after it are undefined.
Fault nms(const Head& head, const NmsSettings& settings, const Detections& detections);

// An image [height, width, 3] of 8-bit RGB whose rows lie `row_stride` bytes apart, 3 x width or more.
struct Image {
  const uint8_t* data;
  int64_t height;
  int64_t width;
  int64_t row_stride;
};

// Where a resized image lies in a canvas [3, height, width] of float32.
struct Canvas {
  float* data;
  int64_t height;
  int64_t width;
  int64_t top;
  int64_t left;
  int64_t resized_height;
  int64_t resized_width;
  float fill;  // already divided by 255
};

void letterbox(const Image& image, const Canvas& canvas);

// Boxes of a data set as columns; images and classes by position, rows in the order of the file.
struct TruthTable {
  int64_t rows;
  const int32_t* image;     // [N]
  const int32_t* label;     // [N]
  const double* boxes;      // [N, 4] left, top, width, height
  const double* area;       // [N]
  const uint8_t* is_crowd;  // [N]
  const uint8_t* is_void;   // [N], a match with it counts as none (pycocotools' annotation id 0)
};

struct DetectionTable {
  int64_t rows;
  const int32_t* image;  // [N]
  const int32_t* label;  // [N]
  const double* boxes;   // [N, 4] left, top, width, height
  const double* scores;  // [N]
};

// T x A may not exceed 64: one bit per IoU threshold and area range.
struct CocoSettings {
  int64_t images;
  int64_t classes;
  int64_t iou_thresholds_count;
  const double* iou_thresholds;  // [T]
  int64_t recall_thresholds_count;
  const double* recall_thresholds;  // [R], ascending
  int64_t area_ranges_count;
  const double* area_ranges;  // [A, 2], both ends inclusive
  int64_t max_detections_count;
  const int64_t* max_detections;  // [M], ascending
};

struct CocoTensors {
  double* precision;  // [T, R, K, A, M]
  double* recall;     // [T, K, A, M]
  double* scores;     // [T, R, K, A, M]
};

void match_and_accumulate(const TruthTable& truth, const DetectionTable& detections, const CocoSettings& settings,
                          const CocoTensors& tensors);

}  // namespace bench_freeze
