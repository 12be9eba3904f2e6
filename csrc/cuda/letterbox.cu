// Letterbox as a CUDA kernel: one block per band of the canvas.
#include "core/letterbox_band.h"
#include "cuda/device.h"
#include "cuda/layout.h"
#include "letterbox_cuda.h"

namespace bench_freeze {
namespace {

constexpr int kThreads = 256;

__global__ void __launch_bounds__(kThreads) letterbox_kernel(Image image, Canvas canvas) {
  __shared__ BandShared shared;
  letterbox_band(BlockGroup{}, image, canvas, blockIdx.x, &shared);
}

}  // namespace

void letterbox_cuda(const Image& image, const Canvas& canvas, const CudaTarget& target) {
  const int64_t bands = product(blocks_for(canvas.height, kBandRows), 1, kMostBlocks);
  if (bands == 0 || canvas.width == 0) return;
  const OnDevice on_device(target.device);
  letterbox_kernel<<<static_cast<unsigned>(bands), kThreads, 0, stream_of(target)>>>(image, canvas);
  check_cuda(cudaGetLastError(), "starting the letterbox kernel");
}

}  // namespace bench_freeze
