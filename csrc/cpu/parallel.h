// Work split over threads that live for one call. The result of a piece of work must not depend on the thread that does
// it, so that results are the same for any number of threads.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <exception>
#include <thread>
#include <vector>

namespace bench_freeze {

// The most workers of a call. Results do not depend on it, and more would not be faster on any machine.
constexpr int64_t kMostWorkers = 256;

inline int64_t workers_for(int64_t pieces, int64_t threads) {
  return std::max<int64_t>(1, std::min({pieces, threads, kMostWorkers}));
}

// Calls `worker(i)` for i in [0, count), each on its own thread, the last one on the caller's. Rethrows the first
// exception. If the system grants fewer threads, the caller does the rest.
template <class Worker>
void run_workers(int64_t count, const Worker& worker) {
  std::vector<std::exception_ptr> errors(static_cast<size_t>(count));
  const auto guarded = [&](int64_t i) {
    try {
      worker(i);
    } catch (...) {
      errors[static_cast<size_t>(i)] = std::current_exception();
    }
  };
  std::vector<std::thread> others;
  others.reserve(static_cast<size_t>(count));
  int64_t begun = 0;
  try {
    for (; begun < count - 1; ++begun) others.emplace_back(guarded, begun);
  } catch (const std::exception&) {
  }
  for (int64_t i = begun; i < count; ++i) guarded(i);
  for (std::thread& other : others) other.join();
  for (const std::exception_ptr& error : errors) {
    if (error) std::rethrow_exception(error);
  }
}

// Gives every worker its own `make()` and hands out [0, items) in stretches of `stretch`: `state.run(begin, end)`.
template <class Make>
void share_out(int64_t items, int64_t stretch, int64_t threads, const Make& make) {
  const int64_t stretches = (items + stretch - 1) / stretch;
  std::atomic<int64_t> next{0};
  run_workers(workers_for(stretches, threads), [&](int64_t) {
    auto state = make();
    for (int64_t i = next++; i < stretches; i = next++) state.run(i * stretch, std::min(items, (i + 1) * stretch));
  });
}

}  // namespace bench_freeze
