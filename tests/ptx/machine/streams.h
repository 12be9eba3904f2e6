// Streams are queues: what is put on one happens at once, or with PTX_LATE when something waits for it.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>
#include <functional>
#include <vector>

namespace ptx {

// An event may be recorded anew while an earlier recording is still waited for: a wait is for the recordings so far.
struct Event {
  uint64_t recorded = 0, passed = 0;
};

struct Graph {
  std::vector<std::function<void()>> work;
};

namespace streams {

cudaStream_t create(bool is_blocking);  // blocking: ordered with the default stream
void destroy(cudaStream_t stream);

// Work on a stream; one that may not run yet holds up what comes behind it. During a capture it goes into the graph.
void put(cudaStream_t stream, std::function<void()> run, std::function<bool()> may_run = {});

// Runs a stream dry; others only where it waits for an event of theirs.
void finish(cudaStream_t stream);
void finish_all();

void begin_capture(cudaStream_t stream);
Graph* end_capture();
bool is_capturing();
bool has_capture_failed();

// Whether a call is made during a capture that no capture allows; it ends the capture.
bool breaks_capture();

}  // namespace streams
}  // namespace ptx
