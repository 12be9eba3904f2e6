// Stands in for libcudart: nvcc's own host code registers and launches its kernels here. Streams are queues; what is on
// one happens at once, or with PTX_LATE when something waits for it, other streams' work before or after.
#include <cuda_runtime_api.h>

#include <cstring>
#include <deque>
#include <functional>
#include <mutex>
#include <unordered_map>
#include <utility>

#include "memory.h"
#include "options.h"

namespace ptx {
namespace {

struct Work {
  std::function<void()> run;
  std::function<bool()> may_run;  // empty where it always may
};

struct Stream {
  std::deque<Work> queue;
  bool is_blocking = true;  // ordered with the default stream
};

// One recording may be waited for while the next is under way: a wait is for the recordings so far.
struct Event {
  uint64_t recorded = 0, passed = 0;
};

struct Graph {
  std::vector<std::function<void()>> work;
};

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
Stream g_default;
std::vector<Stream*> g_streams{&g_default};
Graph* g_capture = nullptr;
Stream* g_captured = nullptr;
bool g_capture_failed = false;

std::unordered_map<const void*, std::string>& names() {
  static auto* all = new std::unordered_map<const void*, std::string>;  // registered before main
  return *all;
}

cudaError_t keep(cudaError_t error) {
  if (error != cudaSuccess) g_error = error;
  return error;
}

// Streams 1 and 2 are names of the default ones.
Stream& stream_of(cudaStream_t stream) {
  return reinterpret_cast<uintptr_t>(stream) <= 2 ? g_default : *reinterpret_cast<Stream*>(stream);
}

bool run_head(Stream& stream) {
  if (stream.queue.empty() || (stream.queue.front().may_run && !stream.queue.front().may_run())) return false;
  const Work work = std::move(stream.queue.front());
  stream.queue.pop_front();
  work.run();
  return true;
}

// Runs a stream dry; others only where it waits for an event of theirs.
void finish(Stream& stream) {
  while (!stream.queue.empty()) {
    if (run_head(stream)) continue;
    std::vector<Stream*> others;
    for (Stream* other : g_streams) {
      if (other != &stream) others.push_back(other);
    }
    std::shuffle(others.begin(), others.end(), generator());
    if (!std::any_of(others.begin(), others.end(), [](Stream* other) { return run_head(*other); })) {
      fault("a stream waits for an event that never comes");
      stream.queue.clear();
    }
  }
}

void finish_all() {
  std::vector<Stream*> order = g_streams;
  std::shuffle(order.begin(), order.end(), generator());
  for (Stream* stream : order) finish(*stream);
}

void put(cudaStream_t handle, std::function<void()> run, std::function<bool()> may_run = {}) {
  Stream& stream = stream_of(handle);
  if (g_capture != nullptr && &stream == g_captured) {
    if (may_run) g_capture_failed = true;  // an event of a stream that is not recorded
    g_capture->work.push_back(std::move(run));
    return;
  }
  if (&stream == &g_default) {
    for (Stream* other : g_streams) {
      if (other != &stream && other->is_blocking) finish(*other);
    }
  } else if (stream.is_blocking) {
    finish(g_default);
  }
  stream.queue.push_back({std::move(run), std::move(may_run)});
  if (!options().late) finish(stream);
}

// Whether a call that a capture does not allow is made during one; it ends the capture.
bool breaks_capture() {
  if (g_capture == nullptr) return false;
  g_capture_failed = true;
  return true;
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
  put(stream, [=] { run(*kernel, grid.x, static_cast<int>(block.x), parameters); });
  return cudaSuccess;
}

cudaError_t copy(void* to, const void* from, size_t bytes, cudaMemcpyKind kind, cudaStream_t stream) {
  if (kind == cudaMemcpyHostToDevice) {
    // Of pageable memory, as here, the host's bytes are taken before the call returns.
    const std::vector<char> data(static_cast<const char*>(from), static_cast<const char*>(from) + bytes);
    put(stream, [=] {
      device::host_writes(to, bytes);
      std::memcpy(to, data.data(), data.size());
    });
    return cudaSuccess;
  }
  if (kind != cudaMemcpyDeviceToHost) return keep(cudaErrorInvalidValue);
  put(stream, [=] {
    device::host_reads(from, bytes);
    std::memcpy(to, from, bytes);
  });
  if (g_capture == nullptr) finish(stream_of(stream));
  return cudaSuccess;
}

// The test programs fill memory with 0xa5 to say that its contents are nobody's: reading them is a fault.
cudaError_t fill(void* memory, int value, size_t bytes, cudaStream_t stream) {
  put(stream, [=] {
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
  if (breaks_capture()) return keep(cudaErrorStreamCaptureUnsupported)

extern "C" {

void** __cudaRegisterFatBinary(void*) {
  static void* handle = nullptr;
  return &handle;
}
void __cudaRegisterFatBinaryEnd(void**) {}
void __cudaUnregisterFatBinary(void**) {}
char __cudaInitModule(void**) { return 1; }
void __cudaRegisterFunction(void**, const char* host, char*, const char* name, int, uint3*, uint3*, dim3*, dim3*, int*) {
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
  if (attribute == cudaDevAttrComputeCapabilityMajor) *value = kCapability[0];
  else if (attribute == cudaDevAttrComputeCapabilityMinor) *value = kCapability[1];
  else return keep(cudaErrorInvalidValue);
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
  finish_all();
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
  finish(g_default);
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
  finish(stream_of(stream));
  return cudaSuccess;
}

cudaError_t cudaDeviceSynchronize() {
  LOCKED;
  REFUSED_IN_CAPTURE;
  finish_all();
  return cudaSuccess;
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags) {
  LOCKED;
  auto* made = new Stream{{}, flags != cudaStreamNonBlocking};
  g_streams.push_back(made);
  *stream = reinterpret_cast<cudaStream_t>(made);
  return cudaSuccess;
}

cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  LOCKED;
  Stream* ended = &stream_of(stream);
  finish(*ended);
  g_streams.erase(std::find(g_streams.begin(), g_streams.end(), ended));
  delete ended;
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
  put(stream, [=] { event->passed = number; });
  return cudaSuccess;
}

cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t handle, unsigned) {
  LOCKED;
  auto* event = reinterpret_cast<Event*>(handle);
  const uint64_t number = event->recorded;
  put(stream, [] {}, [=] { return event->passed >= number; });
  return g_capture_failed ? keep(cudaErrorStreamCaptureIsolation) : cudaSuccess;
}

cudaError_t cudaEventDestroy(cudaEvent_t) { return cudaSuccess; }  // waits may still ask it: it is left to the end

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode) {
  LOCKED;
  g_capture = new Graph;
  g_captured = &stream_of(stream);
  g_capture_failed = false;
  return cudaSuccess;
}

cudaError_t cudaStreamEndCapture(cudaStream_t, cudaGraph_t* graph) {
  LOCKED;
  *graph = reinterpret_cast<cudaGraph_t>(std::exchange(g_capture, nullptr));
  return g_capture_failed ? keep(cudaErrorStreamCaptureInvalidated) : cudaSuccess;
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t* made, cudaGraph_t graph, unsigned long long) {
  *made = reinterpret_cast<cudaGraphExec_t>(new Graph(*reinterpret_cast<Graph*>(graph)));
  return cudaSuccess;
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t graph, cudaStream_t stream) {
  LOCKED;
  for (const auto& work : reinterpret_cast<Graph*>(graph)->work) put(stream, work);
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
