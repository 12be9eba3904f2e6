// The stages of CUDA suppression, each the work of one block, written for a Group: the code that the kernels in nms.cu
// run also runs on the CPU in the host doubles of tests/csrc.
//
//   find_best    one block per 256 anchors (single-label only)
//   scan_class   one block per (image, class): its scores above the threshold become a segment of candidates
//   truncate     one block per image: if there are too many candidates, keeps the best
//   suppress     one block per (image, segment): sort, decode, drop
//   finish       one block per image: sort the survivors, write the best, report
#pragma once

#include <cstdint>

#include "core/nms.h"
#include "core/select.h"
#include "core/sort.h"
#include "core/suppress.h"
#include "cuda/nms_task.h"

namespace bench_freeze {

template <class Value>
BENCH_FREEZE_HD const Value* head_row(const NmsTask& task, int64_t image, int64_t row) {
  return static_cast<const Value*>(task.head.data) + image * task.head.image_stride + row * task.head.row_stride;
}

template <class Value>
BENCH_FREEZE_HD BoxXyxy decode(const NmsTask& task, int64_t image, int64_t anchor) {
  const Value* first = head_row<Value>(task, image, 0) + anchor;
  const int64_t stride = task.head.row_stride;
  return decode_box(task.settings.box_format, to_float(first[0]), to_float(first[stride]), to_float(first[2 * stride]),
                    to_float(first[3 * stride]));
}

// Whether a score above the threshold is a candidate: without multi_label, only an anchor's best class is.
BENCH_FREEZE_HD inline bool is_candidate(const NmsTask& task, int64_t image, int64_t anchor, uint64_t key) {
  return task.settings.multi_label || task.best[image * task.head.anchors + anchor] == key;
}

// The smaller integer has the higher score or, on a tie, the lower class.
template <class Value>
BENCH_FREEZE_HD void find_best(const NmsTask& task, int64_t image, int64_t anchor) {
  uint64_t best = ~uint64_t{0};
  for (int64_t label = 0; label < task.head.classes; ++label) {
    const Value score = head_row<Value>(task, image, 4 + label)[anchor];
    if (!task.threshold.passes(score)) continue;
    const uint64_t key = task.packing.pack(to_float(score), label, anchor);
    best = key < best ? key : best;
  }
  task.best[image * task.head.anchors + anchor] = best;
}

struct ScanShared {
  uint32_t found;
  uint32_t begin;
  uint32_t next;
};

// The scores of one 16-byte load.
template <class Value>
struct alignas(16) Scores {
  static constexpr int64_t kCount = 16 / sizeof(Value);
  Value values[kCount];
};

// Calls function(anchor, score) for every anchor of `row`, spread over the lanes.
template <class Group, class Value, class Function>
BENCH_FREEZE_HD void for_each_score(const Group& group, const Value* row, int64_t anchors, const Function& function) {
  constexpr int64_t kCount = Scores<Value>::kCount;
  // Unaligned rows are read score by score, and so is the end of a row.
  const int64_t whole = reinterpret_cast<uintptr_t>(row) % 16 == 0 ? anchors / kCount : 0;
  group.for_each(0, whole, [&](int64_t i) {
    const Scores<Value> scores = reinterpret_cast<const Scores<Value>*>(row)[i];
    for (int64_t j = 0; j < kCount; ++j) function(i * kCount + j, scores.values[j]);
  });
  group.for_each(whole * kCount, anchors, [&](int64_t anchor) { function(anchor, row[anchor]); });
}

template <class Value, class Group>
BENCH_FREEZE_HD void scan_class(const Group& group, const NmsTask& task, int64_t image, int64_t label,
                                ScanShared* shared) {
  const Value* row = head_row<Value>(task, image, 4 + label);
  ImageState& state = task.states[image];
  group.for_each(0, 1, [=](int64_t) { shared->found = shared->next = 0; });
  group.sync();
  uint32_t found = 0;  // by this lane
  bool all_sound = true;
  for_each_score(group, row, task.head.anchors, [&](int64_t anchor, Value score) {
    all_sound &= is_sound(score);
    if (!task.threshold.passes(score)) return;
    found += is_candidate(task, image, anchor, task.packing.pack(to_float(score), label, anchor));
  });
  if (found > 0) group.add(&shared->found, found);
  if (!all_sound) {
    for_each_score(group, row, task.head.anchors, [&](int64_t anchor, Value score) {
      if (!is_sound(score)) group.raise(&state.unsound_score, ~task.packing.place(label, anchor));
    });
  }
  group.sync();
  group.for_each(0, 1, [&](int64_t) {
    shared->begin = shared->found > 0 ? group.add(&state.found, shared->found) : 0;
    task.classes[image * task.head.classes + label] = {shared->begin, shared->found};
  });
  group.sync();
  if (found == 0) return;  // lanes that found something read their scores again, most likely from a cache
  for_each_score(group, row, task.head.anchors, [&](int64_t anchor, Value score) {
    if (!task.threshold.passes(score)) return;
    const uint64_t key = task.packing.pack(to_float(score), label, anchor);
    if (!is_candidate(task, image, anchor, key)) return;
    const int64_t place = int64_t{shared->begin} + group.add(&shared->next, 1);
    if (place < task.capacity) task.keys[image * task.capacity + place] = key;
  });
}

struct TruncateShared {
  SelectShared select;
  uint32_t next;
};

template <class Value, class Group>
BENCH_FREEZE_HD void truncate(const Group& group, const NmsTask& task, int64_t image, TruncateShared* shared) {
  if (task.states[image].found <= task.capacity) return;
  const auto visit_class = [&](int64_t label, const auto& function) {
    for_each_score(group, head_row<Value>(task, image, 4 + label), task.head.anchors, [&](int64_t anchor, Value score) {
      if (!task.threshold.passes(score)) return;
      const uint64_t key = task.packing.pack(to_float(score), label, anchor);
      if (is_candidate(task, image, anchor, key)) function(key);
    });
  };
  const auto visit = [&](const auto& function) {
    for (int64_t label = 0; label < task.head.classes; ++label) visit_class(label, function);
  };
  const uint64_t last = select_smallest(group, visit, task.capacity, &shared->select);
  group.for_each(0, 1, [=](int64_t) { shared->next = 0; });
  group.sync();
  for (int64_t label = 0; label < task.head.classes; ++label) {
    const uint32_t begin = shared->next;
    group.sync();
    visit_class(label, [&](uint64_t key) {
      if (key <= last) task.keys[image * task.capacity + group.add(&shared->next, 1)] = key;
    });
    group.sync();
    group.for_each(0, 1,
                   [&](int64_t) { task.classes[image * task.head.classes + label] = {begin, shared->next - begin}; });
  }
}

// Shared memory to sort a usual number of keys.
template <int64_t kKeys>
struct SortShared {
  static constexpr int64_t kCount = kKeys;
  uint64_t keys[kKeys];
  uint64_t spare[kKeys];
};

// Sorts keys[0, count), in shared memory if they fit, else in place.
template <class Group, class Shared>
BENCH_FREEZE_HD const uint64_t* sort_keys(const Group& group, uint64_t* keys, uint64_t* spare, int64_t count,
                                          Shared* shared) {
  if (count > Shared::kCount) return sort_distinct(group, keys, spare, count);
  group.for_each(0, count, [=](int64_t i) { shared->keys[i] = keys[i]; });
  group.sync();
  return sort_distinct(group, shared->keys, shared->spare, count);
}

struct SuppressShared {
  SortShared<512> sort;
  SuppressTile tile;
};

template <class Value, class Group>
BENCH_FREEZE_HD void suppress_segment(const Group& group, const NmsTask& task, int64_t image, int64_t index,
                                      SuppressShared* shared) {
  ImageState& state = task.states[image];
  const uint32_t used = state.found < task.capacity ? state.found : static_cast<uint32_t>(task.capacity);
  const Segment segment =
      task.settings.class_agnostic ? Segment{0, used} : task.classes[image * task.head.classes + index];
  const int64_t begin = image * task.capacity + segment.begin;
  const int64_t count = segment.count;
  if (count == 0) return;
  const uint64_t* keys = sort_keys(group, task.keys + begin, task.spare + begin, count, &shared->sort);
  BoxXyxy* boxes = task.boxes + begin;
  uint8_t* dropped = task.dropped + begin;
  group.for_each(0, count, [&](int64_t i) {
    boxes[i] = decode<Value>(task, image, task.packing.anchor(keys[i]));
    dropped[i] = 0;
    if (!is_finite(boxes[i])) group.raise(&state.unsound_box, ~keys[i]);
  });
  suppress(group, boxes, count, task.settings.iou_threshold, dropped, &shared->tile);
  group.for_each(0, count, [&](int64_t i) {
    if (!dropped[i]) task.survivors[image * task.capacity + group.add(&state.kept, 1)] = keys[i];
  });
}

struct FinishShared {
  using Sort = SortShared<2048>;
  Sort sort;
  SelectShared select;
  uint32_t next;
};

// Row 0 to 3 of the first box value that is not finite; 0 if only a corner overflows.
template <class Value>
BENCH_FREEZE_HD int64_t unsound_box_row(const NmsTask& task, int64_t image, int64_t anchor) {
  for (int64_t row = 0; row < 4; ++row) {
    if (!is_sound(head_row<Value>(task, image, row)[anchor])) return row;
  }
  return 0;
}

// The fault that the CPU back end would report: scores first, in (class, anchor) order, then boxes in the order of
// candidates.
template <class Value>
BENCH_FREEZE_HD Fault fault_of(const NmsTask& task, int64_t image) {
  const ImageState& state = task.states[image];
  if (state.unsound_score != 0) {
    const uint64_t place = ~state.unsound_score;
    return {image, 4 + task.packing.label(place), task.packing.anchor(place)};
  }
  if (state.unsound_box != 0) {
    const int64_t anchor = task.packing.anchor(~state.unsound_box);
    return {image, unsound_box_row<Value>(task, image, anchor), anchor};
  }
  return {-1, 0, 0};
}

template <class Value, class Group>
BENCH_FREEZE_HD void finish(const Group& group, const NmsTask& task, int64_t image, FinishShared* shared) {
  const ImageState& state = task.states[image];
  const Detections& out = task.out.detections;
  const int64_t rows = task.settings.max_detections;
  const bool is_faulty = state.unsound_score != 0 || state.unsound_box != 0;
  const int64_t kept = is_faulty ? 0 : state.kept;
  const int64_t written = kept < rows ? kept : rows;
  uint64_t* keys = task.survivors + image * task.capacity;
  uint64_t* spare = task.spare + image * task.capacity;
  int64_t sortable = kept;
  if (written > 0 && kept > FinishShared::Sort::kCount) {  // sort only the best
    sortable = written;
    const auto visit = [&](const auto& function) { group.for_each(0, kept, [&](int64_t i) { function(keys[i]); }); };
    const uint64_t last = select_smallest(group, visit, written, &shared->select);
    group.for_each(0, 1, [=](int64_t) { shared->next = 0; });
    group.sync();
    group.for_each(0, kept, [=](int64_t i) {
      if (keys[i] <= last) spare[group.add(&shared->next, 1)] = keys[i];
    });
    group.sync();
    uint64_t* const selected = spare;
    spare = keys;
    keys = selected;
  }
  const uint64_t* sorted = sort_keys(group, keys, spare, sortable, &shared->sort);
  group.for_each(0, rows, [&](int64_t i) {
    const int64_t row = image * rows + i;
    const bool is_used = i < written;
    const BoxXyxy box = is_used ? decode<Value>(task, image, task.packing.anchor(sorted[i])) : BoxXyxy{0, 0, 0, 0};
    out.boxes_xyxy[4 * row] = box.x1;
    out.boxes_xyxy[4 * row + 1] = box.y1;
    out.boxes_xyxy[4 * row + 2] = box.x2;
    out.boxes_xyxy[4 * row + 3] = box.y2;
    out.scores[row] = is_used ? task.packing.score(sorted[i]) : 0;
    out.labels[row] = is_used ? static_cast<int32_t>(task.packing.label(sorted[i])) : 0;
  });
  group.for_each(0, 1, [&](int64_t) {
    out.count[image] = static_cast<int32_t>(written);
    const int64_t dropped_candidates = int64_t{state.found} - task.capacity;
    out.dropped_candidates[image] = !is_faulty && dropped_candidates > 0 ? dropped_candidates : 0;
    out.dropped_detections[image] = kept - written;
    const Fault fault = fault_of<Value>(task, image);
    task.out.fault[3 * image] = fault.image;
    task.out.fault[3 * image + 1] = fault.row;
    task.out.fault[3 * image + 2] = fault.anchor;
  });
}

}  // namespace bench_freeze
