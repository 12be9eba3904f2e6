#include "cpu/accumulate.h"

#include <algorithm>
#include <vector>

#include "core/accumulate.h"
#include "core/order.h"
#include "cpu/radix.h"

namespace bench_freeze {
namespace {

// One class at a time. A column is one (area range, maximum of detections), as they lie in the tensors; a curve is one
// (IoU threshold, column): the detections that are its true positives and the false positives before each.
class Accumulator {
 public:
  Accumulator(const Matches& matches, const DetectionTable& detections, const CocoSettings& settings,
              const Lanes& lanes, const CocoTensors& tensors)
      : matches_(matches),
        detections_(detections),
        settings_(settings),
        lanes_(lanes),
        tensors_(tensors),
        maxima_(settings.max_detections_count),
        columns_(lanes.areas * maxima_),
        false_positives_(static_cast<size_t>(columns_)),
        corrections_(static_cast<size_t>(lanes.count() * maxima_)),
        found_(static_cast<size_t>(lanes.count() * maxima_)),
        needed_(static_cast<size_t>(lanes.areas * settings.recall_thresholds_count)),
        precision_(static_cast<size_t>(settings.recall_thresholds_count * columns_)),
        scores_(static_cast<size_t>(settings.recall_thresholds_count * columns_)) {}

  void run(int64_t label) {
    const int64_t* truths = matches_.truth_count.data() + label * lanes_.areas;
    const int64_t most = *std::max_element(truths, truths + lanes_.areas);
    rank_by_score(label);
    lay_out_curves(most);
    for (const uint64_t item : ranked_) count(static_cast<int64_t>(item & 0xffffffffu));
    find_needed(truths);
    for (int64_t t = 0; t < lanes_.thresholds; ++t) write_threshold(label, t, truths);
  }

 private:
  const Matched& matched(int64_t position) const { return matches_.detections[position]; }
  double score(int64_t position) const { return detections_.scores[matched(position).row]; }

  // The whole class by score; equal scores keep the order by image and by rank in it.
  void rank_by_score(int64_t label) {
    const int64_t begin = matches_.class_begin[label];
    const int64_t count = matches_.class_begin[label + 1] - begin;
    ranked_.resize(static_cast<size_t>(count));
    for (int64_t i = 0; i < count; ++i) {
      ranked_[i] = descending_key(score(begin + i)) >> 32 << 32 | static_cast<uint64_t>(begin + i);
    }
    sort_by_upper_half(ranked_.data(), count, &spare_);
    const auto better = [this](uint64_t a, uint64_t b) { return score(a & 0xffffffffu) > score(b & 0xffffffffu); };
    for (int64_t i = 0; i < count;) {  // scores that agree in their upper 32 bits only
      int64_t end = i + 1;
      while (end < count && ranked_[end] >> 32 == ranked_[i] >> 32) ++end;
      if (end - i > 1) std::stable_sort(ranked_.begin() + i, ranked_.begin() + end, better);
      i = end;
    }
  }

  // A curve holds at most one true positive per ground truth.
  void lay_out_curves(int64_t most) {
    room_ = most;
    std::fill(false_positives_.begin(), false_positives_.end(), 0);
    std::fill(corrections_.begin(), corrections_.end(), 0);
    std::fill(found_.begin(), found_.end(), 0);
    const size_t needed = static_cast<size_t>(lanes_.count() * maxima_ * most);
    if (curve_false_.size() < needed) {
      curve_false_.resize(needed);
      curve_position_.resize(needed);
    }
  }

  // False positives are counted per column as if nothing matched; the few detections that match, or count for nothing,
  // correct that per curve.
  void count(int64_t position) {
    const Matched& detection = matched(position);
    int64_t first = 0;  // maxima ascend: the detection counts from here on
    while (first < maxima_ && detection.rank >= settings_.max_detections[first]) ++first;
    for (int64_t a = 0; a < lanes_.areas; ++a) {
      const int32_t is_in_range = static_cast<int32_t>(detection.ranges >> a & 1);
      for (int64_t m = first; m < maxima_; ++m) false_positives_[a * maxima_ + m] += is_in_range;
    }
    // A detection that overlaps nothing is ignored outside its ranges and false inside: there is nothing to correct.
    const uint64_t in_range = lanes_.of_ranges(detection.ranges);
    const uint64_t not_false = (detection.outcome.true_positive | detection.outcome.ignored) & in_range;
    for (uint64_t left = not_false; left != 0; left &= left - 1) {
      const int64_t lane = __builtin_ctzll(left);
      for (int64_t m = first; m < maxima_; ++m) ++corrections_[lane * maxima_ + m];
    }
    for (uint64_t left = detection.outcome.true_positive; left != 0; left &= left - 1) {
      append(__builtin_ctzll(left), first, position);
    }
  }

