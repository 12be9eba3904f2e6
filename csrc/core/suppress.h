// Greedy suppression of one class by a Group: serial over tiles of the ranked candidates, parallel over the pairs
// within a tile and over all candidates after it.
//
// The CPU back end processes columns in vectors instead (cpu/suppress.cpp). Both use the decision in core/nms.h, and
// tests check that they agree.
#pragma once

#include <cstdint>

#include "core/box.h"
#include "core/group.h"
#include "core/host_device.h"
#include "core/nms.h"

namespace bench_freeze {

// Shared by the lanes of one group: a tile's members that no earlier tile dropped.
struct SuppressTile {
  static constexpr int32_t kSize = 64;  // one bit each
  BoxXyxy boxes[kSize];
  float areas[kSize];
  uint64_t rivals[kSize];  // members before this one that would drop it
  uint64_t alive;
  uint64_t contested;  // members with a rival
};

// Members that greedy suppression keeps. Every lane computes this itself, so that no lane has to wait.
BENCH_FREEZE_HD inline uint64_t resolve(const SuppressTile& tile) {
  uint64_t kept = tile.alive & ~tile.contested;
  for (uint64_t open = tile.alive & tile.contested; open != 0; open &= open - 1) {
    const int32_t member = lowest_bit(open);
    if ((tile.rivals[member] & kept) == 0) kept |= uint64_t{1} << member;
  }
  return kept;
}

// boxes[0, count) are in the total order. Sets dropped[i], which the caller cleared, if a kept box before i suppresses
// box i. The caller syncs before; afterwards every lane may read the result.
template <class Group>
BENCH_FREEZE_HD void suppress(const Group& group, const BoxXyxy* boxes, int64_t count, float iou_threshold,
                              uint8_t* dropped, SuppressTile* tile) {
  for (int64_t begin = 0; begin < count; begin += SuppressTile::kSize) {
    const int64_t size = count - begin < SuppressTile::kSize ? count - begin : SuppressTile::kSize;
    group.for_each(0, 1, [=](int64_t) { tile->alive = tile->contested = 0; });
    group.sync();
    group.for_each(0, size, [=](int64_t i) {
      tile->boxes[i] = boxes[begin + i];
      tile->areas[i] = box_area(boxes[begin + i]);
      tile->rivals[i] = 0;
      if (!dropped[begin + i]) group.set_bits(&tile->alive, uint64_t{1} << i);
    });
    group.sync();
    group.for_each(0, size * size, [=](int64_t pair) {
      const int32_t member = static_cast<int32_t>(pair / size);
      const int32_t rival = static_cast<int32_t>(pair % size);
      const uint64_t both = uint64_t{1} << member | uint64_t{1} << rival;
      if (rival >= member || (tile->alive & both) != both) return;
      if (!suppresses(tile->boxes[rival], tile->areas[rival], tile->boxes[member], tile->areas[member],
                      iou_threshold)) {
        return;
      }
      group.set_bits(&tile->rivals[member], uint64_t{1} << rival);
      group.set_bits(&tile->contested, uint64_t{1} << member);
    });
    group.sync();
    const uint64_t kept = resolve(*tile);
    group.for_each(begin, count, [=](int64_t i) {
      if (i < begin + size) {
        dropped[i] = (kept >> (i - begin) & 1) == 0;
        return;
      }
      if (dropped[i]) return;
      const BoxXyxy box = boxes[i];
      const float area = box_area(box);
      for (uint64_t rest = kept; rest != 0; rest &= rest - 1) {
        const int32_t member = lowest_bit(rest);
        if (suppresses(tile->boxes[member], tile->areas[member], box, area, iou_threshold)) {
          dropped[i] = 1;
          return;
        }
      }
    });
    group.sync();
  }
}

}  // namespace bench_freeze
