// Turns the arguments of a matching into the arguments of its kernels.
#pragma once

#include <cstdint>

#include "cuda/layout.h"
#include "cuda/match_task.h"
#include "score_cuda.h"

namespace bench_freeze {

struct MatchPlan {
  MatchTask task;
  int64_t bytes;  // of the workspace
};

inline MatchPlan plan_match(const TruthIndex& truth, int64_t truth_rows, const CudaRanked& detections,
                            const Lanes& lanes, const CudaMatches& out, void* workspace) {
  product(detections.images, truth.classes, kMostBlocks);
  product(product(detections.images, detections.rows), 4);
  product(truth_rows, 1, INT32_MAX);  // an overlap stores its ground truth in 32 bits
  Layout layout(workspace);
  MatchTask task{};
  task.truth = truth;
  task.detections = detections;
  task.out = out;
  task.lanes = lanes;
  task.truths = layout.take<Truth>(truth_rows);
  task.overlaps = layout.take<Overlap>(truth_rows);
  return {task, layout.bytes()};
}

}  // namespace bench_freeze
