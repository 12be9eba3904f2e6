// The letterbox of a build without nvcc: it reports that it is unavailable.
#include <stdexcept>

#include "letterbox_cuda.h"

namespace bench_freeze {

void letterbox_cuda(const Image&, const Canvas&, const CudaTarget&) {
  throw std::runtime_error(cuda_unavailable_reason());
}

}  // namespace bench_freeze
