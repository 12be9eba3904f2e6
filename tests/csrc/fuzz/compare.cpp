// Matches that nobody made by matching, as a file could hold them: tensors and resampled AP of any masks.
#include "truth.h"

namespace fuzz {

using namespace bench_freeze;

bool compare(Bytes bytes) {
  const DrawnTruth drawn(&bytes);
  const DrawnLanes lanes(&bytes);
  const int64_t images = !bytes.is_hostile() || bytes.byte() < 240 ? drawn.images : bytes.within(0, 7);
  const int64_t rows = images == 0 || drawn.classes == 0 ? 0 : bytes.within(0, 16);
  const std::vector<int64_t> begin = bytes.begins(images, rows);
  std::vector<int32_t> label =
      bytes.list<int32_t>(rows, [&] { return bytes.about(0, std::max<int64_t>(drawn.classes - 1, 0)); });
  std::vector<double> scores = bytes.numbers(bytes.size(rows));
  const int64_t resamples = bytes.within(0, 5);
  const std::vector<int32_t> weights = bytes.list<int32_t>(bytes.byte() % 2 ? bytes.size(resamples * drawn.images) : 0,
                                                           [&] { return bytes.about(0, 4); });
  int64_t maximum = bytes.about(1, 8);
  const std::vector<double> recalls = {0.0, 0.1, 0.5, 0.75, 1.0};
  const int64_t threads = bytes.byte() == 255 ? 3 : 1;
  return is_answered([&] {
    const TruthIndex truth = checked(drawn.arrays());
    check_every_image(truth, static_cast<int64_t>(drawn.label.size()));
    const MatchSettings settings = lanes.settings();
    const int64_t mask_bytes = mask_bytes_of(settings);
    const auto mask = [&] { return bytes.byte() % 4 ? 0 : bytes.byte(); };
    std::vector<uint8_t> true_positive = bytes.list<uint8_t>(bytes.size(rows * mask_bytes), mask);
    std::vector<uint8_t> ignored = bytes.list<uint8_t>(rows * mask_bytes, mask);
    const int64_t count = settings.iou_thresholds_count * settings.area_ranges_count;
    if (count % 8 && (!bytes.is_hostile() || bytes.byte() < 240)) {  // no outcomes in lanes that there are not
      const uint8_t kept = static_cast<uint8_t>((1u << (count % 8)) - 1);
      for (size_t last = static_cast<size_t>(mask_bytes) - 1; last < true_positive.size();
           last += static_cast<size_t>(mask_bytes)) {
        true_positive[last] &= kept;
        if (last < ignored.size()) ignored[last] &= kept;
      }
    }
    const TableArrays arrays{whole(begin), whole(label), whole(scores), whole(true_positive), whole(ignored)};
    const MatchTable table = checked_input(arrays, drawn.classes, count);
    const CurveSettings curves = checked_curves(whole(recalls), {&maximum, 1});
    std::vector<double> ap(static_cast<size_t>(bytes.size(resamples * drawn.classes * settings.iou_thresholds_count)));
    const Resampling resampling{resamples, bytes.raw<uint64_t>(), weights.empty() ? nullptr : weights.data()};
    check_resampling(truth, table, settings, resampling, static_cast<int64_t>(weights.size()),
                     static_cast<int64_t>(ap.size()));
    bootstrap(truth, table, settings, curves, resampling, threads, ap.data());
    expect_within(ap, -1.0, 1.0 + 1e-12);
    const size_t columns =
        static_cast<size_t>(settings.iou_thresholds_count * drawn.classes * settings.area_ranges_count);
    std::vector<double> precision(columns * recalls.size()), recall(columns), score(columns * recalls.size());
    const MatchPart part{nullptr, table};
    accumulate(truth, &part, 1, settings, curves, threads,
               checked_tensors(whole(precision), whole(recall), whole(score), drawn.classes, settings, curves));
    expect_within(precision, -1.0, 1.0);
    expect_within(recall, -1.0, 1.0);
  });
}

}  // namespace fuzz
