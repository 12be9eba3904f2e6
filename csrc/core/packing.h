// A candidate is one integer: the descending key of its score, its class, its anchor. Ascending integers give the total
// order (score descending, then class, then anchor), whatever the back end and the batch.
#pragma once

#include <cstdint>

#include "core/host_device.h"
#include "core/order.h"

namespace bench_freeze {

class Packing {
 public:
  Packing() = default;
  explicit Packing(int64_t anchors) {
    while ((int64_t{1} << anchor_bits_) < anchors) ++anchor_bits_;
  }
  BENCH_FREEZE_HD uint64_t pack(float score, int64_t label, int64_t anchor) const {
    return static_cast<uint64_t>(descending_key(score)) << 32 | place(label, anchor);
  }
  // The candidate without its score: (class, anchor) in ascending order.
  BENCH_FREEZE_HD uint64_t place(int64_t label, int64_t anchor) const {
    return static_cast<uint64_t>(label) << anchor_bits_ | static_cast<uint64_t>(anchor);
  }
  BENCH_FREEZE_HD float score(uint64_t candidate) const { return score_of_key(static_cast<uint32_t>(candidate >> 32)); }
  BENCH_FREEZE_HD int64_t label(uint64_t candidate) const {
    return static_cast<int64_t>((candidate & 0xffffffffu) >> anchor_bits_);
  }
  BENCH_FREEZE_HD int64_t anchor(uint64_t candidate) const {
    return static_cast<int64_t>(candidate & ((uint64_t{1} << anchor_bits_) - 1));
  }

 private:
  int32_t anchor_bits_ = 0;
};

}  // namespace bench_freeze
