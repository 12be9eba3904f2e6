#include "checks.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>
#include <vector>

namespace bench_freeze {
namespace {

void require(bool is_sound, const char* what) {
  if (!is_sound) throw std::invalid_argument(what);
}

bool is_below(int64_t value, int64_t limit) { return value >= 0 && value < limit; }

// The product of sizes, or -1 if a size is negative or the product does not fit.
template <class... Sizes>
int64_t product(Sizes... sizes) {
  int64_t result = 1;
  for (const int64_t size : {static_cast<int64_t>(sizes)...}) {
    if (size < 0 || __builtin_mul_overflow(result, size, &result)) return -1;
  }
  return result;
}

// Checks that begin[0] = 0, that nothing descends, and that the last entry is the number of rows.
void check_begin(Array<const int64_t> begin, int64_t rows, const char* what) {
  require(begin.size >= 1 && begin.size <= kMostRows && rows <= kMostRows, what);
  require(begin.data[0] == 0 && begin.data[begin.size - 1] == rows, what);
  for (int64_t i = 1; i < begin.size; ++i) require(begin.data[i] >= begin.data[i - 1], what);
}

template <class Position>
void check_positions(Array<const Position> values, int64_t limit, const char* what) {
  bool is_sound = true;
  for (int64_t i = 0; i < values.size; ++i) is_sound &= (values.data[i] >= 0) & (values.data[i] < limit);
  require(is_sound, what);
}

void check_numbers(Array<const double> values, double low, double high, const char* what) {
  bool is_sound = true;
  for (int64_t i = 0; i < values.size; ++i) is_sound &= (values.data[i] >= low) & (values.data[i] <= high);
  require(is_sound, what);
}

constexpr double kInfinity = HUGE_VAL;

// Checks one image's ground truth: its rows lie within the table, and their classes are valid and ascending.
void check_image(const TruthIndex& truth, int64_t rows, int64_t image) {
  const int64_t begin = truth.begin[image];
  const int64_t end = truth.begin[image + 1];
  require(begin >= 0 && begin <= end && end <= rows, "ground truth: the rows of an image are beyond the table");
  int32_t last = 0;
  bool is_sound = true;
  for (int64_t row = begin; row < end; ++row) {
    is_sound &= truth.label[row] >= last && truth.label[row] < truth.classes;
    last = truth.label[row];
  }
  require(is_sound, "ground truth: the classes of an image are unknown or do not ascend");
}

int64_t bytes_of(int64_t lanes) { return (lanes + 7) / 8; }

int64_t lanes_of(const MatchSettings& settings) { return settings.iou_thresholds_count * settings.area_ranges_count; }

MatchTable table_of(const TableArrays& arrays, int64_t mask_bytes) {
  const int64_t rows = arrays.label.size;
  require(arrays.scores.size == rows && arrays.true_positive.size == product(rows, mask_bytes) &&
              arrays.ignored.size == arrays.true_positive.size,
          "matches: columns of different lengths");
  return {arrays.begin.size - 1, arrays.begin.data,         mask_bytes,         arrays.label.data,
          arrays.scores.data,    arrays.true_positive.data, arrays.ignored.data};
}

}  // namespace

Detections checked_detections(const HeadArrays& arrays, const NmsSettings& settings) {
  const Head& head = arrays.head;
  require(head.images >= 0 && head.classes >= 1 && head.anchors >= 0, "head: no [images, 4 + classes, anchors]");
  require(head.images == 0 || head.anchors <= 1 || arrays.anchor_stride == 1, "head: anchors are not side by side");
  int64_t bits = 0;
  while (bits < 33 && (int64_t{1} << bits) < head.anchors) ++bits;
  require(bits <= 31 && head.classes <= (int64_t{1} << (32 - bits)), "head: too many classes times anchors");
  require(std::isfinite(settings.score_threshold) && std::isfinite(settings.iou_threshold),
          "threshold is not a number");
  require(settings.max_detections >= 0 && settings.max_detections <= kMostRows && settings.max_candidates >= 1,
          "a limit is out of range");
  const int64_t rows = product(head.images, settings.max_detections);
  require(rows >= 0 && arrays.boxes_xyxy.size == product(rows, 4) && arrays.scores.size == rows &&
              arrays.labels.size == rows && arrays.count.size == head.images &&
              arrays.dropped_candidates.size == head.images && arrays.dropped_detections.size == head.images,
          "detections: arrays of other sizes than the head's");
  return {arrays.boxes_xyxy.data,
          arrays.scores.data,
          arrays.labels.data,
          arrays.count.data,
          arrays.dropped_candidates.data,
          arrays.dropped_detections.data};
}

void check_letterbox(const Image& image, int64_t pixel_stride, int64_t channel_stride, const Canvas& canvas,
                     int64_t canvas_size) {
  require(image.height >= 1 && image.width >= 1 && image.height <= kMostRows && image.width <= kMostRows,
          "image: a side is out of range");
  // A stride that is never used may be anything.
  require(channel_stride == 1 && (image.width == 1 || pixel_stride == 3) &&
              (image.height == 1 || image.row_stride >= 3 * image.width),
          "image: pixels are not side by side");
  require(canvas.height >= 0 && canvas.width >= 0 && canvas_size == product(3, canvas.height, canvas.width),
          "canvas: another size than its sides'");
  // Differences, because sums could overflow.
  require(canvas.resized_height >= 1 && canvas.resized_height <= canvas.height && canvas.resized_width >= 1 &&
              canvas.resized_width <= canvas.width && canvas.top >= 0 && canvas.left >= 0 &&
              canvas.top <= canvas.height - canvas.resized_height && canvas.left <= canvas.width - canvas.resized_width,
          "the resized image does not fit the canvas");
}

void check_images(Array<const int32_t> image, Array<int64_t> begin, Array<int32_t> order) {
  require(begin.size >= 1 && begin.size <= kMostRows && image.size <= kMostRows && order.size == image.size,
          "order: arrays of other sizes than the table's");
  check_positions(image, begin.size - 1, "order: an image out of range");
}

TruthIndex checked(const TruthArrays& arrays) {
  const int64_t rows = arrays.label.size;
  require(arrays.classes >= 0 && arrays.classes <= kMostClasses, "ground truth: the number of classes is out of range");
  require(arrays.begin.size >= 1 && arrays.begin.size <= kMostRows && rows <= kMostRows &&
              arrays.boxes.size == product(rows, 4) && arrays.area.size == rows && arrays.is_crowd.size == rows &&
              arrays.is_void.size == rows,
          "ground truth: columns of different lengths");
  return {arrays.begin.size - 1, arrays.classes,   arrays.begin.data,    arrays.label.data,
          arrays.boxes.data,     arrays.area.data, arrays.is_crowd.data, arrays.is_void.data};
}

void check_every_image(const TruthIndex& truth, int64_t rows) {
  check_begin({truth.begin, truth.images + 1}, rows, "ground truth: the rows of the images do not add up");
  for (int64_t image = 0; image < truth.images; ++image) check_image(truth, rows, image);
}

MatchSettings checked_settings(int32_t rule, Array<const double> iou_thresholds, Array<const double> area_ranges) {
  const int64_t areas = area_ranges.size / 2;
  require(is_below(rule, 3), "no such rule of matching");
  require(iou_thresholds.size >= 1 && areas >= 1 && area_ranges.size == 2 * areas && iou_thresholds.size <= kMaxLanes &&
              areas <= kMaxLanes && iou_thresholds.size * areas <= kMaxLanes,
          "lanes: give 1 to 64 pairs of IoU threshold and area range");
  check_numbers(iou_thresholds, -kInfinity, kInfinity, "lanes: an IoU threshold is not a number");
  check_numbers(area_ranges, -kInfinity, kInfinity, "lanes: an area is not a number");
  return {static_cast<MatchRule>(rule), iou_thresholds.size, iou_thresholds.data, areas, area_ranges.data};
}

DetectionBatch checked(const BatchArrays& arrays, const TruthIndex& truth, int64_t truth_rows) {
  const int64_t rows = arrays.label.size;
  require(arrays.begin.size == arrays.image.size + 1 && arrays.order.size == rows &&
              arrays.boxes.size == product(rows, 4) && arrays.scores.size == rows,
          "detections: columns of different lengths");
  check_begin(arrays.begin, rows, "detections: the rows of the images do not add up");
  check_positions(arrays.image, truth.images, "detections: an image out of range");
  check_positions(arrays.order, rows, "detections: a row out of range");
  check_positions(arrays.label, truth.classes, "detections: a class out of range");
  check_numbers(arrays.scores, -kInfinity, kInfinity, "detections: a score is not a number");
  for (int64_t i = 0; i < arrays.image.size; ++i) check_image(truth, truth_rows, arrays.image.data[i]);
  return {arrays.image.size, arrays.image.data, arrays.begin.data, arrays.order.data,
          arrays.label.data, arrays.boxes.data, arrays.scores.data};
}

MatchTable checked_output(const TableArrays& arrays, const MatchSettings& settings) {
  check_begin(arrays.begin, arrays.label.size, "matches: the rows of the images do not add up");
  return table_of(arrays, bytes_of(lanes_of(settings)));
}

MatchTable checked_input(const TableArrays& arrays, int64_t classes, int64_t lanes) {
  const int64_t rows = arrays.label.size;
  check_begin(arrays.begin, rows, "matches: the rows of the images do not add up");
  check_positions<int32_t>({arrays.label.data, rows}, classes, "matches: a class out of range");
  const int64_t mask_bytes = lanes ? bytes_of(lanes) : rows ? arrays.true_positive.size / rows : 0;
  require(mask_bytes <= bytes_of(kMaxLanes), "matches: more than 64 lanes");
  const MatchTable table = table_of(arrays, mask_bytes);
  check_numbers({table.scores, rows}, -kInfinity, kInfinity, "matches: a score is not a number");
  if (lanes % 8 == 0) return table;
  const unsigned beyond = 0xffu << (lanes % 8) & 0xffu;  // of the last byte
  unsigned bits = 0;
  for (int64_t row = 0; row < rows; ++row) {
    const int64_t last = (row + 1) * mask_bytes - 1;
    bits |= table.true_positive[last] | table.ignored[last];
  }
  require((bits & beyond) == 0, "matches: an outcome in a lane that does not exist");
  return table;
}

void check_parts(const MatchPart* parts, int64_t count, int64_t images) {
  require(count <= kMostRows, "matches: too many parts");
  std::vector<bool> is_there(static_cast<size_t>(images), false);
  for (int64_t part = 0; part < count; ++part) {
    for (int64_t at = 0; at < parts[part].table.images; ++at) {
      const int64_t image = parts[part].image ? parts[part].image[at] : at;
      require(is_below(image, images) && !is_there[image], "matches: an image out of range, or there twice");
      is_there[image] = true;
    }
  }
}

CurveSettings checked_curves(Array<const double> recall_thresholds, Array<const int64_t> max_detections) {
  require(max_detections.size >= 1, "curves: no maximum");
  check_numbers(recall_thresholds, -kInfinity, kInfinity, "curves: a recall threshold is not a number");
  require(std::is_sorted(recall_thresholds.data, recall_thresholds.data + recall_thresholds.size) &&
              std::is_sorted(max_detections.data, max_detections.data + max_detections.size) &&
              max_detections.data[0] >= 1,
          "curves: recall thresholds and maxima have to ascend");
  return {recall_thresholds.size, recall_thresholds.data, max_detections.size, max_detections.data};
}

CocoTensors checked_tensors(Array<double> precision, Array<double> recall, Array<double> scores, int64_t classes,
                            const MatchSettings& settings, const CurveSettings& curves) {
  require(curves.recall_thresholds_count >= 1, "tensors: no recall threshold");
  const int64_t columns =
      product(classes, settings.area_ranges_count, curves.max_detections_count, settings.iou_thresholds_count);
  const int64_t entries = product(columns, curves.recall_thresholds_count);
  require(entries >= 0 && precision.size == entries && scores.size == entries && recall.size == columns,
          "tensors do not have the protocol's size");
  return {precision.data, recall.data, scores.data};
}

RawCurves checked_raw_curves(const TruthIndex& truth, const MatchTable& matches, int64_t lane, Array<int64_t> begin,
                             Array<int32_t> false_positives, Array<int32_t> false_positives_tied,
                             Array<double> scores) {
  const int64_t rows = matches.begin[matches.images];
  require(is_below(lane, kMaxLanes) && (rows == 0 || lane < 8 * matches.mask_bytes), "curves: no such lane");
  require(begin.size == truth.classes + 1 && false_positives.size == rows && false_positives_tied.size == rows &&
              scores.size == rows,
          "curves: arrays of other sizes than the matches'");
  return {begin.data, false_positives.data, false_positives_tied.data, scores.data};
}

void check_resampling(const TruthIndex& truth, const MatchTable& matches, const MatchSettings& settings,
                      const Resampling& resampling, int64_t weights, int64_t ap) {
  require(matches.images == truth.images, "matches do not belong to the ground truth's images");
  require(resampling.count >= 0 && ap == product(resampling.count, truth.classes, settings.iou_thresholds_count),
          "ap has the wrong size");
  if (!resampling.weights) return;
  require(weights == product(resampling.count, truth.images), "weights have the wrong size");
  check_positions<int32_t>({resampling.weights, weights}, (1 << 20) + 1, "a weight is out of range");
}

}  // namespace bench_freeze
