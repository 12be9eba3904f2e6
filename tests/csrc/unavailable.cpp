// Every CUDA entry point of a build without nvcc throws the same sentence, which this prints.
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <stdexcept>
#include <vector>

#include "score_cuda.h"

using namespace bench_freeze;

int main() {
  const std::vector<std::function<void()>> calls = {
      [] { nms_cuda_workspace_bytes({}, {}); },
      [] { nms_cuda({}, {}, {}, nullptr, {}); },
      [] { match_cuda_workspace_bytes(0); },
      [] { match_cuda({}, 0, {}, {}, {}, nullptr, {}); },
      [] { cuda_device_of(0); },
      [] { cuda_allocate(0, 1); },
      [] { cuda_copy_to_host(nullptr, nullptr, 0, {}); },
      [] { cuda_copy_to_device(nullptr, nullptr, 0, {}); },
  };
  for (const auto& call : calls) {
    try {
      call();
      return EXIT_FAILURE;
    } catch (const std::runtime_error& error) {
      if (cuda_unavailable_reason() != error.what()) return EXIT_FAILURE;
    }
  }
  cuda_free(0, nullptr);
  std::puts(cuda_unavailable_reason().c_str());
}
