// Entry points of a back end: plain pointers and sizes in, results in memory that the caller owns.
//
// No function here allocates its results, prints, or keeps state or threads between calls. Calls on different memory
// may run at the same time. checks.h has validated the arguments.
#pragma once

#include <cstdint>

#include "core/box.h"
#include "core/match.h"

namespace bench_freeze {

enum class HeadType : int32_t { kFloat32, kFloat16 };

// Raw predictions of B images, [B, 4 + C, A]: four box rows, then one row of scores per class. Strides count elements;
// the anchors of a row are contiguous.
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

// D = max_detections rows for each of B images; rows past `count` are not written.
struct Detections {
  float* boxes_xyxy;            // [B, D, 4]
  float* scores;                // [B, D]
  int32_t* labels;              // [B, D]
  int32_t* count;               // [B]
  int64_t* dropped_candidates;  // [B]
  int64_t* dropped_detections;  // [B]
};

// The first value that is NaN or infinite; `image` is -1 if there is none.
struct Fault {
  int64_t image;
  int64_t row;
  int64_t anchor;
};

// Decodes and suppresses every image. Returns the first fault; if there is one, the results are undefined.
Fault nms(const Head& head, const NmsSettings& settings, int64_t threads, const Detections& detections);

// An image [height, width, 3] of 8-bit RGB whose rows lie `row_stride` bytes apart, 3 x width or more.
struct Image {
  const uint8_t* data;
  int64_t height;
  int64_t width;
  int64_t row_stride;
};

// The place of a resized image in a float32 canvas [3, height, width].
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

// Sorts rows by image, in the order of the file within an image: row order[j], for j in begin[i] .. begin[i + 1],
// belongs to image i.
void order_by_image(int64_t rows, const int32_t* image, int64_t images, int64_t* begin, int32_t* order);

// Ground truth sorted by image and class; rows of both keep the order of the file. Classes are positions.
struct TruthIndex {
  int64_t images;
  int64_t classes;
  const int64_t* begin;     // [I + 1]
  const int32_t* label;     // [N]
  const double* boxes;      // [N, 4] left, top, width, height
  const double* area;       // [N]
  const uint8_t* is_crowd;  // [N]
  const uint8_t* is_void;   // [N], a match with it does not count (pycocotools' annotation id 0)
};

// All detections of some images. Rows of one image keep the order in which they were found.
struct DetectionBatch {
  int64_t images;
  const int32_t* image;  // [B], position in the ground truth
  const int64_t* begin;  // [B + 1], positions in `order`
  const int32_t* order;  // [N], see order_by_image
  const int32_t* label;  // [N]
  const double* boxes;   // [N, 4] left, top, width, height
  const double* scores;  // [N]
};

// Matched detections by image, class and rank. A mask is the lowest `mask_bytes` bytes of an Outcome's word
// (core/match.h), least significant first; T x A bits fit.
struct MatchTable {
  int64_t images;
  const int64_t* begin;  // [B + 1]
  int64_t mask_bytes;
  int32_t* label;          // [N]
  double* scores;          // [N]
  uint8_t* true_positive;  // [N, mask_bytes]
  uint8_t* ignored;        // [N, mask_bytes]
};

// Matches image by image; out.begin = batch.begin. Returns the number of IoUs within 1e-6 of a threshold.
int64_t match(const TruthIndex& truth, const DetectionBatch& batch, const MatchSettings& settings, int64_t threads,
              const MatchTable& out);

// Matches of some images of a data set: `image[b]` is the position of the table's image b; null: b itself.
struct MatchPart {
  const int32_t* image;
  MatchTable table;
};

struct CurveSettings {
  int64_t recall_thresholds_count;
  const double* recall_thresholds;  // [R], ascending
  int64_t max_detections_count;
  const int64_t* max_detections;  // [M], ascending
};

struct CurveCounts {
  int64_t tied;       // detections that share their class and score with another
  int64_t truncated;  // detections beyond the highest maximum of their image and class
};

struct CocoTensors {
  double* precision;  // [T, R, K, A, M]
  double* recall;     // [T, K, A, M]
  double* scores;     // [T, R, K, A, M]
};

// Each image is in at most one part, in any order; an image in no part has no detections.
CurveCounts accumulate(const TruthIndex& truth, const MatchPart* parts, int64_t count, const MatchSettings& settings,
                       const CurveSettings& curves, int64_t threads, const CocoTensors& tensors);

// Raw curves of one lane: the true positives of every class, best score first. N is the number of rows of the matches.
struct RawCurves {
  int64_t* begin;                 // [K + 1]
  int32_t* false_positives;       // [N], before this one
  int32_t* false_positives_tied;  // [N], with this score or a higher one
  double* scores;                 // [N]
};

void raw_curves(const TruthIndex& truth, const MatchTable& matches, int64_t lane, const RawCurves& out);

// `count` resamples, by how often each image counts: as given, or as many draws with replacement as there are images.
struct Resampling {
  int64_t count;
  uint64_t seed;
  const int32_t* weights;  // [B, I], at least 0; null: drawn
};

// AP of every resample, class and IoU threshold in the first area range, at curves.max_detections[0]; -1 if the
// resample has no ground truth of the class. Without recall thresholds, AP is the area under the envelope. The draws of
// row b depend only on the seed and b, so any two results have the same draws. `matches` has an entry for every image
// of the ground truth, in order.
void bootstrap(const TruthIndex& truth, const MatchTable& matches, const MatchSettings& settings,
               const CurveSettings& curves, const Resampling& resampling, int64_t threads, double* ap);  // [B, K, T]

}  // namespace bench_freeze
