#include "cuda/architectures.h"
#include "cuda/device.h"

namespace bench_freeze {
namespace {

#ifdef __CUDA_ARCH_LIST__
constexpr int kArchitectures[] = {__CUDA_ARCH_LIST__};  // 800, 860 ...: what nvcc was told to compile for
#else
#error "nvcc of CUDA 11.5 or later is needed: it says which architectures it compiles for"
#endif
constexpr size_t kArchitectureCount = sizeof(kArchitectures) / sizeof(kArchitectures[0]);

// The compute capability of a GPU, 10 * major + minor; 0 if the driver does not report it. Creates no context.
int capability_of(int device) {
  int major = 0, minor = 0;
  if (cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device) != cudaSuccess ||
      cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, device) != cudaSuccess) {
    cudaGetLastError();
    return 0;
  }
  return 10 * major + minor;
}

}  // namespace

std::string cuda_unavailable_reason() {
  int devices = 0;
  const cudaError_t error = cudaGetDeviceCount(&devices);
  if (error != cudaSuccess || devices == 0) {
    cudaGetLastError();
    return error == cudaSuccess ? "CUDA finds no GPU" : std::string("CUDA finds no GPU: ") + cudaGetErrorString(error);
  }
  int built[kArchitectureCount];
  for (size_t i = 0; i < kArchitectureCount; ++i) built[i] = kArchitectures[i] / 10;
  int found[1] = {0};
  for (int device = 0; device < devices; ++device) {
    found[0] = capability_of(device);
    if (found[0] == 0 || runs_on(found[0], built, kArchitectureCount)) return "";  // if unknown, a launch will show
  }
  return "the GPU's compute capability is " + capabilities_in_words(found, 1) + " and this build has code for " +
         capabilities_in_words(built, kArchitectureCount) +
         "; build it with -DBENCH_FREEZE_CUDA_ARCHITECTURES=" + std::to_string(found[0]);
}

void cuda_wait_for(uintptr_t before, const CudaTarget& target) {
  const OnDevice on_device(target.device);
  cudaEvent_t event = nullptr;
  check_cuda(cudaEventCreateWithFlags(&event, cudaEventDisableTiming), "making an event");
  cudaError_t error = cudaEventRecord(event, reinterpret_cast<cudaStream_t>(before));
  if (error == cudaSuccess) error = cudaStreamWaitEvent(stream_of(target), event, 0);
  cudaEventDestroy(event);  // work that waits for it keeps waiting
  check_cuda(error, "waiting for the stream of an array's producer");
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
    // At the end of the process the driver is gone, and the memory with it.
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
