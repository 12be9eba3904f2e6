// Stands in for libcudart: nvcc's own host code registers and launches its kernels here.
#include <cuda_runtime_api.h>

#include <cstring>
#include <mutex>
#include <unordered_map>
#include <utility>

#include "memory.h"
#include "options.h"
#include "streams.h"

namespace ptx {
namespace {

struct LaunchShape {
  dim3 grid, block;
  size_t shared;
  cudaStream_t stream;
};

constexpr size_t kMostShared = 48 << 10;  // bytes of static and dynamic shared memory that need no opt-in
constexpr unsigned kMostBlocks = 0x7fffffff;
constexpr int kCapability[2] = {9, 0};

std::recursive_mutex g_lock;
cudaError_t g_error = cudaSuccess;

std::unordered_map<const void*, std::string>& names() {
  static auto* all = new std::unordered_map<const void*, std::string>;  // registered before main
  return *all;
}

cudaError_t keep(cudaError_t error) {
  if (error != cudaSuccess) g_error = error;
  return error;
}

const Kernel* kernel_of(const void* function) {
  const auto name = names().find(function);
  if (name == names().end()) return nullptr;
  for (int i = 0; i < kKernelCount; ++i) {
    if (name->second == kKernels[i].name) return &kKernels[i];
  }
  return nullptr;
}

cudaError_t launch(const void* function, dim3 grid, dim3 block, void** arguments, size_t dynamic, cudaStream_t stream) {
  const Kernel* kernel = kernel_of(function);
  if (kernel == nullptr) return keep(cudaErrorInvalidDeviceFunction);
  if (grid.x == 0 || grid.x > kMostBlocks || grid.y != 1 || grid.z != 1) return keep(cudaErrorInvalidConfiguration);
  if (block.x == 0 || block.y != 1 || block.z != 1) return keep(cudaErrorInvalidConfiguration);
  if (block.x > static_cast<unsigned>(kernel->max_threads)) return keep(cudaErrorInvalidValue);
  if (static_cast<size_t>(kernel->shared_bytes) + dynamic > kMostShared) return keep(cudaErrorInvalidValue);
  std::vector<char> parameters(static_cast<size_t>(kernel->parameter_bytes));
  for (size_t i = 0; i < kernel->parameters.size(); ++i) {
    const Span span = kernel->parameters[i];
    std::memcpy(parameters.data() + span.offset, arguments[i], static_cast<size_t>(span.size));
  }
  streams::put(stream, [=] { run(*kernel, grid.x, static_cast<int>(block.x), parameters); });
  return cudaSuccess;
}

cudaError_t copy(void* to, const void* from, size_t bytes, cudaMemcpyKind kind, cudaStream_t stream) {
  if (kind == cudaMemcpyHostToDevice) {
    // Of pageable memory, as here, the host's bytes are taken before the call returns.
    const std::vector<char> data(static_cast<const char*>(from), static_cast<const char*>(from) + bytes);
    streams::put(stream, [=] {
      device::host_writes(to, bytes);
      std::memcpy(to, data.data(), data.size());
    });
    return cudaSuccess;
  }
  if (kind != cudaMemcpyDeviceToHost) return keep(cudaErrorInvalidValue);
  streams::put(stream, [=] {
    device::host_reads(from, bytes);
    std::memcpy(to, from, bytes);
  });
  if (!streams::is_capturing()) streams::finish(stream);
  return cudaSuccess;
}

// The test programs fill memory with 0xa5 to say that its contents are nobody's: reading them is a fault.
cudaError_t fill(void* memory, int value, size_t bytes, cudaStream_t stream) {
  streams::put(stream, [=] {
    device::host_writes(memory, bytes, (value & 255) == 0xa5);
    std::memset(memory, value, bytes);
  });
  return cudaSuccess;
}

thread_local std::vector<LaunchShape> t_shapes;  // between <<<...>>> and the launch

}  // namespace
}  // namespace ptx

using namespace ptx;

#define LOCKED const std::lock_guard<std::recursive_mutex> guard(g_lock)
#define REFUSED_IN_CAPTURE \
  if (streams::breaks_capture()) return keep(cudaErrorStreamCaptureUnsupported)

extern "C" {

void** __cudaRegisterFatBinary(void*) {
  static void* handle = nullptr;
  return &handle;
}
void __cudaRegisterFatBinaryEnd(void**) {}
void __cudaUnregisterFatBinary(void**) {}
char __cudaInitModule(void**) { return 1; }
void __cudaRegisterFunction(void**, const char* host, char*, const char* name, int, uint3*, uint3*, dim3*, dim3*,
                            int*) {
  names()[host] = name;
}

unsigned __cudaPushCallConfiguration(dim3 grid, dim3 block, size_t shared, struct CUstream_st* stream) {
  t_shapes.push_back({grid, block, shared, stream});
  return 0;
}

cudaError_t __cudaPopCallConfiguration(dim3* grid, dim3* block, size_t* shared, void* stream) {
  const LaunchShape shape = t_shapes.back();
  t_shapes.pop_back();
  *grid = shape.grid;
  *block = shape.block;
  *shared = shape.shared;
  *static_cast<cudaStream_t*>(stream) = shape.stream;
  return cudaSuccess;
}

cudaError_t __cudaGetKernel(cudaKernel_t* kernel, const void* function) {
  *kernel = reinterpret_cast<cudaKernel_t>(const_cast<void*>(function));
  return cudaSuccess;
}

cudaError_t cudaLaunchKernel(const void* function, dim3 grid, dim3 block, void** arguments, size_t shared,
                             cudaStream_t stream) {
  LOCKED;
  return launch(function, grid, block, arguments, shared, stream);
}

cudaError_t __cudaLaunchKernel(cudaKernel_t kernel, dim3 grid, dim3 block, void** arguments, size_t shared,
                               cudaStream_t stream) {
  return cudaLaunchKernel(reinterpret_cast<const void*>(kernel), grid, block, arguments, shared, stream);
}

cudaError_t cudaGetDeviceCount(int* count) {
  *count = 1;
  return cudaSuccess;
}

cudaError_t cudaGetDevice(int* device) {
  *device = 0;
  return cudaSuccess;
}

cudaError_t cudaSetDevice(int device) { return device == 0 ? cudaSuccess : keep(cudaErrorInvalidDevice); }

cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int) {
  if (attribute == cudaDevAttrComputeCapabilityMajor)
    *value = kCapability[0];
  else if (attribute == cudaDevAttrComputeCapabilityMinor)
    *value = kCapability[1];
  else
    return keep(cudaErrorInvalidValue);
  return cudaSuccess;
}

