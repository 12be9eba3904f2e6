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

// Processes one class at a time. A column is one (area range, maximum of detections), as in the tensors; a curve is one
// (IoU threshold, column). Of a curve, only what the recall thresholds need is kept: for each threshold, the score of
// the true positive that reaches it, and the highest precision from there to the one that reaches the next.
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
        curves_(static_cast<size_t>(lanes.count() * maxima_)),
        highest_(curves_.size() * static_cast<size_t>(settings.recall_thresholds_count)),
        reaching_score_(highest_.size()),
        needed_(static_cast<size_t>(lanes.areas * settings.recall_thresholds_count)),
        precision_(static_cast<size_t>(settings.recall_thresholds_count * columns_)),
        scores_(static_cast<size_t>(settings.recall_thresholds_count * columns_)),
        tied_(tied),
        truncated_(truncated) {
    for (int64_t a = 0; a < lanes.areas; ++a) of_area_.push_back(lanes.all_of_area() << (a * lanes.thresholds));
  }

  void run(int64_t begin, int64_t end) {
    for (int64_t label = begin; label < end; ++label) run_class(label);
  }

 private:
  // One curve so far.
  struct Curve {
    int32_t corrections = 0;  // of the false positives, for ranks from the maximum before to its own
    int32_t found = 0;        // true positives
    int64_t reached = -1;     // the last recall threshold reached; -1: none
    double highest = 0;       // the highest precision since then
  };

  void run_class(int64_t label) {
    const int64_t* truths = truths_.data() + label * lanes_.areas;
    const int64_t most = *std::max_element(truths, truths + lanes_.areas);
    of_class_ = truths;
    find_needed(truths);
    std::fill(false_positives_.begin(), false_positives_.end(), 0);
    std::fill(curves_.begin(), curves_.end(), Curve{});
    best_score_ = 0;
    bool is_first = true;
    int64_t truncated = 0;
    ranking_.for_each(matches_, label, [&](const Matched& detection) {
      if (is_first) best_score_ = detection.score;
      is_first = false;
      truncated += detection.rank >= settings_.max_detections[maxima_ - 1];
      if (most > 0) count(detection);
    });
    *tied_ += ranking_.tied();
    *truncated_ += truncated;
    for (int64_t t = 0; t < lanes_.thresholds; ++t) write_threshold(label, t, truths);
  }

  // Detections are counted as false positives per area range, for all thresholds at once; the few that match or are
  // ignored are corrected per lane. Each is counted once, at the first maximum that includes it, so a curve's number is
  // the sum up to its own maximum.
  void count(const Matched& detection) {
    int64_t first = 0;  // maxima ascend: the detection counts from here on
    while (first < maxima_ && detection.rank >= settings_.max_detections[first]) ++first;
    if (first == maxima_) return;
    const uint64_t not_false = detection.outcome.true_positive | detection.outcome.ignored;
    int32_t* false_positives = false_positives_.data() + first * lanes_.areas;
    uint64_t corrected = not_false;
    for (int64_t a = 0; a < lanes_.areas; ++a) {
      const uint64_t of_area = of_area_[a];
      const bool is_counted = (~not_false & of_area) != 0;
      corrected &= is_counted ? ~uint64_t{0} : ~of_area;
      false_positives[a] += is_counted;
    }
    for (uint64_t left = corrected; left != 0; left &= left - 1) {
      ++curves_[__builtin_ctzll(left) * maxima_ + first].corrections;
    }
    for (uint64_t left = detection.outcome.true_positive; left != 0; left &= left - 1) {
      append(__builtin_ctzll(left), first, detection.score);
    }
  }

  void append(int64_t lane, int64_t first, double score) {
    const int64_t area = lane / lanes_.thresholds;
    const int64_t recalls = settings_.recall_thresholds_count;
    const int64_t* needed = needed_.data() + area * recalls;
    int64_t false_positives = 0;
    for (int64_t m = 0; m < maxima_; ++m) {
      const int64_t number = lane * maxima_ + m;
      Curve& curve = curves_[number];
      false_positives += false_positives_[m * lanes_.areas + area] - curve.corrections;
      if (m < first) continue;
      // Matching cannot find more objects than there are; such masks come from a wrong or damaged source.
      if (curve.found >= of_class_[area]) throw std::invalid_argument("matches: more found than there is");
      const int64_t found = ++curve.found;
      while (curve.reached + 1 < recalls && needed[curve.reached + 1] <= found) {
        if (curve.reached >= 0) highest_[number * recalls + curve.reached] = curve.highest;
        curve.highest = 0;
        reaching_score_[number * recalls + ++curve.reached] = score;
      }
      curve.highest = std::max(curve.highest, precision_at(found, false_positives));
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

  // Gathers one threshold's columns first, because side by side they fill whole cache lines of the tensors.
  void write_threshold(int64_t label, int64_t t, const int64_t* truths) {
    const int64_t recalls = settings_.recall_thresholds_count;
    std::fill(precision_.begin(), precision_.end(), -1.0);
    std::fill(scores_.begin(), scores_.end(), -1.0);
    double* recall = tensors_.recall + (t * classes_ + label) * columns_;
    for (int64_t a = 0; a < lanes_.areas; ++a) {
      for (int64_t m = 0; m < maxima_; ++m) {
        const int64_t column = a * maxima_ + m;
        recall[column] = -1;
        if (truths[a] == 0) continue;  // no ground truth: every entry stays -1
        const int64_t curve = (a * lanes_.thresholds + t) * maxima_ + m;
        recall[column] = recall_at(curves_[curve].found, truths[a]);
        read_curve(curve, needed_.data() + a * recalls, column);
      }
    }
    for (int64_t r = 0; r < recalls; ++r) {
      const int64_t at = ((t * recalls + r) * classes_ + label) * columns_;
      std::copy_n(precision_.data() + r * columns_, columns_, tensors_.precision + at);
      std::copy_n(scores_.data() + r * columns_, columns_, tensors_.scores + at);
    }
  }

  // From the last recall threshold backwards: the envelope is the highest precision there and later.
  void read_curve(int64_t curve, const int64_t* needed, int64_t column) {
    const int64_t recalls = settings_.recall_thresholds_count;
    const int64_t reached = curves_[curve].reached;
    double envelope = 0;
    for (int64_t r = recalls - 1; r >= 0; --r) {
      const bool is_reached = r <= reached;
      const double highest = r < reached ? highest_[curve * recalls + r] : curves_[curve].highest;
      if (is_reached) envelope = std::max(envelope, highest);
      const int64_t at = r * columns_ + column;
      precision_[at] = envelope;
      scores_[at] = is_reached ? reaching_score_[curve * recalls + r] : 0;
      if (needed[r] == 0) scores_[at] = best_score_;  // the best detection reaches it, true positive or not
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
  std::vector<uint64_t> of_area_;         // [A], its lanes
  double best_score_ = 0;                 // 0 without detections
  std::vector<int32_t> false_positives_;  // [M, A], before corrections; for ranks from one maximum to the next
  std::vector<Curve> curves_;             // [A, T, M]
  std::vector<double> highest_;           // [A, T, M, R], precision; valid below the last threshold reached
  std::vector<double> reaching_score_;    // [A, T, M, R]; valid up to it
  std::vector<int64_t> needed_;           // [A, R]
  std::vector<double> precision_;         // [R, A, M]
  std::vector<double> scores_;            // [R, A, M]
  std::atomic<int64_t>* tied_;
  std::atomic<int64_t>* truncated_;
};

}  // namespace

CurveCounts accumulate(const TruthIndex& truth, const MatchPart* parts, int64_t count, const MatchSettings& settings,
                       const CurveSettings& curves, int64_t threads, const CocoTensors& tensors) {
  const Lanes lanes = make_lanes(settings);
  const Matches grouped = by_class(parts, count, truth.images, truth.classes, threads);
  const std::vector<int64_t> truths = count_truth(truth, lanes);
  std::atomic<int64_t> tied{0};
  std::atomic<int64_t> truncated{0};
  share_out(truth.classes, 1, threads,
            [&] { return Accumulator(grouped, truths, truth.classes, curves, lanes, tensors, &tied, &truncated); });
  return {tied, truncated};
}

void raw_curves(const TruthIndex& truth, const MatchTable& matches, int64_t lane, const RawCurves& out) {
  const MatchPart whole{nullptr, matches};
  const Matches grouped = by_class(whole, truth.classes, 1);
  Ranking ranking;
  int64_t at = 0;
  for (int64_t label = 0; label < truth.classes; ++label) {
    out.begin[label] = at;
    int32_t false_positives = 0;
    int64_t unfinished = at;  // true positives from here on tie with the current detection
    double score = 0;
    ranking.for_each(grouped, label, [&](const Matched& detection) {
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
    });
    std::fill(out.false_positives_tied + unfinished, out.false_positives_tied + at, false_positives);
  }
  out.begin[truth.classes] = at;
}

}  // namespace bench_freeze
