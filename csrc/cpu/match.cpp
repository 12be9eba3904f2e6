#include "cpu/match.h"

#include <algorithm>

#include "core/group.h"
#include "cpu/grouping.h"

namespace bench_freeze {
namespace {

// Detections of one image and class, best first; equal scores keep the order of the file.
void sort_by_score(int32_t* begin, int32_t* end, const double* scores) {
  if (end - begin > 24) {
    std::stable_sort(begin, end, [scores](int32_t a, int32_t b) { return scores[a] > scores[b]; });
    return;
  }
  for (int32_t* next = begin; next < end; ++next) {
    const int32_t row = *next;
    int32_t* hole = next;
    for (; hole > begin && scores[hole[-1]] < scores[row]; --hole) *hole = hole[-1];
    *hole = row;
  }
}

class Matcher {
 public:
  Matcher(const TruthTable& truth, const DetectionTable& detections, const CocoSettings& settings, const Lanes& lanes)
      : truth_(truth),
        detections_(detections),
        lanes_(lanes),
        truth_groups_(group_rows(truth.rows, truth.image, settings.images, truth.label, settings.classes)),
        detection_groups_(
            group_rows(detections.rows, detections.image, settings.images, detections.label, settings.classes)) {}

  Matches run(int64_t classes, int64_t max_rank) {
    matches_.detections.reserve(static_cast<size_t>(detections_.rows));
    matches_.class_begin.assign(1, 0);
    matches_.truth_count.assign(static_cast<size_t>(classes * lanes_.areas), 0);
    for (int64_t label = 0; label < classes; ++label) {
      run_class(label, max_rank);
      matches_.class_begin.push_back(static_cast<int64_t>(matches_.detections.size()));
    }
    return std::move(matches_);
  }

 private:
  // Walks both tables of a class side by side, one image after the other.
  void run_class(int64_t label, int64_t max_rank) {
    int64_t next_truth = truth_groups_.class_begin[label];
    const int64_t truth_end = truth_groups_.class_begin[label + 1];
    int64_t begin = detection_groups_.class_begin[label];
    const int64_t end = detection_groups_.class_begin[label + 1];
    while (begin < end) {
      const int32_t image = detections_.image[detection_groups_.rows[begin]];
      while (next_truth < truth_end && truth_.image[truth_groups_.rows[next_truth]] < image) {
        count_truth(label, truth_groups_.rows[next_truth++]);
      }
      truths_.clear();
      while (next_truth < truth_end && truth_.image[truth_groups_.rows[next_truth]] == image) {
        add_truth(label, truth_groups_.rows[next_truth++]);
      }
      int64_t group_end = begin + 1;
      while (group_end < end && detections_.image[detection_groups_.rows[group_end]] == image) ++group_end;
      run_image(begin, group_end, max_rank);
      begin = group_end;
    }
    while (next_truth < truth_end) count_truth(label, truth_groups_.rows[next_truth++]);
  }

  uint64_t count_truth(int64_t label, int32_t row) {
    const uint64_t counted = truth_.is_crowd[row] ? 0 : lanes_.ranges_with(truth_.area[row]);
    for (int32_t a = 0; a < lanes_.areas; ++a) matches_.truth_count[label * lanes_.areas + a] += counted >> a & 1;
    return counted;
  }

  void add_truth(int64_t label, int32_t row) {
    const uint64_t counted = count_truth(label, row);
    truths_.push_back({truth_.boxes + 4 * static_cast<int64_t>(row), ~lanes_.of_ranges(counted), 0,
                       truth_.is_crowd[row] != 0, truth_.is_void[row] != 0});
  }

  void run_image(int64_t begin, int64_t end, int64_t max_rank) {
    int32_t* rows = detection_groups_.rows.data();
    sort_by_score(rows + begin, rows + end, detections_.scores);
    overlaps_.resize(truths_.size());
    const int64_t ranked = std::min(end - begin, max_rank);
    for (int64_t rank = 0; rank < ranked; ++rank) {
      matches_.detections.push_back(run_detection(rows[begin + rank], static_cast<int32_t>(rank)));
    }
  }

  Matched run_detection(int32_t row, int32_t rank) {
    const double* box = detections_.boxes + 4 * static_cast<int64_t>(row);
    const uint64_t ranges = lanes_.ranges_with(box[2] * box[3]);
    const uint64_t own_area_ignored = ~lanes_.of_ranges(ranges);
    Matched matched{row, rank, ranges, {0, 0}};
    int32_t count = 0;
    for (size_t i = 0; i < truths_.size(); ++i) {
      const double iou = iou_xywh(box, truths_[i].box, truths_[i].is_crowd);
      overlaps_[count] = {static_cast<int32_t>(i), iou};
      count += !(iou < lowest_);
    }
    if (count == 0) {
      matched.outcome.ignored = own_area_ignored;
    } else {
      match_detection(SerialGroup{}, lanes_, truths_.data(), overlaps_.data(), count, own_area_ignored,
                      &matched.outcome);
    }
    return matched;
  }

  const TruthTable& truth_;
  const DetectionTable& detections_;
  const Lanes& lanes_;
  const double lowest_ = *std::min_element(lanes_.lowest_iou, lanes_.lowest_iou + lanes_.thresholds);
  Grouping truth_groups_;
  Grouping detection_groups_;
  std::vector<Truth> truths_;
  std::vector<Overlap> overlaps_;
  Matches matches_;
};

}  // namespace

Lanes make_lanes(const CocoSettings& settings) {
  Lanes lanes;
  lanes.thresholds = static_cast<int32_t>(settings.iou_thresholds_count);
  lanes.areas = static_cast<int32_t>(settings.area_ranges_count);
  for (int32_t t = 0; t < lanes.thresholds; ++t) lanes.lowest_iou[t] = lowest_iou(settings.iou_thresholds[t]);
  std::copy(settings.area_ranges, settings.area_ranges + 2 * lanes.areas, lanes.area_ranges);
  for (int32_t a = 0; a < lanes.areas; ++a) lanes.every_area |= uint64_t{1} << (a * lanes.thresholds);
  return lanes;
}

Matches match(const TruthTable& truth, const DetectionTable& detections, const CocoSettings& settings,
              const Lanes& lanes, int64_t max_rank) {
  return Matcher(truth, detections, settings, lanes).run(settings.classes, max_rank);
}

}  // namespace bench_freeze
