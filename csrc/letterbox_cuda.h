// Letterbox on a GPU: the image and the canvas lie there, the work is enqueued on the caller's stream. Throws
// std::runtime_error where CUDA refuses it, or where this build has no CUDA.
#pragma once

#include "score.h"
#include "score_cuda.h"

namespace bench_freeze {

void letterbox_cuda(const Image& image, const Canvas& canvas, const CudaTarget& target);

}  // namespace bench_freeze
