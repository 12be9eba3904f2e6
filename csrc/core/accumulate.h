// Precision and recall from the true positives alone: between two of them precision only falls, so its envelope is
// attained at a true positive. A true positive is described by its rank and the number of false positives before it.
#pragma once

#include <cstdint>

#include "core/host_device.h"

namespace bench_freeze {

// The protocol's quotient, operation by operation; 2^-52 avoids 0 / 0.
BENCH_FREEZE_HD inline double precision_at(int64_t true_positives, int64_t false_positives) {
  const double tp = static_cast<double>(true_positives);
  return tp / (static_cast<double>(false_positives) + tp + 2.220446049250313e-16);
}

BENCH_FREEZE_HD inline double recall_at(int64_t true_positives, int64_t truths) {
  return static_cast<double>(true_positives) / static_cast<double>(truths);
}

// The fewest true positives whose recall reaches `threshold`; more than `truths` if no number does. The rounded
// quotient decides; the product is at most one too small.
BENCH_FREEZE_HD inline int64_t true_positives_for_recall(double threshold, int64_t truths) {
  if (!(threshold > 0)) return 0;
  if (threshold > 1) return truths + 1;
  int64_t needed = static_cast<int64_t>(threshold * static_cast<double>(truths));
  while (recall_at(needed, truths) < threshold) ++needed;
  return needed;
}

}  // namespace bench_freeze
