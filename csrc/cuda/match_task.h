// Matching on the device: one block per (image of the batch, class), written for a Group, like the stages of
// suppression.
#pragma once

#include <cstdint>

#include "core/group.h"
#include "core/match.h"
#include "score_cuda.h"

namespace bench_freeze {

struct MatchTask {
  TruthIndex truth;
  CudaRanked detections;
  CudaMatches out;
  Lanes lanes;
  Truth* truths;      // [N], in the order of the ground truth
  Overlap* overlaps;  // [N]
};

struct MatchShared {
  uint64_t chosen;  // of 64 detections, those of the current class
  Outcome outcome;
};

// Initialises the outcomes of the whole batch, which no class block does: one lane per row.
BENCH_FREEZE_HD inline void clear_match(const MatchTask& task, int64_t row) {
  task.out.true_positive[row] = task.out.ignored[row] = 0;
  task.out.rank[row] = -1;
}

// What is wrong with an image of the batch; values that its class blocks never read are not checked.
BENCH_FREEZE_HD inline MatchFault fault_of_row(const MatchTask& task, int64_t image, int64_t row) {
  const CudaRanked& detections = task.detections;
  const int64_t at = image * detections.rows + row;
  if (detections.labels[at] < 0 || detections.labels[at] >= task.truth.classes) return MatchFault::kLabel;
  if (row > 0 && !(detections.scores[at - 1] >= detections.scores[at])) return MatchFault::kOrder;
  return MatchFault::kNone;
}

// One block per image. If an image came twice, two blocks would take the same ground truth.
template <class Group>
BENCH_FREEZE_HD void check_image(const Group& group, const MatchTask& task, int64_t image, uint64_t* worst) {
  const CudaRanked& detections = task.detections;
  const int64_t position = detections.image[image];
  group.for_each(0, 1, [=](int64_t) { *worst = 0; });
  group.sync();
  const auto report = [&](MatchFault fault) { group.raise(worst, static_cast<uint64_t>(fault)); };
  group.for_each(0, 1, [&](int64_t) {
    const bool is_known = position >= 0 && position < task.truth.images && detections.count[image] >= 0 &&
                          detections.count[image] <= detections.rows;
    if (!is_known) report(MatchFault::kImage);
  });
  group.for_each(0, detections.images, [&](int64_t other) {
    if (other != image && detections.image[other] == position) report(MatchFault::kTwice);
  });
  group.for_each(0, detections.rows, [&](int64_t row) {
    clear_match(task, image * detections.rows + row);
    if (row < detections.count[image]) report(fault_of_row(task, image, row));
  });
  group.sync();
  group.for_each(0, 1, [&](int64_t) { task.out.fault[image] = static_cast<int32_t>(*worst); });
}

// The image's ground truth of one class, all of it free.
template <class Group>
BENCH_FREEZE_HD void place_truths(const Group& group, const MatchTask& task, int64_t begin, int64_t end) {
  group.for_each(begin, end, [&](int64_t row) {
    const bool is_crowd = task.truth.is_crowd[row] != 0;
    const uint64_t ignored = is_crowd ? task.lanes.every_lane() : task.lanes.lanes_outside(task.truth.area[row]);
    task.truths[row] = {task.truth.boxes + 4 * row, ignored, 0, is_crowd, task.truth.is_void[row] != 0};
  });
}

// The first row in [begin, end) with class `label` or later; the rows ascend by class.
BENCH_FREEZE_HD inline int64_t first_of_class(const int32_t* labels, int64_t begin, int64_t end, int64_t label) {
  while (begin < end) {
    const int64_t middle = begin + (end - begin) / 2;
    if (labels[middle] < label) {
      begin = middle + 1;
    } else {
      end = middle;
    }
  }
  return begin;
}

// Matches detection `row`, the next best of its class, with the ground truth [begin, end) of its class and image.
template <class Group>
BENCH_FREEZE_HD void match_row(const Group& group, const MatchTask& task, int64_t row, int64_t begin, int64_t end,
                               MatchShared* shared) {
  const double* box = task.detections.boxes + 4 * row;
  Overlap* overlaps = task.overlaps + begin;
  const Lanes& lanes = task.lanes;
  const uint64_t own_area_ignored = lanes.lanes_outside(box[2] * box[3]);
  if (begin == end) {
    group.for_each(0, 1, [&](int64_t) { task.out.ignored[row] = own_area_ignored; });
    return;
  }
  group.for_each(0, 1, [=](int64_t) { shared->outcome = {0, 0}; });
  // Pairs that overlap too little for every lane stay in the list, since no lane chooses them.
  group.for_each(begin, end, [&](int64_t truth) {
    const Truth& against = task.truths[truth];
    overlaps[truth - begin] = {static_cast<int32_t>(truth - begin),
                               overlap(lanes.rule, box, against.box, against.is_crowd)};
  });
  group.sync();
  match_detection(group, lanes, task.truths + begin, overlaps, static_cast<int32_t>(end - begin), own_area_ignored,
                  &shared->outcome);
  group.for_each(0, 1, [&](int64_t) {
    task.out.true_positive[row] = shared->outcome.true_positive & lanes.every_lane();
    task.out.ignored[row] = shared->outcome.ignored & lanes.every_lane();
  });
}

template <class Group>
BENCH_FREEZE_HD void match_class(const Group& group, const MatchTask& task, int64_t image, int64_t label,
                                 MatchShared* shared) {
  if (task.out.fault[image] != static_cast<int32_t>(MatchFault::kNone)) return;
  const int64_t* truths = task.truth.begin + task.detections.image[image];
  const int64_t begin = first_of_class(task.truth.label, truths[0], truths[1], label);
  const int64_t end = first_of_class(task.truth.label, begin, truths[1], label + 1);
  place_truths(group, task, begin, end);
  int64_t rank = 0;
  for (int64_t chunk = 0; chunk < task.detections.count[image]; chunk += 64) {
    const int64_t left = task.detections.count[image] - chunk;
    const int64_t row = image * task.detections.rows + chunk;
    group.for_each(0, 1, [=](int64_t) { shared->chosen = 0; });
    group.sync();
    group.for_each(0, left < 64 ? left : 64, [&](int64_t i) {
      if (task.detections.labels[row + i] == label) group.set_bits(&shared->chosen, uint64_t{1} << i);
    });
    group.sync();
    for (uint64_t rest = shared->chosen; rest != 0; rest &= rest - 1) {
      const int64_t at = row + lowest_bit(rest);
      match_row(group, task, at, begin, end, shared);
      group.for_each(0, 1, [&](int64_t) { task.out.rank[at] = static_cast<int32_t>(rank); });
      ++rank;
    }
    group.sync();
  }
}

}  // namespace bench_freeze
