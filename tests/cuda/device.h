// The CUDA entry points called from C++ with host data, for tests: memory, copies and a stream of their own.
#pragma once

#include <cuda_runtime.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "inputs.h"
#include "score_cuda.h"

namespace bench_freeze {

inline void require(bool holds, const std::string& what) {
  if (holds) return;
  std::fprintf(stderr, "DIFFERENT: %s\n", what.c_str());
  std::exit(1);
}

inline void require_cuda(cudaError_t error, const char* what) {
  require(error == cudaSuccess, std::string(what) + ": " + cudaGetErrorString(error));
}

// Exactly as many bytes as asked for, so that compute-sanitizer sees a step beyond them.
template <class Item>
class OnDeviceMemory {
 public:
  explicit OnDeviceMemory(size_t count) : count_(count) {
    require_cuda(cudaMalloc(&data_, bytes() > 0 ? bytes() : 1), "cudaMalloc");
    require_cuda(cudaMemset(data_, 0xa5, bytes()), "cudaMemset");
    require_cuda(cudaDeviceSynchronize(), "cudaMemset");  // the tests' stream does not wait for the default one
  }
  explicit OnDeviceMemory(const std::vector<Item>& values) : OnDeviceMemory(values.size()) { set(values); }
  ~OnDeviceMemory() { cudaFree(data_); }
  OnDeviceMemory(const OnDeviceMemory&) = delete;
  OnDeviceMemory& operator=(const OnDeviceMemory&) = delete;

  Item* data() const { return static_cast<Item*>(data_); }
  void set(const std::vector<Item>& values) {
    require_cuda(cudaMemcpy(data_, values.data(), bytes(), cudaMemcpyHostToDevice), "copy to the device");
    require_cuda(cudaDeviceSynchronize(), "copy to the device");
  }
  std::vector<Item> get() const {
    std::vector<Item> values(count_);
    require_cuda(cudaMemcpy(values.data(), data_, bytes(), cudaMemcpyDeviceToHost), "copy to the host");
    return values;
  }

 private:
  size_t bytes() const { return count_ * sizeof(Item); }
  size_t count_;
  void* data_ = nullptr;
};

// Suppression of heads of one shape: its memory is made once and used by every call.
class DeviceNms {
 public:
  DeviceNms(const RandomHead& input, const NmsSettings& settings)
      : settings_(settings),
        head_(input.head),
        floats_(input.halves.empty() ? input.floats.size() : 0),
        halves_(input.halves.size()),
        boxes_(static_cast<size_t>(4 * head_.images * settings.max_detections)),
        scores_(static_cast<size_t>(head_.images * settings.max_detections)),
        labels_(static_cast<size_t>(head_.images * settings.max_detections)),
        count_(static_cast<size_t>(head_.images)),
        dropped_candidates_(static_cast<size_t>(head_.images)),
        dropped_detections_(static_cast<size_t>(head_.images)),
        fault_(static_cast<size_t>(3 * head_.images)),
        workspace_(static_cast<size_t>(nms_cuda_workspace_bytes(head_, settings))) {
    head_.data = input.halves.empty() ? static_cast<const void*>(floats_.data()) : halves_.data();
    set(input);
  }

  void set(const RandomHead& input) {
    if (input.halves.empty()) {
      floats_.set(input.floats);
    } else {
      halves_.set(input.halves);
    }
  }

  void enqueue(cudaStream_t stream) {
    nms_cuda(head_, settings_,
             {{boxes_.data(), scores_.data(), labels_.data(), count_.data(), dropped_candidates_.data(),
               dropped_detections_.data()},
              fault_.data()},
             workspace_.data(), {0, reinterpret_cast<uintptr_t>(stream)});
  }

  // Against the CPU back end, to the last bit.
  void compare(const RandomHead& input, const std::string& where) const {
    const size_t rows = static_cast<size_t>(head_.images * settings_.max_detections);
    std::vector<float> boxes(4 * rows), scores(rows);
    std::vector<int32_t> labels(rows), count(static_cast<size_t>(head_.images));
    std::vector<int64_t> candidates(count.size()), detections(count.size());
    const Fault fault =
        nms(input.head, settings_, 1,
            {boxes.data(), scores.data(), labels.data(), count.data(), candidates.data(), detections.data()});
    const std::vector<int64_t> record = fault_.get();
    if (fault.image >= 0) {
      const int64_t* found = record.data() + 3 * fault.image;
      require(found[0] == fault.image && found[1] == fault.row && found[2] == fault.anchor, where + ": fault");
      return;
    }
    for (size_t image = 0; image < count.size(); ++image) require(record[3 * image] == -1, where + ": no fault");
    require(count_.get() == count, where + ": count");
    require(dropped_candidates_.get() == candidates, where + ": dropped_candidates");
    require(dropped_detections_.get() == detections, where + ": dropped_detections");
    require(scores_.get() == scores, where + ": scores");
    require(labels_.get() == labels, where + ": labels");
    require(boxes_.get() == boxes, where + ": boxes");
  }

 private:
  NmsSettings settings_;
  Head head_;
  OnDeviceMemory<float> floats_;
  OnDeviceMemory<int16_t> halves_;
  OnDeviceMemory<float> boxes_, scores_;
  OnDeviceMemory<int32_t> labels_, count_;
  OnDeviceMemory<int64_t> dropped_candidates_, dropped_detections_, fault_;
  OnDeviceMemory<char> workspace_;
};

}  // namespace bench_freeze
