// A launch: blocks in random order; the threads of a block as fibers, each running until a barrier, its end, or, with
// PTX_PREEMPT, until a random access gives the turn away.
#include <sys/mman.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "machine.h"
#include "memory.h"
#include "options.h"

#ifndef __x86_64__
#error "fibers are switched by x86-64 assembly: run this tool on such a machine"
#endif

// Saves the callee-saved registers on the stack that is left and takes those of the stack that is entered.
extern "C" void ptx_switch(void** from, void* to);
asm(R"(
.globl ptx_switch
ptx_switch:
  pushq %rbp; pushq %rbx; pushq %r12; pushq %r13; pushq %r14; pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15; popq %r14; popq %r13; popq %r12; popq %rbx; popq %rbp
  ret
)");

namespace ptx {
namespace {

constexpr size_t kStackBytes = 128 << 10;
constexpr int kMostThreads = 1024;
constexpr int kSavedRegisters = 6;

void* g_scheduler = nullptr;  // the stack of whoever gives turns
Thread* g_running = nullptr;

void give_turn_back(Thread& thread) {
  ++counts().turns;
  ptx_switch(&thread.stack, g_scheduler);
}

void fiber() {
  Thread& thread = *g_running;
  thread.kernel->run(thread);
  thread.state = State::kEnded;
  give_turn_back(thread);
  std::abort();  // nobody gives an ended thread a turn
}

char* stacks() {
  static char* const memory = [] {
    void* found = mmap(nullptr, kMostThreads * kStackBytes, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (found == MAP_FAILED) {
      std::perror("ptx: stacks");
      std::abort();
    }
    return static_cast<char*>(found);
  }();
  return memory;
}

void* fresh_stack(int thread) {
  // Below the top as a call would leave it: `fiber` is where the first switch returns to, aligned as the ABI asks.
  auto* top = reinterpret_cast<uint64_t*>(stacks() + static_cast<size_t>(thread + 1) * kStackBytes - 64);
  *--top = 0;
  *--top = reinterpret_cast<uint64_t>(&fiber);
  for (int i = 0; i < kSavedRegisters; ++i) *--top = 0;
  return top;
}

// Gives turns to the ready ones, in random order, until each is at a barrier or has ended.
void run_until_all_wait(std::vector<Thread*> ready) {
  while (!ready.empty()) {
    const size_t at = generator()() % ready.size();
    g_running = ready[at];
    ptx_switch(&g_scheduler, g_running->stack);
    if (g_running->state == State::kReady) continue;
    ready[at] = ready.back();
    ready.pop_back();
  }
}

void run_block(const Kernel& kernel, Block block, const char* parameters) {
  static std::vector<Thread> all(kMostThreads);
  ++counts().blocks;
  shared::begin_block(kernel.shared_bytes);
  std::vector<Thread*> ready;
  for (int i = 0; i < block.threads; ++i) {
    all[i] = Thread{i, &block, &kernel, parameters, State::kReady, 0, fresh_stack(i)};
    ready.push_back(&all[i]);
  }
  while (true) {
    run_until_all_wait(ready);
    ready.clear();
    for (int i = 0; i < block.threads; ++i) {
      if (all[i].state == State::kAtBarrier) ready.push_back(&all[i]);
    }
    if (ready.empty()) return;
    ++counts().barriers;
    if (static_cast<int>(ready.size()) != block.threads) {
      fault(*ready[0], ready[0]->barrier_line, "a barrier that some threads of the block never reach");
    }
    for (Thread* thread : ready) thread->state = State::kReady;
    ++block.epoch;
  }
}

void count_access(Thread& thread) {
  ++counts().accesses;
  if (options().preempt != 0 && generator()() % options().preempt == 0) give_turn_back(thread);
}

bool is_shared(uint64_t address) { return address >= kShared && address < kShared + (1u << 24); }
bool is_parameter(uint64_t address) { return address >= kParameters && address < kParameters + (1u << 16); }

}  // namespace

const char* Thread::load_global(uint64_t address, int size, bool is_ordered, int line) {
  count_access(*this);
  return device::access(*this, address, size, false, true, is_ordered, line);
}

const char* Thread::load_shared(uint64_t address, int size, bool is_ordered, int line) {
  count_access(*this);
  return shared::access(*this, address, size, false, true, is_ordered, line);
}

const char* Thread::load_param(uint64_t address, int size, bool, int line) {
  const uint64_t offset = address - kParameters;
  if (offset + static_cast<uint64_t>(size) <= static_cast<uint64_t>(kernel->parameter_bytes))
    return parameters + offset;
  static const char zeros[64] = {};
  fault(*this, line, "a parameter read out of bounds");
  return zeros;
}

const char* Thread::load_generic(uint64_t address, int size, bool is_ordered, int line) {
  if (is_shared(address)) return load_shared(address - kShared, size, is_ordered, line);
  if (is_parameter(address)) return load_param(address, size, is_ordered, line);
  return load_global(address, size, is_ordered, line);
}

char* Thread::store_global(uint64_t address, int size, bool, int line) {
  count_access(*this);
  return device::access(*this, address, size, true, false, false, line);
}

char* Thread::store_shared(uint64_t address, int size, bool, int line) {
  count_access(*this);
  return shared::access(*this, address, size, true, false, false, line);
}

char* Thread::store_generic(uint64_t address, int size, bool is_ordered, int line) {
  return is_shared(address) ? store_shared(address - kShared, size, is_ordered, line)
                            : store_global(address, size, is_ordered, line);
}

char* Thread::atomic_global(uint64_t address, int size, int line) {
  count_access(*this);
  return device::access(*this, address, size, true, true, true, line);
}

char* Thread::atomic_shared(uint64_t address, int size, int line) {
  count_access(*this);
  return shared::access(*this, address, size, true, true, true, line);
}

char* Thread::atomic_generic(uint64_t address, int size, int line) {
  return is_shared(address) ? atomic_shared(address - kShared, size, line) : atomic_global(address, size, line);
}

void Thread::barrier(int line) {
  if (!options().without_barrier.empty()) {
    const auto site = kernel->sites->find(line);
    if (site != kernel->sites->end() && options().without_barrier == site->second) return;
  }
  state = State::kAtBarrier;
  barrier_line = line;
  give_turn_back(*this);
}

void run(const Kernel& kernel, uint32_t grid, int threads, const std::vector<char>& parameters) {
  ++counts().launches;
  std::vector<uint32_t> order(grid);
  for (uint32_t i = 0; i < grid; ++i) order[i] = i;
  std::shuffle(order.begin(), order.end(), generator());
  for (const uint32_t index : order) run_block(kernel, Block{index, grid, threads, 1}, parameters.data());
}

}  // namespace ptx
