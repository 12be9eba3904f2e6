// Host doubles of a GPU block: the same templates, run in a random order, or by real threads that meet at a barrier.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <memory>
#include <numeric>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include "core/group.h"

namespace bench_freeze {

// One lane that goes through every range in another order each time: what depends on the order comes out wrong.
struct ShuffledGroup : SerialGroup {
  std::mt19937* random;

  template <class Function>
  void for_each(int64_t begin, int64_t end, Function&& function) const {
    std::vector<int64_t> order(static_cast<size_t>(std::max<int64_t>(end - begin, 0)));
    std::iota(order.begin(), order.end(), begin);
    std::shuffle(order.begin(), order.end(), *random);
    for (const int64_t i : order) function(i);
  }
};

// Orders what came before it with what comes after it and, unlike one made of a mutex, nothing else: a lane that runs
// ahead to the next barrier passes nothing on to one that still leaves this one, so that ThreadSanitizer sees the race.
class Barrier {
 public:
  explicit Barrier(int32_t lanes) : lanes_(lanes) {}
  void wait() {
    const int64_t round = round_.load(std::memory_order_relaxed);
    if (waiting_.fetch_add(1, std::memory_order_acq_rel) + 1 == lanes_) {
      waiting_.store(0, std::memory_order_relaxed);
      round_.store(round + 1, std::memory_order_release);
      return;
    }
    while (round_.load(std::memory_order_acquire) == round) std::this_thread::yield();
  }

 private:
  const int32_t lanes_;
  std::atomic<int32_t> waiting_{0};
  std::atomic<int64_t> round_{0};
};

// A barrier in the source, and how to leave it out: what is planted is the fault of deleting that line.
struct Site {
  std::string file;  // without its folder
  int32_t line;
  bool operator<(const Site& other) const { return std::tie(file, line) < std::tie(other.file, other.line); }
  bool operator==(const Site& other) const { return file == other.file && line == other.line; }
};

// One thread per lane, the strided schedule of BlockGroup.
struct ThreadGroup {
  int32_t lane;
  int32_t lanes;
  Barrier* barrier;
  std::set<Site>* passed;  // by this lane
  const Site* removed;

  template <class Function>
  void for_each(int64_t begin, int64_t end, Function&& function) const {
    for (int64_t i = begin + lane; i < end; i += lanes) function(i);
  }
  void sync(const char* path = __builtin_FILE(), int32_t line = __builtin_LINE()) const {
    if (passed == nullptr) return barrier->wait();
    const Site site{std::string(path).substr(std::string(path).rfind('/') + 1), line};
    passed->insert(site);
    if (!(site == *removed)) barrier->wait();
  }
  uint64_t bits(const uint64_t* word) const { return __atomic_load_n(word, __ATOMIC_RELAXED); }
  void set_bits(uint64_t* word, uint64_t bits) const { __atomic_fetch_or(word, bits, __ATOMIC_RELAXED); }
  void raise(uint64_t* word, uint64_t value) const {
    uint64_t before = __atomic_load_n(word, __ATOMIC_RELAXED);
    while (before < value &&
           !__atomic_compare_exchange_n(word, &before, value, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
    }
  }
  uint32_t add(uint32_t* word, uint32_t value) const { return __atomic_fetch_add(word, value, __ATOMIC_RELAXED); }
};

// What a block's `__shared__` memory and a fresh workspace hold: anything.
inline void fill_with_rubbish(void* memory, size_t bytes) { std::memset(memory, 0xa5, bytes); }

template <class Shared>
std::unique_ptr<Shared> shared_memory() {
  auto shared = std::make_unique<Shared>();
  fill_with_rubbish(shared.get(), sizeof(Shared));
  return shared;
}

// Runners call body(group) as one block does.
struct Serial {
  template <class Body>
  void operator()(const Body& body) const {
    body(SerialGroup{});
  }
};

struct Shuffled {
  std::mt19937* random;
  template <class Body>
  void operator()(const Body& body) const {
    body(ShuffledGroup{{}, random});
  }
};

struct Threads {
  int32_t lanes;
  std::set<Site>* passed = nullptr;  // where to note the barriers, and only then may one be removed
  Site removed{};

  template <class Body>
  void operator()(const Body& body) const {
    Barrier barrier(lanes);
    std::vector<std::set<Site>> sites(static_cast<size_t>(lanes));
    std::vector<std::thread> threads;
    for (int32_t lane = 0; lane < lanes; ++lane) {
      threads.emplace_back([&, lane] {
        body(ThreadGroup{lane, lanes, &barrier, passed == nullptr ? nullptr : &sites[lane], &removed});
      });
    }
    for (std::thread& thread : threads) thread.join();
    if (passed != nullptr) passed->insert(sites[0].begin(), sites[0].end());
  }
};

}  // namespace bench_freeze
