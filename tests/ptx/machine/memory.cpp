#include "memory.h"

#include <cstdlib>
#include <cstring>
#include <map>

#include "options.h"

namespace ptx {
namespace {

constexpr size_t kMargin = 256;         // around an allocation: what lies beyond it must not look like memory
constexpr char kRubbish = 0x5a;         // of memory that nothing has written
constexpr size_t kTracked = 64u << 20;  // bytes: of larger allocations races are not looked for

// Who accessed a byte, in 64 bits: launch 16, block 20, epoch 15, thread 10, and whether several blocks did, all
// atomically, several threads.
constexpr uint64_t kBlocks = 4, kAtomic = 2, kSeveral = 1;

uint64_t launch_of(uint64_t mark) { return mark >> 48; }
uint64_t block_of(uint64_t mark) { return mark >> 28 & 0xfffff; }
uint64_t thread_of(uint64_t mark) { return mark >> 3 & 0x3ff; }
bool is_same_epoch(uint64_t a, uint64_t b) { return a >> 13 == b >> 13; }

uint64_t mark_of(const Thread& thread, bool is_atomic) {
  const uint64_t launch = counts().launches & 0xffff;
  return (launch == 0 ? 0xffff : launch) << 48 | static_cast<uint64_t>(thread.block->index & 0xfffff) << 28 |
         static_cast<uint64_t>(thread.block->epoch & 0x7fff) << 13 | static_cast<uint64_t>(thread.id) << 3 |
         (is_atomic ? kAtomic : 0);
}

// The mark of two reads of one byte: the later one, and that there was another that nothing orders it after.
uint64_t joined(uint64_t before, uint64_t now) {
  if (before == 0 || launch_of(before) != launch_of(now)) return now;
  uint64_t flags = 0;
  if (block_of(before) != block_of(now) || (before & kBlocks) != 0) flags |= kBlocks;
  if (is_same_epoch(before, now) && (thread_of(before) != thread_of(now) || (before & kSeveral) != 0))
    flags |= kSeveral;
  if (flags == 0) return now;
  return (before & kAtomic) == 0 ? (now & ~kAtomic) | flags : now | flags;
}

char* nowhere() {
  static char bytes[64];
  return bytes;
}

}  // namespace

void Shadow::resize(size_t bytes) {
  is_written_.assign(bytes, false);
  const size_t tracked = bytes <= kTracked ? bytes : 0;
  writes_.assign(tracked, 0);
  reads_.assign(tracked, 0);
}

void Shadow::forget_accesses() {
  std::fill(writes_.begin(), writes_.end(), 0);
  std::fill(reads_.begin(), reads_.end(), 0);
}

void Shadow::set_written(size_t offset, size_t size, bool is_written) {
  std::fill_n(is_written_.begin() + static_cast<ptrdiff_t>(offset), size, is_written);
}

void Shadow::check(const Thread& thread, const Access& access) {
  for (int i = 0; i < access.size; ++i) {
    const size_t at = access.offset + static_cast<size_t>(i);
    if (access.reads && !is_written_[at]) {
      fault(thread, access.line, "a read of memory that nothing has written");
      break;
    }
  }
  for (int i = 0; i < access.size; ++i) {
    const size_t at = access.offset + static_cast<size_t>(i);
    if (access.writes) is_written_[at] = true;
    if (!writes_.empty()) check_race(thread, access, writes_[at], reads_[at]);
  }
}

void Shadow::check_race(const Thread& thread, const Access& access, uint64_t& last_write, uint64_t& last_read) {
  const uint64_t now = mark_of(thread, access.is_atomic);
  // Whether something orders an earlier access and this one: another launch, a barrier of one block, being one thread.
  const auto races = [&](uint64_t before) {
    if (before == 0 || launch_of(before) != launch_of(now)) return false;
    if (before & kAtomic && access.is_atomic) return false;
    if (is_shared_by_blocks_ && (before & kBlocks) != 0) return true;
    if (block_of(before) != block_of(now)) return is_shared_by_blocks_;
    return is_same_epoch(before, now) && (thread_of(before) != thread_of(now) || (before & kSeveral) != 0);
  };
  if (races(last_write)) fault(thread, access.line, access.writes ? "two writes race" : "a read races a write");
  if (!access.writes) {
    last_read = joined(last_read, now);
    return;
  }
  if (races(last_read)) fault(thread, access.line, "a write races a read");
  last_write = now;
}

namespace device {

struct Allocation {
  uint64_t begin;
  size_t bytes;
  char* memory;
  Shadow shadow;
};

namespace {

std::map<uint64_t, std::unique_ptr<Allocation>>& allocations() {
  static auto* all = new std::map<uint64_t, std::unique_ptr<Allocation>>;  // outlives whoever frees at the very end
  return *all;
}

bool fits(const Allocation& found, uint64_t address, size_t bytes) {
  return address + bytes <= found.begin + found.bytes;
}

}  // namespace

void* allocate(size_t bytes) {
  const size_t whole = (bytes + 2 * kMargin + 255) / 256 * 256;
  char* memory = static_cast<char*>(std::aligned_alloc(256, whole));
  if (memory == nullptr) return nullptr;
  std::memset(memory, kRubbish, whole);
  const auto begin = reinterpret_cast<uint64_t>(memory + kMargin);
  allocations()[begin] = std::make_unique<Allocation>(Allocation{begin, bytes, memory, Shadow(bytes, true)});
  return memory + kMargin;
}

bool release(void* memory) {
  const auto found = allocations().find(reinterpret_cast<uint64_t>(memory));
  if (found == allocations().end()) return false;
  std::free(found->second->memory);
  allocations().erase(found);
  return true;
}

Allocation* find(uint64_t address) {
  auto after = allocations().upper_bound(address);
  if (after == allocations().begin()) return nullptr;
  Allocation* found = std::prev(after)->second.get();
  return address < found->begin + found->bytes ? found : nullptr;
}

void host_writes(const void* memory, size_t bytes, bool as_rubbish) {
  if (bytes == 0) return;
  const auto address = reinterpret_cast<uint64_t>(memory);
  Allocation* found = find(address);
  if (found == nullptr || !fits(*found, address, bytes)) return fault("a copy or fill beyond an allocation");
  found->shadow.set_written(address - found->begin, bytes, !as_rubbish);
}

void host_reads(const void* memory, size_t bytes) {
  if (bytes == 0) return;
  const auto address = reinterpret_cast<uint64_t>(memory);
  const Allocation* found = find(address);
  if (found == nullptr || !fits(*found, address, bytes)) fault("a copy beyond an allocation");
}

char* access(const Thread& thread, uint64_t address, int size, bool writes, bool reads, bool is_atomic, int line) {
  static Allocation* last = nullptr;
  static uint64_t last_launch = 0;  // allocations change between launches only
  if (last_launch != counts().launches || address < last->begin || address >= last->begin + last->bytes) {
    last = find(address);
    last_launch = last == nullptr ? 0 : counts().launches;
  }
  if (address % static_cast<uint64_t>(size) != 0) fault(thread, line, "a misaligned access");
  if (last == nullptr || !fits(*last, address, static_cast<size_t>(size))) {
    fault(thread, line, writes ? "a write out of bounds" : "a read out of bounds");
    return nowhere();
  }
  last->shadow.check(thread, {address - last->begin, size, writes, reads, is_atomic, line});
  return reinterpret_cast<char*>(address);
}

}  // namespace device

namespace shared {
namespace {

std::vector<char> g_memory;
Shadow g_shadow(0, false);

}  // namespace

void begin_block(int bytes) {
  g_memory.assign(static_cast<size_t>(bytes) + 16, kRubbish);
  g_shadow.resize(static_cast<size_t>(bytes));
}

char* access(const Thread& thread, uint64_t address, int size, bool writes, bool reads, bool is_atomic, int line) {
  if (address % static_cast<uint64_t>(size) != 0) fault(thread, line, "a misaligned access of shared memory");
  if (address + static_cast<uint64_t>(size) > static_cast<uint64_t>(thread.kernel->shared_bytes)) {
    fault(thread, line, "an access out of bounds of shared memory");
    return nowhere();
  }
  g_shadow.check(thread, {address, size, writes, reads, is_atomic, line});
  return g_memory.data() + address;
}

}  // namespace shared

}  // namespace ptx
