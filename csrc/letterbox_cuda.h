// Letterbox on a GPU, with image and canvas in its memory. The work is enqueued on the caller's stream. Throws
// std::runtime_error if CUDA refuses it, or if this build has no CUDA.
#pragma once

#include "score.h"
#include "score_cuda.h"

namespace bench_freeze {

void letterbox_cuda(const Image& image, const Canvas& canvas, const CudaTarget& target);

}  // namespace bench_freeze
