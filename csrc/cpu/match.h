// Matching a whole data set: from columns to one outcome per ranked detection.
#pragma once

#include <cstdint>
#include <vector>

#include "core/match.h"
#include "score.h"

namespace bench_freeze {

// A detection after matching. `rank` is its place within its image and class, from 0.
struct Matched {
  int32_t row;
  int32_t rank;
  uint64_t ranges;  // bit a: its own area lies in range a
  Outcome outcome;
};

struct Matches {
  std::vector<Matched> detections;   // by class, image, rank
  std::vector<int64_t> class_begin;  // [K + 1]
  std::vector<int64_t> truth_count;  // [K, A], ground truth that is not ignored
};

Lanes make_lanes(const CocoSettings& settings);

// Keeps the best `max_rank` detections of each image and class.
Matches match(const TruthTable& truth, const DetectionTable& detections, const CocoSettings& settings,
              const Lanes& lanes, int64_t max_rank);

}  // namespace bench_freeze
