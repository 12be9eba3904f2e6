// Suppression as CUDA kernels: each gives its block one piece of work from nms_stages.h.
#include "cuda/device.h"
#include "cuda/nms_stages.h"

namespace bench_freeze {
namespace {

constexpr int kScanThreads = 256;
constexpr int kManyThreads = 1024;  // for a block with a whole image
constexpr int kFewThreads = 128;    // for a block with one class of many, so that more blocks run at once

template <class Value>
__global__ void __launch_bounds__(kScanThreads) find_best_kernel(NmsTask task, int64_t blocks_per_image) {
  const int64_t image = blockIdx.x / blocks_per_image;
  const int64_t anchor = blockIdx.x % blocks_per_image * kScanThreads + threadIdx.x;
  if (anchor < task.head.anchors) find_best<Value>(task, image, anchor);
}

template <class Value>
__global__ void __launch_bounds__(kScanThreads) scan_kernel(NmsTask task) {
  __shared__ ScanShared shared;
  scan_class<Value>(BlockGroup{}, task, blockIdx.x / task.head.classes, blockIdx.x % task.head.classes, &shared);
}

template <class Value>
__global__ void __launch_bounds__(kManyThreads) truncate_kernel(NmsTask task) {
  __shared__ TruncateShared shared;
  truncate<Value>(BlockGroup{}, task, blockIdx.x, &shared);
}

template <class Value>
__global__ void __launch_bounds__(kManyThreads) suppress_kernel(NmsTask task) {
  __shared__ SuppressShared shared;
  suppress_segment<Value>(BlockGroup{}, task, blockIdx.x / task.segments, blockIdx.x % task.segments, &shared);
}

template <class Value>
__global__ void __launch_bounds__(kManyThreads) finish_kernel(NmsTask task) {
  __shared__ FinishShared shared;
  finish<Value>(BlockGroup{}, task, blockIdx.x, &shared);
}

template <class Value>
void launch(const NmsTask& task, cudaStream_t stream) {
  const auto blocks = [](int64_t count) { return static_cast<unsigned>(count); };  // plan_nms refuses too many
  const int64_t images = task.head.images;
  check_cuda(cudaMemsetAsync(task.states, 0, static_cast<size_t>(task.state_bytes), stream), "clearing the workspace");
  if (!task.settings.multi_label && task.head.anchors > 0) {
    const int64_t blocks_per_image = blocks_for(task.head.anchors, kScanThreads);
    find_best_kernel<Value>
        <<<blocks(product(images, blocks_per_image, kMostBlocks)), kScanThreads, 0, stream>>>(task, blocks_per_image);
  }
  scan_kernel<Value><<<blocks(images * task.head.classes), kScanThreads, 0, stream>>>(task);
  truncate_kernel<Value><<<blocks(images), kManyThreads, 0, stream>>>(task);
  suppress_kernel<Value>
      <<<blocks(images * task.segments), task.segments == 1 ? kManyThreads : kFewThreads, 0, stream>>>(task);
  finish_kernel<Value><<<blocks(images), kManyThreads, 0, stream>>>(task);
  check_cuda(cudaGetLastError(), "starting the suppression kernels");
}

}  // namespace

int64_t nms_cuda_workspace_bytes(const Head& head, const NmsSettings& settings) {
  return plan_nms(head, settings, {}, nullptr).bytes;
}

void nms_cuda(const Head& head, const NmsSettings& settings, const CudaDetections& out, void* workspace,
              const CudaTarget& target) {
  const NmsTask task = plan_nms(head, settings, out, workspace);
  if (head.images == 0) return;
  const OnDevice on_device(target.device);
  if (head.type == HeadType::kFloat32) {
    launch<float>(task, stream_of(target));
  } else {
    launch<int16_t>(task, stream_of(target));
  }
}

}  // namespace bench_freeze