  void append(int64_t lane, int64_t first, int64_t position) {
    const int64_t area = lane / lanes_.thresholds;
    for (int64_t m = first; m < maxima_; ++m) {
      const int64_t curve = lane * maxima_ + m;
      const int64_t at = curve * room_ + found_[curve]++;
      curve_false_[at] = false_positives_[area * maxima_ + m] - corrections_[curve];
      curve_position_[at] = static_cast<int32_t>(position);
    }
  }

  void find_needed(const int64_t* truths) {
    const int64_t recalls = settings_.recall_thresholds_count;
    for (int64_t a = 0; a < lanes_.areas; ++a) {
      for (int64_t r = 0; r < recalls && truths[a] > 0; ++r) {
        needed_[a * recalls + r] = true_positives_for_recall(settings_.recall_thresholds[r], truths[a]);
      }
    }
  }

  // One threshold's columns are gathered first: side by side they fill whole cache lines of the tensors.
  void write_threshold(int64_t label, int64_t t, const int64_t* truths) {
    const int64_t recalls = settings_.recall_thresholds_count;
    std::fill(precision_.begin(), precision_.end(), -1.0);
    std::fill(scores_.begin(), scores_.end(), -1.0);
    double* recall = tensors_.recall + (t * settings_.classes + label) * columns_;
    for (int64_t a = 0; a < lanes_.areas; ++a) {
      for (int64_t m = 0; m < maxima_; ++m) {
        const int64_t column = a * maxima_ + m;
        recall[column] = -1;
        if (truths[a] == 0) continue;  // nothing to find: every entry stays -1
        const int64_t curve = (a * lanes_.thresholds + t) * maxima_ + m;
        recall[column] = recall_at(found_[curve], truths[a]);
        read_curve(curve, needed_.data() + a * recalls, column);
      }
    }
    for (int64_t r = 0; r < recalls; ++r) {
      const int64_t at = ((t * recalls + r) * settings_.classes + label) * columns_;
      std::copy_n(precision_.data() + r * columns_, columns_, tensors_.precision + at);
      std::copy_n(scores_.data() + r * columns_, columns_, tensors_.scores + at);
    }
  }

  // Samples one curve at the recall thresholds, from the last true positive backwards.
  void read_curve(int64_t curve, const int64_t* needed, int64_t column) {
    const int32_t* false_positives = curve_false_.data() + curve * room_;
    const int32_t* positions = curve_position_.data() + curve * room_;
    const int64_t found = found_[curve];
    double envelope = 0;
    int64_t next = found;  // the envelope covers true positives next + 1 .. found
    for (int64_t r = settings_.recall_thresholds_count - 1; r >= 0; --r) {
      const int64_t at = r * columns_ + column;
      precision_[at] = 0;
      scores_[at] = 0;
      if (needed[r] > found) continue;
      for (const int64_t from = std::max<int64_t>(needed[r] - 1, 0); next > from; --next) {
        envelope = std::max(envelope, precision_at(next, false_positives[next - 1]));
      }
      precision_[at] = envelope;
      // Recall 0 is reached by the best detection, whatever became of it.
      if (needed[r] > 0) {
        scores_[at] = score(positions[needed[r] - 1]);
      } else if (!ranked_.empty()) {
        scores_[at] = score(static_cast<int64_t>(ranked_[0] & 0xffffffffu));
      }
    }
  }

  const Matches& matches_;
  const DetectionTable& detections_;
  const CocoSettings& settings_;
  const Lanes& lanes_;
  const CocoTensors& tensors_;
  const int64_t maxima_;
  const int64_t columns_;
  std::vector<uint64_t> ranked_;  // upper half: score; lower half: position in matches
  std::vector<uint64_t> spare_;
  int64_t room_ = 0;                      // true positives a curve has room for
  std::vector<int32_t> false_positives_;  // [A, M], had nothing matched
  std::vector<int32_t> corrections_;      // [A, T, M]
  std::vector<int32_t> found_;            // [A, T, M], true positives so far
  std::vector<int32_t> curve_false_;      // [A, T, M, room]
  std::vector<int32_t> curve_position_;   // [A, T, M, room]
  std::vector<int64_t> needed_;           // [A, R]
  std::vector<double> precision_;         // [R, A, M]
  std::vector<double> scores_;            // [R, A, M]
};

}  // namespace

void accumulate(const Matches& matches, const DetectionTable& detections, const CocoSettings& settings,
                const Lanes& lanes, const CocoTensors& tensors) {
  Accumulator accumulator(matches, detections, settings, lanes, tensors);
  for (int64_t label = 0; label < settings.classes; ++label) accumulator.run(label);
}

}  // namespace bench_freeze
