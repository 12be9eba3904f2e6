// Matched detections of a data set by class and, within it, by score.
#pragma once

#include <cstdint>
#include <vector>

#include "core/match.h"
#include "score.h"

namespace bench_freeze {

// A detection after matching. `rank` is its place within its image and class, from 0.
struct Matched {
  int32_t image;  // position in the table
  int32_t rank;
  double score;
  Outcome outcome;
};

// Where the detections of each class lie in a table, which has to outlive this.
struct Matches {
  struct Place {
    int32_t image;
    int32_t rank;
    int32_t row;
  };
  const MatchTable& table;
  std::vector<Place> places;   // by class, then image, then rank
  std::vector<int64_t> begin;  // [K + 1]
};

Matches by_class(const MatchTable& table, int64_t classes, int64_t threads);

// Ground truth that is not ignored, [K, A].
std::vector<int64_t> count_truth(const TruthIndex& truth, const Lanes& lanes);

// One class at a time, best score first; equal scores keep the order by image and rank.
class Ranking {
 public:
  // Positions in detections().
  const std::vector<int32_t>& rank(const Matches& matches, int64_t label);

  // Of the class ranked last, by image and rank.
  const std::vector<Matched>& detections() const { return detections_; }

  // How many of them share their score with another.
  int64_t tied() const { return tied_; }

 private:
  std::vector<Matched> detections_;
  std::vector<uint64_t> items_;  // upper half: score; lower half: position in detections_
  std::vector<uint64_t> spare_;
  std::vector<int32_t> order_;
  int64_t tied_ = 0;
};

}  // namespace bench_freeze
