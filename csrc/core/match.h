// Greedy matching of one image and class, for every IoU threshold and area range at once.
//
// A lane is one (area range, IoU threshold); lanes are independent of each other and each owns one bit of a 64-bit
// word, bit = area * thresholds + threshold. Detections are serial, lanes are parallel.
#pragma once

#include <cstdint>

#include "core/box.h"
#include "core/host_device.h"

namespace bench_freeze {

constexpr int32_t kMaxLanes = 64;

// The program whose decisions are reproduced. All are greedy by descending score within an image and class.
enum class MatchRule : int32_t {
  // pycocotools: the free ground truth with the highest IoU, the last one on a tie; ignored ones only if no other fits.
  kCoco,
  // Ultralytics 8.4.183: the free ground truth with the highest IoU, the first one on a tie; IoU in float32.
  kUltralytics,
  // VOC development kit: the ground truth with the highest IoU, the first one on a tie, free or not; if it is taken
  // already, the detection is false. A crowd stands for a difficult object in VOC, with the usual IoU.
  kVoc,
};

struct Lanes {
  MatchRule rule = MatchRule::kCoco;
  int32_t thresholds = 0;
  int32_t areas = 0;
  double lowest_iou[kMaxLanes] = {};  // [T], the lowest IoU of a match
  double area_ranges[2 * kMaxLanes] = {};
  uint64_t every_area = 0;  // bit 0 of each area range

  BENCH_FREEZE_HD int32_t count() const { return thresholds * areas; }
  BENCH_FREEZE_HD uint64_t all_of_area() const {
    return thresholds == kMaxLanes ? ~uint64_t{0} : (uint64_t{1} << thresholds) - 1;
  }

  BENCH_FREEZE_HD uint64_t every_lane() const { return all_of_area() * every_area; }

  // Lanes whose threshold this IoU reaches. Compared as in pycocotools, so that NaN reaches all.
  BENCH_FREEZE_HD uint64_t reached(double iou) const {
    uint64_t bits = 0;
    for (int32_t t = 0; t < thresholds; ++t) bits |= static_cast<uint64_t>(!(iou < lowest_iou[t])) << t;
    return bits * every_area;
  }

  // Whether `area` lies outside of range a; its ends are inside, and so is NaN. Without a branch, which would depend on
  // the data.
  BENCH_FREEZE_HD bool is_outside(double area, int32_t a) const {
    return (area < area_ranges[2 * a]) | (area > area_ranges[2 * a + 1]);
  }

  // Bit a is set where `area` lies in range a.
  BENCH_FREEZE_HD uint64_t ranges_with(double area) const {
    uint64_t bits = 0;
    for (int32_t a = 0; a < areas; ++a) bits |= static_cast<uint64_t>(!is_outside(area, a)) << a;
    return bits;
  }

