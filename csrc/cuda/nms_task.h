// Shared by the stages of CUDA suppression: the place of each array in the workspace, and the sizes of the grids. Plain
// host arithmetic, tested without a GPU.
#pragma once

#include <cstdint>

#include "core/box.h"
#include "core/packing.h"
#include "core/threshold.h"
#include "cuda/layout.h"
#include "score_cuda.h"

namespace bench_freeze {

// Zero before every call.
struct ImageState {
  uint64_t unsound_score;  // complement of the first place with a score that is not finite
  uint64_t unsound_box;    // complement of the best candidate with a box that is not finite
  uint32_t found;          // candidates
  uint32_t kept;           // survivors
};

// The place of one class's candidates among those of the image.
struct Segment {
  uint32_t begin;
  uint32_t count;
};

struct NmsTask {
  Head head;
  NmsSettings settings;
  CudaDetections out;
  Packing packing;
  ScoreThreshold threshold;
  int64_t capacity;     // the most candidates of an image that enter suppression
  int64_t segments;     // per image: one per class, or one
  ImageState* states;   // [B]
  Segment* classes;     // [B, C]
  uint64_t* keys;       // [B, capacity] candidates
  uint64_t* spare;      // [B, capacity]
  uint64_t* survivors;  // [B, capacity]
  BoxXyxy* boxes;       // [B, capacity]
  uint8_t* dropped;     // [B, capacity]
  uint64_t* best;       // [B, A] best candidate of each anchor; single-label only
  int64_t state_bytes;  // to clear before every call, from the start of the workspace
  int64_t bytes;        // of the whole workspace
};

// With a null workspace, only the sizes are computed.
inline NmsTask plan_nms(const Head& head, const NmsSettings& settings, const CudaDetections& out, void* workspace) {
  NmsTask task{};
  task.head = head;
  task.settings = settings;
  task.out = out;
  task.packing = Packing(head.anchors);
  task.threshold = ScoreThreshold(settings.score_threshold);
  const int64_t scores = product(head.classes, head.anchors, INT32_MAX);  // per image; counters have 32 bits
  product(head.classes, int64_t{1} << (head.anchors > 1 ? 64 - __builtin_clzll(head.anchors - 1) : 0),
          int64_t{1} << 32);  // a packed (class, anchor) has 32 bits
  const int64_t most = settings.multi_label ? scores : head.anchors;
  task.capacity = settings.max_candidates < most ? settings.max_candidates : most;
  task.segments = settings.class_agnostic ? 1 : head.classes;
  product(head.images, head.classes, kMostBlocks);
  product(head.images, settings.max_detections);
  const int64_t candidates = product(head.images, task.capacity);

  Layout layout(workspace);
  task.states = layout.take<ImageState>(head.images);
  task.state_bytes = layout.bytes();
  task.classes = layout.take<Segment>(product(head.images, head.classes));
  task.keys = layout.take<uint64_t>(candidates);
  task.spare = layout.take<uint64_t>(candidates);
  task.survivors = layout.take<uint64_t>(candidates);
  task.boxes = layout.take<BoxXyxy>(candidates);
  task.dropped = layout.take<uint8_t>(candidates);
  if (!settings.multi_label) task.best = layout.take<uint64_t>(product(head.images, head.anchors));
  task.bytes = layout.bytes();
  return task;
}

}  // namespace bench_freeze
