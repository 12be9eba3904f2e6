// The kernels of csrc/cuda launched on the CPU: every block one after the other, each by the runner that is given.
#pragma once

#include <cstdint>
#include <cstring>
#include <vector>

#include "cuda/match_plan.h"
#include "cuda/nms_stages.h"
#include "doubles.h"

namespace bench_freeze {

// Memory as a device allocator returns it: aligned, and full of whatever was there.
class Workspace {
 public:
  explicit Workspace(int64_t bytes) : memory_(static_cast<size_t>(bytes) + kAlignment) {
    fill_with_rubbish(memory_.data(), memory_.size());
  }
  void* data() {
    const uintptr_t address = reinterpret_cast<uintptr_t>(memory_.data());
    return memory_.data() + (kAlignment - address % kAlignment) % kAlignment;
  }

 private:
  static constexpr size_t kAlignment = 256;
  std::vector<char> memory_;
};

struct OwnedDetections {
  std::vector<float> boxes, scores;
  std::vector<int32_t> labels, count;
  std::vector<int64_t> dropped_candidates, dropped_detections, fault;

  OwnedDetections(int64_t images, int64_t rows, bool is_rubbish)
      : boxes(4 * images * rows),
        scores(images * rows),
        labels(images * rows),
        count(images),
        dropped_candidates(images),
        dropped_detections(images),
        fault(3 * images, -1) {
    if (is_rubbish) fill_with_rubbish(boxes.data(), boxes.size() * sizeof(float));
  }
  CudaDetections view() {
    return {{boxes.data(), scores.data(), labels.data(), count.data(), dropped_candidates.data(),
             dropped_detections.data()},
            fault.data()};
  }
};

template <class Value, class Run>
void run_nms(const NmsTask& task, const Run& run) {
  const Head& head = task.head;
  std::memset(static_cast<void*>(task.states), 0, static_cast<size_t>(task.state_bytes));
  for (int64_t image = 0; image < head.images; ++image) {
    for (int64_t anchor = 0; anchor < head.anchors && !task.settings.multi_label; ++anchor) {
      find_best<Value>(task, image, anchor);
    }
    for (int64_t label = head.classes - 1; label >= 0; --label) {  // blocks start in any order
      const auto shared = shared_memory<ScanShared>();
      run([&](const auto& group) { scan_class<Value>(group, task, image, label, shared.get()); });
    }
    const auto truncating = shared_memory<TruncateShared>();
    run([&](const auto& group) { truncate<Value>(group, task, image, truncating.get()); });
    for (int64_t segment = 0; segment < task.segments; ++segment) {
      const auto shared = shared_memory<SuppressShared>();
      run([&](const auto& group) { suppress_segment<Value>(group, task, image, segment, shared.get()); });
    }
    const auto finishing = shared_memory<FinishShared>();
    run([&](const auto& group) { finish<Value>(group, task, image, finishing.get()); });
  }
}

template <class Run>
void device_nms(const Head& head, const NmsSettings& settings, const CudaDetections& out, const Run& run) {
  Workspace workspace(plan_nms(head, settings, out, nullptr).bytes);
  const NmsTask task = plan_nms(head, settings, out, workspace.data());
  if (head.type == HeadType::kFloat32) {
    run_nms<float>(task, run);
  } else {
    run_nms<int16_t>(task, run);
  }
}

template <class Run>
void device_match(const TruthIndex& truth, int64_t truth_rows, const CudaRanked& detections, const Lanes& lanes,
                  const CudaMatches& out, const Run& run) {
  Workspace workspace(plan_match(truth, truth_rows, detections, lanes, out, nullptr).bytes);
  const MatchTask task = plan_match(truth, truth_rows, detections, lanes, out, workspace.data()).task;
  for (int64_t image = 0; image < detections.images; ++image) {
    const auto worst = shared_memory<uint64_t>();
    run([&](const auto& group) { check_image(group, task, image, worst.get()); });
  }
  for (int64_t image = 0; image < detections.images; ++image) {
    for (int64_t label = 0; label < truth.classes; ++label) {
      const auto shared = shared_memory<MatchShared>();
      run([&](const auto& group) { match_class(group, task, image, label, shared.get()); });
    }
  }
}

}  // namespace bench_freeze
