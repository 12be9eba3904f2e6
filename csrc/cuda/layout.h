// Sizes and offsets of device work: host arithmetic that refuses sizes that do not fit, tested without a GPU.
#pragma once

#include <cstdint>
#include <stdexcept>

namespace bench_freeze {

constexpr int64_t kMostBlocks = 2147483647;  // of a grid along x

// Multiplies sizes, and refuses a product that an index could not hold.
inline int64_t product(int64_t a, int64_t b, int64_t most = INT64_MAX) {
  if (a < 0 || b < 0 || (b != 0 && a > most / b)) {
    throw std::length_error("this batch is too large for the CUDA back end: pass fewer images at once");
  }
  return a * b;
}

inline int64_t blocks_for(int64_t items, int64_t per_block) { return items / per_block + (items % per_block != 0); }

// Hands out stretches of a workspace, each aligned for any type and any vector load. With a null workspace, only the
// sizes are computed.
class Layout {
 public:
  explicit Layout(void* workspace) : base_(static_cast<char*>(workspace)) {}

  template <class Item>
  Item* take(int64_t count) {
    const int64_t begin = bytes_;
    const int64_t size = product(count, static_cast<int64_t>(sizeof(Item)), INT64_MAX - kAlignment - bytes_);
    bytes_ += blocks_for(size, kAlignment) * kAlignment;
    return base_ == nullptr ? nullptr : reinterpret_cast<Item*>(base_ + begin);
  }
  int64_t bytes() const { return bytes_; }

 private:
  static constexpr int64_t kAlignment = 256;
  char* base_;
  int64_t bytes_ = 0;
};

}  // namespace bench_freeze
