// How a run is disturbed, by environment variables, and what it found.
#pragma once

#include <cstdint>
#include <random>
#include <string>

#include "machine.h"

namespace ptx {

struct Options {
  uint64_t seed;                // PTX_SEED: another order of blocks, threads and streams
  uint64_t preempt;             // PTX_PREEMPT=N: one access in N gives the turn to another thread; 0 none does
  bool late;                    // PTX_LATE=1: work on a stream happens only when something waits for it
  bool stops;                   // PTX_STOP=1: the first fault ends the process
  std::string without_barrier;  // PTX_WITHOUT_BARRIER=core/match.h:179: barriers of that source line do nothing
};

const Options& options();
std::mt19937_64& generator();

// The fault of a kernel's access. Each is printed once; any makes the process end with 66.
void fault(const Thread& thread, int line, const std::string& what);

// The fault of a call of the runtime.
void fault(const std::string& what);

// What was done, printed at the end.
struct Counts {
  uint64_t launches, blocks, accesses, barriers, turns;
};
Counts& counts();

}  // namespace ptx
