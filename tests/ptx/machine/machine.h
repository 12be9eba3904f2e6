// What a translated kernel sees: its thread, whose accesses to memory are checked one by one.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "arithmetic.h"

namespace ptx {

// Generic addresses of shared and parameter memory: windows where no allocation lies.
constexpr uint64_t kShared = 0x7f10'0000'0000'0000;
constexpr uint64_t kParameters = 0x7f20'0000'0000'0000;

struct Span {
  int offset, size;
};

struct Thread;

struct Kernel {
  const char* name;
  const char* file;
  void (*run)(Thread&);
  std::vector<Span> parameters;
  int parameter_bytes, max_threads, shared_bytes;
  const std::map<int, const char*>* sites;  // lines of the PTX file that touch memory or wait: where they come from
};

extern const Kernel kKernels[];
extern const int kKernelCount;

struct Block {
  uint32_t index, grid;
  int threads;
  uint32_t epoch;  // barriers that all of its threads have passed
};

enum class State { kReady, kAtBarrier, kEnded };

// Every access has the line of its instruction in the PTX file; a fault names it and the access goes on harmlessly.
struct Thread {
  int id;
  Block* block;
  const Kernel* kernel;
  const char* parameters;
  State state;
  int barrier_line;
  void* stack;  // where it goes on

  const char* load_global(uint64_t address, int size, bool is_ordered, int line);
  const char* load_shared(uint64_t address, int size, bool is_ordered, int line);
  const char* load_param(uint64_t address, int size, bool is_ordered, int line);
  const char* load_generic(uint64_t address, int size, bool is_ordered, int line);
  char* store_global(uint64_t address, int size, bool is_ordered, int line);
  char* store_shared(uint64_t address, int size, bool is_ordered, int line);
  char* store_generic(uint64_t address, int size, bool is_ordered, int line);
  char* atomic_global(uint64_t address, int size, int line);
  char* atomic_shared(uint64_t address, int size, int line);
  char* atomic_generic(uint64_t address, int size, int line);
  void barrier(int line);
};

// Runs one launch to its end: blocks in random order, threads in random order.
void run(const Kernel& kernel, uint32_t grid, int threads, const std::vector<char>& parameters);

}  // namespace ptx
