// Entry points of the CUDA back end: device pointers in, work enqueued on the caller's stream, results in memory that
// the caller owns. Includes no CUDA header, so that a build without nvcc has the same interface
// (score_unavailable.cpp).
//
// No function allocates, waits for the device or reads its memory, so all may be captured in a CUDA graph. The caller
// (python/bench_freeze/kernels) has checked the arguments. Every function throws std::runtime_error if CUDA refuses the
// work, or if this build has no CUDA.
#pragma once

#include <cstdint>
#include <string>

#include "score.h"

namespace bench_freeze {

struct CudaTarget {
  int32_t device;
  uintptr_t stream;  // a cudaStream_t
};

// Why nothing below can work here; empty if it can.
std::string cuda_unavailable_reason();

// What `nms_cuda` writes, all of it on the device. Rows past `count` are zero.
struct CudaDetections {
  Detections detections;
  int64_t* fault;  // [B, 3] image, row, anchor of the first value that is not finite; image -1 if there is none
};

// Bytes of the workspace of `nms_cuda` for these sizes and settings. Throws std::length_error if the kernels could not
// index that much.
int64_t nms_cuda_workspace_bytes(const Head& head, const NmsSettings& settings);

// Decodes and suppresses every image. An image with a fault has no detections. `workspace` is aligned to 256 bytes.
void nms_cuda(const Head& head, const NmsSettings& settings, const CudaDetections& out, void* workspace,
              const CudaTarget& target);

// Detections of a batch of distinct images on the device, best first.
struct CudaRanked {
  int64_t images;         // B
  int64_t rows;           // D, per image
  const int32_t* image;   // [B], position in the ground truth
  const double* boxes;    // [B, D, 4] left, top, width, height
  const float* scores;    // [B, D]
  const int32_t* labels;  // [B, D]
  const int32_t* count;   // [B], rows in use
};

// What `match_cuda` writes, all of it on the device. Rows past `count`, and images with a fault, have no bit set.
struct CudaMatches {
  uint64_t* true_positive;  // [B, D], one bit per (area range, IoU threshold)
  uint64_t* ignored;        // [B, D]
  int32_t* rank;            // [B, D], place within image and class, from 0; -1 past `count`
  int32_t* fault;           // [B], a MatchFault
};

enum class MatchFault : int32_t { kNone, kImage, kLabel, kOrder, kTwice };

int64_t match_cuda_workspace_bytes(int64_t truth_rows);

// `truth`, with `truth_rows` rows, lies on the device. The arrays of `settings` lie on the host and are read before
// this returns.
void match_cuda(const TruthIndex& truth, int64_t truth_rows, const CudaRanked& detections,
                const MatchSettings& settings, const CudaMatches& out, void* workspace, const CudaTarget& target);

// Makes later work on the target's stream wait for the present work on stream `before`. Does not wait itself.
void cuda_wait_for(uintptr_t before, const CudaTarget& target);

// Device memory for arrays that no framework owns. Unlike the functions above, these wait for the device.
int32_t cuda_device_of(uintptr_t address);
void* cuda_allocate(int32_t device, int64_t bytes);
void cuda_free(int32_t device, void* memory) noexcept;
void cuda_copy_to_host(const void* from, void* to, int64_t bytes, const CudaTarget& target);
void cuda_copy_to_device(const void* from, void* to, int64_t bytes, const CudaTarget& target);

}  // namespace bench_freeze
