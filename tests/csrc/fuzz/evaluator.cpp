// Detections in any order: rows by image, matching, the protocol's tensors, raw curves.
#include <utility>

#include "truth.h"

namespace fuzz {

using namespace bench_freeze;

namespace {

void accumulate_and_read(Bytes* bytes, const TruthIndex& truth, const DrawnTruth& drawn, const MatchSettings& settings,
                         int64_t images, const TableArrays& arrays, int64_t threads) {
  check_every_image(truth, static_cast<int64_t>(drawn.label.size()));
  const MatchTable table =
      checked_input(arrays, drawn.classes, settings.iou_thresholds_count * settings.area_ranges_count);
  EXPECT(table.images == images);
  std::vector<double> recalls = bytes->numbers(bytes->about(1, 12) & 15);
  std::vector<int64_t> maxima = bytes->list<int64_t>(bytes->about(1, 3) & 3, [&] { return bytes->about(1, 8); });
  if (!bytes->is_hostile() || bytes->byte() < 240) {
    std::sort(recalls.begin(), recalls.end(), [](double a, double b) { return a < b; });
    std::sort(maxima.begin(), maxima.end());
  }
  const CurveSettings curves = checked_curves(whole(std::as_const(recalls)), whole(std::as_const(maxima)));
  const size_t columns = static_cast<size_t>(settings.iou_thresholds_count * drawn.classes *
                                             settings.area_ranges_count * curves.max_detections_count);
  std::vector<double> precision(columns * recalls.size()), recall(columns), scores(columns * recalls.size());
  const CocoTensors tensors =
      checked_tensors(whole(precision), whole(recall), whole(scores), drawn.classes, settings, curves);
  const MatchPart part{nullptr, table};
  check_parts(&part, 1, truth.images);
  accumulate(truth, &part, 1, settings, curves, threads, tensors);
  expect_within(precision, -1.0, 1.0);
  expect_within(recall, -1.0, 1.0);
  const size_t rows = static_cast<size_t>(arrays.label.size);
  std::vector<int64_t> begin(static_cast<size_t>(bytes->size(drawn.classes + 1)));
  std::vector<int32_t> before(rows), tied(rows);
  std::vector<double> curve_scores(rows);
  const int64_t lane = bytes->about(0, 9);
  raw_curves(truth, table, lane,
             checked_raw_curves(truth, table, lane, whole(begin), whole(before), whole(tied), whole(curve_scores)));
  EXPECT(begin.back() <= static_cast<int64_t>(rows));
}

}  // namespace

bool evaluator(Bytes bytes) {
  const DrawnTruth drawn(&bytes);
  const DrawnLanes lanes(&bytes);
  const int64_t threads = bytes.byte() == 255 ? 3 : 1;
  const int64_t images = bytes.within(0, drawn.images);
  const int64_t rows = images == 0 || drawn.classes == 0 ? 0 : bytes.within(0, 20);
  const std::vector<int32_t> image =
      bytes.list<int32_t>(rows, [&] { return bytes.about(0, std::max<int64_t>(images - 1, 0)); });
  const std::vector<int32_t> label =
      bytes.list<int32_t>(bytes.size(rows), [&] { return bytes.about(0, std::max<int64_t>(drawn.classes - 1, 0)); });
  const std::vector<double> boxes = bytes.numbers(bytes.size(4 * rows));
  const std::vector<double> scores = bytes.numbers(bytes.size(rows));
  int64_t next = 0;
  const std::vector<int32_t> in_truth = bytes.list<int32_t>(images, [&] {
    const int64_t position = next++;
    return bytes.about(position, position);
  });
  return is_answered([&] {
    const TruthIndex truth = checked(drawn.arrays());
    const MatchSettings settings = lanes.settings();
    std::vector<int64_t> begin(static_cast<size_t>(bytes.size(images + 1)));
    std::vector<int32_t> order(static_cast<size_t>(bytes.size(rows)));
    check_images(whole(image), whole(begin), whole(order));
    order_by_image(rows, image.data(), static_cast<int64_t>(begin.size()) - 1, begin.data(), order.data());
    EXPECT(begin.back() == rows);
    if (bytes.is_hostile() && bytes.byte() >= 250 && rows > 0)
      order[static_cast<size_t>(bytes.within(0, rows - 1))] = bytes.raw<int32_t>();
    const DetectionBatch batch = checked(BatchArrays{whole(in_truth),
                                                     {begin.data(), static_cast<int64_t>(begin.size())},
                                                     {order.data(), rows},
                                                     whole(label),
                                                     whole(boxes),
                                                     whole(scores)},
                                         truth, static_cast<int64_t>(drawn.label.size()));
    const size_t bytes_of_masks = static_cast<size_t>(rows * mask_bytes_of(settings));
    std::vector<int32_t> out_label(label.size());
    std::vector<double> out_scores(label.size());
    std::vector<uint8_t> true_positive(bytes_of_masks), ignored(bytes_of_masks);
    const TableArrays arrays{{begin.data(), static_cast<int64_t>(begin.size())},
                             whole(out_label),
                             whole(out_scores),
                             whole(true_positive),
                             whole(ignored)};
    match(truth, batch, settings, threads, checked_output(arrays, settings));
    accumulate_and_read(&bytes, truth, drawn, settings, batch.images, arrays, threads);
  });
}

}  // namespace fuzz