  // Lanes of the area ranges in which `area` does not lie.
  BENCH_FREEZE_HD uint64_t lanes_outside(double area) const {
    uint64_t outside = 0;
    for (int32_t a = 0; a < areas; ++a) outside |= static_cast<uint64_t>(is_outside(area, a)) << (a * thresholds);
    return outside * all_of_area();
  }
};

// COCO: the lowest IoU of a match is just below 1, even if the threshold is 1.
BENCH_FREEZE_HD inline double lowest_iou(double threshold) { return threshold < 1 - 1e-10 ? threshold : 1 - 1e-10; }

// T x A may not exceed 64: one bit per IoU threshold and area range.
struct MatchSettings {
  MatchRule rule;
  int64_t iou_thresholds_count;
  const double* iou_thresholds;  // [T]
  int64_t area_ranges_count;
  const double* area_ranges;  // [A, 2], both ends inclusive
};

inline Lanes make_lanes(const MatchSettings& settings) {
  Lanes lanes;
  lanes.rule = settings.rule;
  lanes.thresholds = static_cast<int32_t>(settings.iou_thresholds_count);
  lanes.areas = static_cast<int32_t>(settings.area_ranges_count);
  for (int32_t t = 0; t < lanes.thresholds; ++t) {
    const double threshold = settings.iou_thresholds[t];
    lanes.lowest_iou[t] = lanes.rule == MatchRule::kCoco ? lowest_iou(threshold) : threshold;
  }
  for (int32_t i = 0; i < 2 * lanes.areas; ++i) lanes.area_ranges[i] = settings.area_ranges[i];
  for (int32_t a = 0; a < lanes.areas; ++a) lanes.every_area |= uint64_t{1} << (a * lanes.thresholds);
  return lanes;
}

// Overlap of a detection with ground truth in the arithmetic of the rule.
BENCH_FREEZE_HD inline double overlap(MatchRule rule, const double* detection, const double* truth, bool is_crowd) {
  if (rule == MatchRule::kUltralytics) return iou_float32(detection, truth);
  return iou_xywh(detection, truth, is_crowd && rule == MatchRule::kCoco);
}

// One ground truth box while its image is matched.
struct Truth {
  const double* box;
  uint64_t ignored;  // lanes in which it counts as neither found nor missed
  uint64_t taken;    // lanes in which a detection has it
  bool is_crowd;     // can be taken again
  bool is_void;      // a match with it does not count
};

// A ground truth box that the detection at hand overlaps enough for at least one lane.
struct Overlap {
  int32_t truth;
  double iou;
};

struct Outcome {
  uint64_t true_positive;
  uint64_t ignored;
};

// As `choose`, by VOC's rule: the box with the highest IoU is determined first, and only then tested.
template <class Group>
BENCH_FREEZE_HD int32_t choose_highest(const Group& group, const Lanes& lanes, int32_t lane, const Truth* truths,
                                       const Overlap* overlaps, int32_t count) {
  int32_t chosen = 0;
  for (int32_t i = 1; i < count; ++i) {
    if (overlaps[i].iou > overlaps[chosen].iou) chosen = i;
  }
  if (overlaps[chosen].iou < lanes.lowest_iou[lane % lanes.thresholds]) return -1;
  const Truth& truth = truths[overlaps[chosen].truth];
  return (group.bits(&truth.taken) >> lane & 1) != 0 && !truth.is_crowd ? -1 : chosen;
}

// Position in `overlaps` (ascending by ground truth, not empty) that one lane takes, or -1. Ground truth that is not
// ignored comes first; ignored ones are considered only if none of those matched.
template <class Group>
BENCH_FREEZE_HD int32_t choose(const Group& group, const Lanes& lanes, int32_t lane, const Truth* truths,
                               const Overlap* overlaps, int32_t count) {
  if (lanes.rule == MatchRule::kVoc) return choose_highest(group, lanes, lane, truths, overlaps, count);
  const bool first_wins = lanes.rule == MatchRule::kUltralytics;
  const uint64_t bit = uint64_t{1} << lane;
  double best = lanes.lowest_iou[lane % lanes.thresholds];
  int32_t chosen = -1;
  for (int32_t pass = 0; pass < 2 && chosen < 0; ++pass) {
    for (int32_t i = 0; i < count; ++i) {
      const Truth& truth = truths[overlaps[i].truth];
      if (((truth.ignored & bit) != 0) != (pass == 1)) continue;
      if ((group.bits(&truth.taken) & bit) != 0 && !truth.is_crowd) continue;
      if (overlaps[i].iou < best || (first_wins && chosen >= 0 && overlaps[i].iou == best)) continue;
      best = overlaps[i].iou;
      chosen = i;
    }
  }
  return chosen;
}

// The outcome of a detection that matched `truth` in `lanes_taken`.
BENCH_FREEZE_HD inline Outcome outcome_of(const Truth& truth, uint64_t lanes_taken, uint64_t own_area_ignored) {
  const uint64_t ignored = lanes_taken & truth.ignored;
  if (truth.is_void) return {0, ignored | (lanes_taken & own_area_ignored)};
  return {lanes_taken & ~truth.ignored, ignored};
}

// Matches one detection with `overlaps`, which the whole group shares, marks the ground truth that it takes and sets
// `outcome`, which the caller cleared. Lanes without a match are ignored where the detection's own area is.
template <class Group>
BENCH_FREEZE_HD void match_detection(const Group& group, const Lanes& lanes, Truth* truths, const Overlap* overlaps,
                                     int32_t count, uint64_t own_area_ignored, Outcome* outcome) {
  if (count == 1) {  // the usual case; all rules agree, so all lanes go at once
    Truth& truth = truths[overlaps[0].truth];
    const uint64_t free = truth.is_crowd ? ~uint64_t{0} : ~truth.taken;
    const uint64_t taken = lanes.reached(overlaps[0].iou) & free;
    const Outcome found = outcome_of(truth, taken, own_area_ignored);
    group.sync();
    group.for_each(0, 1, [&](int64_t) {
      truth.taken |= taken;
      outcome->true_positive = found.true_positive;
      outcome->ignored = found.ignored | (own_area_ignored & ~taken);
    });
    group.sync();
    return;
  }
  group.for_each(0, lanes.count(), [&](int64_t lane) {
    const uint64_t bit = uint64_t{1} << lane;
    const int32_t chosen = choose(group, lanes, static_cast<int32_t>(lane), truths, overlaps, count);
    if (chosen < 0) {
      group.set_bits(&outcome->ignored, own_area_ignored & bit);
      return;
    }
    Truth& truth = truths[overlaps[chosen].truth];
    const Outcome found = outcome_of(truth, bit, own_area_ignored);
    group.set_bits(&truth.taken, bit);
    group.set_bits(&outcome->true_positive, found.true_positive);
    group.set_bits(&outcome->ignored, found.ignored);
  });
  group.sync();
}

}  // namespace bench_freeze
