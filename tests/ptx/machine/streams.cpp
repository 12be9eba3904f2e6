#include "streams.h"

#include <algorithm>
#include <deque>
#include <utility>

#include "options.h"

namespace ptx::streams {
namespace {

struct Work {
  std::function<void()> run;
  std::function<bool()> may_run;  // empty where it always may
};

struct Stream {
  std::deque<Work> queue;
  bool is_blocking = true;
};

Stream g_default;
std::vector<Stream*> g_streams{&g_default};
Graph* g_capture = nullptr;
Stream* g_captured = nullptr;
bool g_capture_failed = false;

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
void run_dry(Stream& stream) {
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

}  // namespace

cudaStream_t create(bool is_blocking) {
  g_streams.push_back(new Stream{{}, is_blocking});
  return reinterpret_cast<cudaStream_t>(g_streams.back());
}

void destroy(cudaStream_t stream) {
  Stream* ended = &stream_of(stream);
  run_dry(*ended);
  g_streams.erase(std::find(g_streams.begin(), g_streams.end(), ended));
  delete ended;
}

void finish(cudaStream_t stream) { run_dry(stream_of(stream)); }

void finish_all() {
  std::vector<Stream*> order = g_streams;
  std::shuffle(order.begin(), order.end(), generator());
  for (Stream* stream : order) run_dry(*stream);
}

void put(cudaStream_t handle, std::function<void()> run, std::function<bool()> may_run) {
  Stream& stream = stream_of(handle);
  if (g_capture != nullptr && &stream == g_captured) {
    if (may_run) g_capture_failed = true;  // an event of a stream that is not recorded
    g_capture->work.push_back(std::move(run));
    return;
  }
  if (&stream == &g_default) {
    for (Stream* other : g_streams) {
      if (other != &stream && other->is_blocking) run_dry(*other);
    }
  } else if (stream.is_blocking) {
    run_dry(g_default);
  }
  stream.queue.push_back({std::move(run), std::move(may_run)});
  if (!options().late) run_dry(stream);
}

void begin_capture(cudaStream_t stream) {
  g_capture = new Graph;
  g_captured = &stream_of(stream);
  g_capture_failed = false;
}

Graph* end_capture() { return std::exchange(g_capture, nullptr); }

bool is_capturing() { return g_capture != nullptr; }

bool has_capture_failed() { return g_capture_failed; }

bool breaks_capture() {
  if (g_capture == nullptr) return false;
  g_capture_failed = true;
  return true;
}

}  // namespace ptx::streams