const char* cudaGetErrorString(cudaError_t error) {
  thread_local std::string text;
  text = "error " + std::to_string(error) + " of the stand-in";
  return text.c_str();
}

cudaError_t cudaGetLastError() {
  LOCKED;
  return std::exchange(g_error, cudaSuccess);
}

cudaError_t cudaMalloc(void** memory, size_t bytes) {
  LOCKED;
  REFUSED_IN_CAPTURE;
  *memory = device::allocate(bytes);
  return *memory != nullptr ? cudaSuccess : keep(cudaErrorMemoryAllocation);
}

cudaError_t cudaFree(void* memory) {
  LOCKED;
  if (memory == nullptr) return cudaSuccess;
  REFUSED_IN_CAPTURE;
  streams::finish_all();
  return device::release(memory) ? cudaSuccess : keep(cudaErrorInvalidValue);
}

cudaError_t cudaPointerGetAttributes(cudaPointerAttributes* attributes, const void* memory) {
  LOCKED;
  const bool is_device = device::find(reinterpret_cast<uint64_t>(memory)) != nullptr;
  *attributes = {};
  attributes->type = is_device ? cudaMemoryTypeDevice : cudaMemoryTypeUnregistered;
  attributes->device = is_device ? 0 : -2;
  return cudaSuccess;
}

cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind kind, cudaStream_t stream) {
  LOCKED;
  return copy(to, from, bytes, kind, stream);
}

cudaError_t cudaMemcpy(void* to, const void* from, size_t bytes, cudaMemcpyKind kind) {
  LOCKED;
  REFUSED_IN_CAPTURE;
  const cudaError_t error = copy(to, from, bytes, kind, nullptr);
  streams::finish(nullptr);
  return error;
}

cudaError_t cudaMemsetAsync(void* memory, int value, size_t bytes, cudaStream_t stream) {
  LOCKED;
  return fill(memory, value, bytes, stream);
}

cudaError_t cudaMemset(void* memory, int value, size_t bytes) {
  LOCKED;
  REFUSED_IN_CAPTURE;
  return fill(memory, value, bytes, nullptr);
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  LOCKED;
  REFUSED_IN_CAPTURE;
  streams::finish(stream);
  return cudaSuccess;
}

cudaError_t cudaDeviceSynchronize() {
  LOCKED;
  REFUSED_IN_CAPTURE;
  streams::finish_all();
  return cudaSuccess;
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags) {
  LOCKED;
  *stream = streams::create(flags != cudaStreamNonBlocking);
  return cudaSuccess;
}

cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  LOCKED;
  streams::destroy(stream);
  return cudaSuccess;
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
  *event = reinterpret_cast<cudaEvent_t>(new Event);
  return cudaSuccess;
}

cudaError_t cudaEventRecord(cudaEvent_t handle, cudaStream_t stream) {
  LOCKED;
  auto* event = reinterpret_cast<Event*>(handle);
  const uint64_t number = ++event->recorded;
  streams::put(stream, [=] { event->passed = number; });
  return cudaSuccess;
}

cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t handle, unsigned) {
  LOCKED;
  auto* event = reinterpret_cast<Event*>(handle);
  const uint64_t number = event->recorded;
  streams::put(stream, [] {}, [=] { return event->passed >= number; });
  return streams::has_capture_failed() ? keep(cudaErrorStreamCaptureIsolation) : cudaSuccess;
}

cudaError_t cudaEventDestroy(cudaEvent_t) { return cudaSuccess; }  // waits may still ask it: it is left to the end

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode) {
  LOCKED;
  streams::begin_capture(stream);
  return cudaSuccess;
}

cudaError_t cudaStreamEndCapture(cudaStream_t, cudaGraph_t* graph) {
  LOCKED;
  *graph = reinterpret_cast<cudaGraph_t>(streams::end_capture());
  return streams::has_capture_failed() ? keep(cudaErrorStreamCaptureInvalidated) : cudaSuccess;
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t* made, cudaGraph_t graph, unsigned long long) {
  *made = reinterpret_cast<cudaGraphExec_t>(new Graph(*reinterpret_cast<Graph*>(graph)));
  return cudaSuccess;
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t graph, cudaStream_t stream) {
  LOCKED;
  for (const auto& work : reinterpret_cast<Graph*>(graph)->work) streams::put(stream, work);
  return cudaSuccess;
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t graph) {
  delete reinterpret_cast<Graph*>(graph);
  return cudaSuccess;
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  delete reinterpret_cast<Graph*>(graph);
  return cudaSuccess;
}

}  // extern "C"
