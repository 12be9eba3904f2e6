// The last checks before the entry points of score.h: they take arrays with the sizes that their owner states, and
// return the structs that the kernels read. Whatever the caller does, no index leaves its array: contradictory sizes
// and values that are not positions throw std::invalid_argument, and comparisons are written so that NaN fails them.
//
// python/bench_freeze/kernels checks first, with messages for the user; nothing here relies on that.
#pragma once

#include <cstdint>

#include "score.h"

namespace bench_freeze {

// All elements of a contiguous array of any shape.
template <class Item>
struct Array {
  Item* data;
  int64_t size;
};

constexpr int64_t kMostRows = 0x7fffffff;  // rows and positions are kept in 32 bits
constexpr int64_t kMostClasses = 1 << 20;  // every matching worker has a counter for each class

// A head [images, rows, anchors] with its strides in elements, and its output: see Detections, whose arrays hold
// `images` x `max_detections`.
struct HeadArrays {
  Head head;  // its classes are rows - 4
  int64_t anchor_stride;
  Array<float> boxes_xyxy, scores;
  Array<int32_t> labels, count;
  Array<int64_t> dropped_candidates, dropped_detections;
};
Detections checked_detections(const HeadArrays& arrays, const NmsSettings& settings);

// `image` is [height, width, 3] with these strides in bytes; `canvas_size` is the number of elements of the canvas.
void check_letterbox(const Image& image, int64_t pixel_stride, int64_t channel_stride, const Canvas& canvas,
                     int64_t canvas_size);

void check_images(Array<const int32_t> image, Array<int64_t> begin, Array<int32_t> order);

// Ground truth as in TruthIndex. `checked` checks only the sizes; rows are checked for the images that a call reads.
struct TruthArrays {
  int64_t classes;
  Array<const int64_t> begin;
  Array<const int32_t> label;
  Array<const double> boxes, area;
  Array<const uint8_t> is_crowd, is_void;
};
TruthIndex checked(const TruthArrays& arrays);
void check_every_image(const TruthIndex& truth, int64_t rows);

MatchSettings checked_settings(int32_t rule, Array<const double> iou_thresholds, Array<const double> area_ranges);

struct BatchArrays {
  Array<const int32_t> image;
  Array<const int64_t> begin;
  Array<const int32_t> order, label;
  Array<const double> boxes, scores;
};
// Also checks the ground truth of its images.
DetectionBatch checked(const BatchArrays& arrays, const TruthIndex& truth, int64_t truth_rows);

struct TableArrays {
  Array<const int64_t> begin;
  Array<int32_t> label;
  Array<double> scores;
  Array<uint8_t> true_positive, ignored;
};
// A table to write, for a batch whose `begin` it uses.
MatchTable checked_output(const TableArrays& arrays, const MatchSettings& settings);
// A table to read, with the outcomes of `lanes` lanes; 0: any number.
MatchTable checked_input(const TableArrays& arrays, int64_t classes, int64_t lanes);

// Checks that every image of the parts is below `images` and in one part only. The parts' tables are checked already.
void check_parts(const MatchPart* parts, int64_t count, int64_t images);

CurveSettings checked_curves(Array<const double> recall_thresholds, Array<const int64_t> max_detections);

CocoTensors checked_tensors(Array<double> precision, Array<double> recall, Array<double> scores, int64_t classes,
                            const MatchSettings& settings, const CurveSettings& curves);

RawCurves checked_raw_curves(const TruthIndex& truth, const MatchTable& matches, int64_t lane, Array<int64_t> begin,
                             Array<int32_t> false_positives, Array<int32_t> false_positives_tied, Array<double> scores);

// `ap` is [count, K, T].
void check_resampling(const TruthIndex& truth, const MatchTable& matches, const MatchSettings& settings,
                      const Resampling& resampling, int64_t weights, int64_t ap);

}  // namespace bench_freeze
