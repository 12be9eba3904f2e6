#include "cuda/device.h"

namespace bench_freeze {

std::string cuda_unavailable_reason() {
  int devices = 0;
  const cudaError_t error = cudaGetDeviceCount(&devices);
  if (error == cudaSuccess && devices > 0) return "";
  cudaGetLastError();
  return error == cudaSuccess ? "CUDA finds no GPU" : std::string("CUDA finds no GPU: ") + cudaGetErrorString(error);
}

void* cuda_allocate(int32_t device, int64_t bytes) {
  const OnDevice on_device(device);
  void* memory = nullptr;
  check_cuda(cudaMalloc(&memory, static_cast<size_t>(bytes > 0 ? bytes : 1)), "allocating GPU memory");
  return memory;
}

void cuda_free(int32_t device, void* memory) noexcept {
  try {
    const OnDevice on_device(device);
    cudaFree(memory);
  } catch (const std::runtime_error&) {
    // The driver is gone, at the end of the process; the memory went with it.
  }
}

int32_t cuda_device_of(uintptr_t address) {
  cudaPointerAttributes attributes{};
  check_cuda(cudaPointerGetAttributes(&attributes, reinterpret_cast<const void*>(address)),
             "asking for an array's GPU");
  if (attributes.type != cudaMemoryTypeDevice && attributes.type != cudaMemoryTypeManaged) {
    throw std::runtime_error("an array that says it is on a GPU is not in any GPU's memory");
  }
  return attributes.device;
}

void cuda_copy_to_host(const void* from, void* to, int64_t bytes, const CudaTarget& target) {
  const OnDevice on_device(target.device);
  const cudaStream_t stream = stream_of(target);
  check_cuda(cudaMemcpyAsync(to, from, static_cast<size_t>(bytes), cudaMemcpyDeviceToHost, stream),
             "copying from a GPU");
  check_cuda(cudaStreamSynchronize(stream), "copying from a GPU");
}

void cuda_copy_to_device(const void* from, void* to, int64_t bytes, const CudaTarget& target) {
  const OnDevice on_device(target.device);
  const cudaStream_t stream = stream_of(target);
  check_cuda(cudaMemcpyAsync(to, from, static_cast<size_t>(bytes), cudaMemcpyHostToDevice, stream), "copying to a GPU");
  check_cuda(cudaStreamSynchronize(stream), "copying to a GPU");
}

}  // namespace bench_freeze
