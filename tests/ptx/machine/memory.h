// Device memory with, for every byte, whether it was written and by whom it was last read and written.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "machine.h"

namespace ptx {

struct Access {
  uint64_t offset;
  int size;
  bool writes, reads, is_atomic;
  int line;
};

// The history of a stretch of memory.
class Shadow {
 public:
  // Between blocks nothing orders accesses, so for global memory those of other blocks race too.
  Shadow(size_t bytes, bool is_shared_by_blocks) : is_shared_by_blocks_(is_shared_by_blocks) { resize(bytes); }

  void resize(size_t bytes);
  void forget_accesses();
  void set_written(size_t offset, size_t size, bool is_written);

  // Faults: reading what nothing has written, and races since the last barrier.
  void check(const Thread& thread, const Access& access);

 private:
  void check_race(const Thread& thread, const Access& access, uint64_t& last_write, uint64_t& last_read);

  bool is_shared_by_blocks_;
  std::vector<bool> is_written_;
  std::vector<uint64_t> writes_, reads_;
};

// Global memory of the one device.
namespace device {

void* allocate(size_t bytes);
bool release(void* memory);  // false for what was not allocated

// The allocation that holds `address`; null where there is none.
struct Allocation;
Allocation* find(uint64_t address);

// Marks what the host or a memset writes; a fault where it goes beyond the allocation. `as_rubbish`: as never written.
void host_writes(const void* memory, size_t bytes, bool as_rubbish = false);
void host_reads(const void* memory, size_t bytes);

char* access(const Thread& thread, uint64_t address, int size, bool writes, bool reads, bool is_atomic, int line);

}  // namespace device

// Shared memory of the block that is running.
namespace shared {

void begin_block(int bytes);
char* access(const Thread& thread, uint64_t address, int size, bool writes, bool reads, bool is_atomic, int line);

}  // namespace shared

}  // namespace ptx
