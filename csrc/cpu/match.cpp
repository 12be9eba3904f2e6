#include "core/match.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <vector>

#include "core/group.h"
#include "cpu/masks.h"
#include "cpu/parallel.h"
#include "score.h"

namespace bench_freeze {
namespace {

constexpr double kNear = 1e-6;             // rounding might turn the decision for an IoU this close to a threshold
constexpr int64_t kImagesPerStretch = 16;  // images that a thread takes at a time

// Detections of one image and class, best first; equal scores keep the order in which they were found.
void sort_by_score(int32_t* begin, int32_t* end, const double* scores) {
  if (end - begin > 24) {
    const auto better = [scores](int32_t a, int32_t b) { return scores[a] > scores[b]; };
    if (!std::is_sorted(begin, end, better)) std::stable_sort(begin, end, better);
    return;
  }
  for (int32_t* next = begin; next < end; ++next) {
    const int32_t row = *next;
    int32_t* hole = next;
    for (; hole > begin && scores[hole[-1]] < scores[row]; --hole) *hole = hole[-1];
    *hole = row;
  }
}

// One thread's part of a batch.
class Matcher {
 public:
  Matcher(const TruthIndex& truth, const DetectionBatch& batch, const Lanes& lanes, const MatchTable& out,
          std::atomic<int64_t>* near)
      : truth_(truth),
        batch_(batch),
        lanes_(lanes),
        out_(out),
        lowest_(*std::min_element(lanes.lowest_iou, lanes.lowest_iou + lanes.thresholds)),
        count_(static_cast<size_t>(truth.classes)),
        next_(count_.size()),
        present_(count_.size() / 64 + 1),
        near_(near) {}

  void run(int64_t begin, int64_t end) {
    int64_t near = 0;
    for (int64_t i = begin; i < end; ++i) near += run_image(i);
    *near_ += near;
  }

 private:
  int64_t run_image(int64_t i) {
    const int64_t begin = batch_.begin[i];
    if (begin == batch_.begin[i + 1]) return 0;
    group_by_class(begin, batch_.begin[i + 1]);
    int64_t truth = truth_.begin[batch_.image[i]];
    const int64_t truth_end = truth_.begin[batch_.image[i] + 1];
    int64_t at = begin;
    int64_t near = 0;
    for (const int32_t label : labels_) {
      while (truth < truth_end && truth_.label[truth] < label) ++truth;
      truths_.clear();
      for (; truth < truth_end && truth_.label[truth] == label; ++truth) add_truth(truth);
      overlaps_.resize(truths_.size());
      int32_t* rows = rows_.data() + (at - begin);
      const int64_t count = count_[label];
      sort_by_score(rows, rows + count, batch_.scores);
      for (int64_t rank = 0; rank < count; ++rank, ++at) near += run_detection(rows[rank], label, at);
    }
    for (const int32_t label : labels_) count_[label] = 0;
    return near;
  }

  // Fills `rows_` (by class, in the order found within a class), `labels_` (ascending), and their `count_`.
  void group_by_class(int64_t begin, int64_t end) {
    for (int64_t j = begin; j < end; ++j) {
      const int32_t label = batch_.label[batch_.order[j]];
      ++count_[label];
      present_[label / 64] |= uint64_t{1} << (label % 64);
    }
    labels_.clear();
    int32_t total = 0;
    for (size_t word = 0; word < present_.size(); ++word) {
      for (uint64_t left = present_[word]; left != 0; left &= left - 1) {
        const int32_t label = static_cast<int32_t>(64 * word) + lowest_bit(left);
        labels_.push_back(label);
        next_[label] = total;
        total += count_[label];
      }
      present_[word] = 0;
    }
    rows_.resize(static_cast<size_t>(end - begin));
    for (int64_t j = begin; j < end; ++j) rows_[next_[batch_.label[batch_.order[j]]]++] = batch_.order[j];
  }

  void add_truth(int64_t row) {
    const bool is_crowd = truth_.is_crowd[row] != 0;
    const uint64_t ignored = is_crowd ? lanes_.every_lane() : lanes_.lanes_outside(truth_.area[row]);
    truths_.push_back({truth_.boxes + 4 * row, ignored, 0, is_crowd, truth_.is_void[row] != 0});
  }

  int64_t run_detection(int32_t row, int32_t label, int64_t at) {
    const double* box = batch_.boxes + 4 * static_cast<int64_t>(row);
    int32_t count = 0;
    int64_t near = 0;
    for (size_t i = 0; i < truths_.size(); ++i) {
      const double iou = overlap(lanes_.rule, box, truths_[i].box, truths_[i].is_crowd);
      overlaps_[count] = {static_cast<int32_t>(i), iou};
      count += !(iou < lowest_);
      if (iou > lowest_ - kNear) near += near_thresholds(iou);
    }
    const uint64_t own_area_ignored = lanes_.lanes_outside(box[2] * box[3]);
    Outcome outcome{0, 0};
    if (count == 0) {
      outcome.ignored = own_area_ignored;
    } else {
      match_detection(SerialGroup{}, lanes_, truths_.data(), overlaps_.data(), count, own_area_ignored, &outcome);
    }
    out_.label[at] = label;
    out_.scores[at] = batch_.scores[row];
    store_mask(outcome.true_positive, out_.mask_bytes, out_.true_positive + at * out_.mask_bytes);
    store_mask(outcome.ignored, out_.mask_bytes, out_.ignored + at * out_.mask_bytes);
    return near;
  }

  int64_t near_thresholds(double iou) const {
    int64_t near = 0;
    for (int32_t t = 0; t < lanes_.thresholds; ++t) near += std::abs(iou - lanes_.lowest_iou[t]) <= kNear;
    return near;
  }

  const TruthIndex& truth_;
  const DetectionBatch& batch_;
  const Lanes& lanes_;
  const MatchTable& out_;
  const double lowest_;
  std::vector<int32_t> count_;     // [K], of the current image; zero between images
  std::vector<int32_t> next_;      // [K]
  std::vector<uint64_t> present_;  // one bit for each class of the current image; zero between images
  std::vector<int32_t> labels_;    // classes of the current image
  std::vector<int32_t> rows_;
  std::vector<Truth> truths_;
  std::vector<Overlap> overlaps_;
  std::atomic<int64_t>* near_;
};

}  // namespace

int64_t match(const TruthIndex& truth, const DetectionBatch& batch, const MatchSettings& settings, int64_t threads,
              const MatchTable& out) {
  const Lanes lanes = make_lanes(settings);
  std::atomic<int64_t> near{0};
  share_out(batch.images, kImagesPerStretch, threads, [&] { return Matcher(truth, batch, lanes, out, &near); });
  return near;
}

}  // namespace bench_freeze
