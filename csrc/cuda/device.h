// The CUDA runtime behind checked calls.
#pragma once

#include <cuda_runtime_api.h>

#include <stdexcept>
#include <string>

#include "score_cuda.h"

namespace bench_freeze {

inline void check_cuda(cudaError_t error, const char* what) {
  if (error == cudaSuccess) return;
  cudaGetLastError();  // clears the error that is reported here, so that the next caller does not find it
  throw std::runtime_error(std::string(what) + ": CUDA says " + cudaGetErrorString(error));
}

// Makes a device the current one during its lifetime.
class OnDevice {
 public:
  explicit OnDevice(int32_t device) {
    check_cuda(cudaGetDevice(&before_), "asking for the current GPU");
    check_cuda(cudaSetDevice(device), "choosing a GPU");
  }
  ~OnDevice() { cudaSetDevice(before_); }
  OnDevice(const OnDevice&) = delete;
  OnDevice& operator=(const OnDevice&) = delete;

 private:
  int before_ = 0;
};

inline cudaStream_t stream_of(const CudaTarget& target) { return reinterpret_cast<cudaStream_t>(target.stream); }

}  // namespace bench_freeze
