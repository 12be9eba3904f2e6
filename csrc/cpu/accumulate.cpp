#include "core/accumulate.h"

#include <algorithm>
#include <atomic>
#include <stdexcept>
#include <vector>

#include "core/match.h"
#include "cpu/parallel.h"
#include "cpu/ranking.h"

namespace bench_freeze {
namespace {

// One class at a time. A column is one (area range, maximum of detections), as they lie in the tensors; a curve is one
// (IoU threshold, column): the detections that are its true positives and the false positives before each.
class Accumulator {
 public:
  Accumulator(const Matches& matches, const std::vector<int64_t>& truths, int64_t classes,
              const CurveSettings& settings, const Lanes& lanes, const CocoTensors& tensors, std::atomic<int64_t>* tied,
              std::atomic<int64_t>* truncated)
      : matches_(matches),
        truths_(truths),
        classes_(classes),
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
        scores_(static_cast<size_t>(settings.recall_thresholds_count * columns_)),
        tied_(tied),
        truncated_(truncated) {}

  void run(int64_t begin, int64_t end) {
    for (int64_t label = begin; label < end; ++label) run_class(label);
  }

 private:
  void run_class(int64_t label) {
    const int64_t* truths = truths_.data() + label * lanes_.areas;
    const int64_t most = *std::max_element(truths, truths + lanes_.areas);
    ranked_ = &ranking_.rank(matches_, label);
    *tied_ += ranking_.tied();
    *truncated_ += std::count_if(ranking_.detections().begin(), ranking_.detections().end(),
                                 [this](const Matched& m) { return m.rank >= settings_.max_detections[maxima_ - 1]; });
    of_class_ = truths;
    lay_out_curves(most);
    if (most > 0) {
      for (const int32_t position : *ranked_) count(position);
    }
    find_needed(truths);
    for (int64_t t = 0; t < lanes_.thresholds; ++t) write_threshold(label, t, truths);
  }

  double score(int64_t position) const { return ranking_.detections()[position].score; }

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

  // False positives are counted per column as if they were so at every threshold; the few detections that match, or
  // count for nothing, correct that per curve.
  void count(int32_t position) {
    const Matched& detection = ranking_.detections()[position];
    const uint64_t not_false = detection.outcome.true_positive | detection.outcome.ignored;
    int64_t first = 0;  // maxima ascend: the detection counts from here on
    while (first < maxima_ && detection.rank >= settings_.max_detections[first]) ++first;
    uint64_t corrected = 0;
    for (int64_t a = 0; a < lanes_.areas; ++a) {
      const uint64_t of_area = lanes_.all_of_area() << (a * lanes_.thresholds);
      const bool is_counted = (~not_false & of_area) != 0;
      corrected |= is_counted ? not_false & of_area : 0;
      for (int64_t m = first; m < maxima_; ++m) false_positives_[a * maxima_ + m] += is_counted;
    }
    for (uint64_t left = corrected; left != 0; left &= left - 1) {
      const int64_t lane = __builtin_ctzll(left);
      for (int64_t m = first; m < maxima_; ++m) ++corrections_[lane * maxima_ + m];
    }
    for (uint64_t left = detection.outcome.true_positive; left != 0; left &= left - 1) {
      append(__builtin_ctzll(left), first, position);
    }
  }

  void append(int64_t lane, int64_t first, int32_t position) {
    const int64_t area = lane / lanes_.thresholds;
    for (int64_t m = first; m < maxima_; ++m) {
      const int64_t curve = lane * maxima_ + m;
      // Matching cannot find more than there is; masks that say so come from elsewhere, and have no room here.
      if (found_[curve] >= of_class_[area]) throw std::invalid_argument("matches: more found than there is");
      const int64_t at = curve * room_ + found_[curve]++;
      curve_false_[at] = false_positives_[area * maxima_ + m] - corrections_[curve];
      curve_position_[at] = position;
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
    double* recall = tensors_.recall + (t * classes_ + label) * columns_;
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
      const int64_t at = ((t * recalls + r) * classes_ + label) * columns_;
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
      } else if (!ranked_->empty()) {
        scores_[at] = score(ranked_->front());
      }
    }
  }

  const Matches& matches_;
  const std::vector<int64_t>& truths_;  // [K, A]
  const int64_t* of_class_ = nullptr;   // [A]
  const int64_t classes_;
  const CurveSettings& settings_;
  const Lanes& lanes_;
  const CocoTensors& tensors_;
  const int64_t maxima_;
  const int64_t columns_;
  Ranking ranking_;
  const std::vector<int32_t>* ranked_ = nullptr;
  int64_t room_ = 0;                      // true positives a curve has room for
  std::vector<int32_t> false_positives_;  // [A, M], had nothing matched
  std::vector<int32_t> corrections_;      // [A, T, M]
  std::vector<int32_t> found_;            // [A, T, M], true positives so far
  std::vector<int32_t> curve_false_;      // [A, T, M, room]
  std::vector<int32_t> curve_position_;   // [A, T, M, room]
  std::vector<int64_t> needed_;           // [A, R]
  std::vector<double> precision_;         // [R, A, M]
  std::vector<double> scores_;            // [R, A, M]
  std::atomic<int64_t>* tied_;
  std::atomic<int64_t>* truncated_;
};

}  // namespace

CurveCounts accumulate(const TruthIndex& truth, const MatchTable& matches, const MatchSettings& settings,
                       const CurveSettings& curves, int64_t threads, const CocoTensors& tensors) {
  const Lanes lanes = make_lanes(settings);
  const Matches grouped = by_class(matches, truth.classes, threads);
  const std::vector<int64_t> truths = count_truth(truth, lanes);
  std::atomic<int64_t> tied{0};
  std::atomic<int64_t> truncated{0};
  share_out(truth.classes, 1, threads,
            [&] { return Accumulator(grouped, truths, truth.classes, curves, lanes, tensors, &tied, &truncated); });
  return {tied, truncated};
}

void raw_curves(const TruthIndex& truth, const MatchTable& matches, int64_t lane, const RawCurves& out) {
  const Matches grouped = by_class(matches, truth.classes, 1);
  Ranking ranking;
  int64_t at = 0;
  for (int64_t label = 0; label < truth.classes; ++label) {
    out.begin[label] = at;
    int32_t false_positives = 0;
    int64_t unfinished = at;  // true positives from here on tie with the detection at hand
    double score = 0;
    for (const int32_t position : ranking.rank(grouped, label)) {
      const Matched& detection = ranking.detections()[position];
      if (detection.score != score) {
        std::fill(out.false_positives_tied + unfinished, out.false_positives_tied + at, false_positives);
        unfinished = at;
        score = detection.score;
      }
      if (detection.outcome.true_positive >> lane & 1) {
        out.false_positives[at] = false_positives;
        out.scores[at++] = score;
      } else if (!(detection.outcome.ignored >> lane & 1)) {
        ++false_positives;
      }
    }
    std::fill(out.false_positives_tied + unfinished, out.false_positives_tied + at, false_positives);
  }
  out.begin[truth.classes] = at;
}

}  // namespace bench_freeze
