// The CUDA entry points of a build without nvcc: each reports that it is unavailable.
#include <stdexcept>

#include "score_cuda.h"

namespace bench_freeze {
namespace {

constexpr char kReason[] =
    "bench-freeze was built without CUDA: install it again with nvcc on PATH and BENCH_FREEZE_CUDA=ON";

[[noreturn]] void refuse() { throw std::runtime_error(kReason); }

}  // namespace

std::string cuda_unavailable_reason() { return kReason; }
int64_t nms_cuda_workspace_bytes(const Head&, const NmsSettings&) { refuse(); }
void nms_cuda(const Head&, const NmsSettings&, const CudaDetections&, void*, const CudaTarget&) { refuse(); }
int64_t match_cuda_workspace_bytes(int64_t) { refuse(); }
void match_cuda(const TruthIndex&, int64_t, const CudaRanked&, const MatchSettings&, const CudaMatches&, void*,
                const CudaTarget&) {
  refuse();
}
void cuda_wait_for(uintptr_t, const CudaTarget&) { refuse(); }
int32_t cuda_device_of(uintptr_t) { refuse(); }
void* cuda_allocate(int32_t, int64_t) { refuse(); }
void cuda_free(int32_t, void*) noexcept {}
void cuda_copy_to_host(const void*, void*, int64_t, const CudaTarget&) { refuse(); }
void cuda_copy_to_device(const void*, void*, int64_t, const CudaTarget&) { refuse(); }

}  // namespace bench_freeze
