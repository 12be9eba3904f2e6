// Greedy suppression of one class whose candidates lie in columns: each kept candidate marks all that it drops at once.
// So comparisons run in vectors, and the only unpredictable branch is whether a candidate is kept.
#pragma once

#include <cstdint>

namespace bench_freeze {

struct BoxColumns {
  const float* x1;
  const float* y1;
  const float* x2;
  const float* y2;
  const float* area;
};

constexpr int64_t kBoxBlock = 8;  // boxes are compared in whole blocks

inline int64_t whole_blocks(int64_t boxes) { return (boxes + kBoxBlock - 1) / kBoxBlock * kBoxBlock; }

// Sets dropped[i], which the caller cleared, if a kept box before i suppresses it. The columns have room for
// whole_blocks(count); values beyond `count` may be anything.
void suppress_columns(const BoxColumns& boxes, int64_t count, float iou_threshold, int32_t* dropped);

}  // namespace bench_freeze
