// Matching as CUDA kernels: each gives its block one piece of work from match_task.h.
#include "cuda/device.h"
#include "cuda/match_plan.h"
#include "cuda/match_task.h"

namespace bench_freeze {
namespace {

constexpr int kCheckThreads = 256;

__global__ void __launch_bounds__(kCheckThreads) check_kernel(MatchTask task) {
  __shared__ uint64_t worst;
  check_image(BlockGroup{}, task, blockIdx.x, &worst);
}

// One thread per lane.
__global__ void __launch_bounds__(kMaxLanes) match_kernel(MatchTask task) {
  __shared__ MatchShared shared;
  match_class(BlockGroup{}, task, blockIdx.x / task.truth.classes, blockIdx.x % task.truth.classes, &shared);
}

}  // namespace

int64_t match_cuda_workspace_bytes(int64_t truth_rows) { return plan_match({}, truth_rows, {}, {}, {}, nullptr).bytes; }

void match_cuda(const TruthIndex& truth, int64_t truth_rows, const CudaRanked& detections,
                const MatchSettings& settings, const CudaMatches& out, void* workspace, const CudaTarget& target) {
  const MatchTask task = plan_match(truth, truth_rows, detections, make_lanes(settings), out, workspace).task;
  if (detections.images == 0) return;
  const OnDevice on_device(target.device);
  const cudaStream_t stream = stream_of(target);
  check_kernel<<<static_cast<unsigned>(detections.images), kCheckThreads, 0, stream>>>(task);
  match_kernel<<<static_cast<unsigned>(detections.images * truth.classes), kMaxLanes, 0, stream>>>(task);
  check_cuda(cudaGetLastError(), "starting the matching kernels");
}

}  // namespace bench_freeze
