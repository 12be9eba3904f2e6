// Arguments out of a fuzzer's bytes. The first byte says whether all of them are sound, so that a call gets far, or
// some are not.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <stdexcept>
#include <vector>

#include "checks.h"

// What holds of every answer; a failure ends the program as a crash does.
#define EXPECT(condition)                                                  \
  do {                                                                     \
    if (!(condition)) {                                                    \
      std::fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                        \
    }                                                                      \
  } while (false)

namespace fuzz {

// Reads on as zeros behind the end, so every input is a whole one.
class Bytes {
 public:
  Bytes(const uint8_t* data, size_t size) : at_(data), end_(data + size), is_hostile_(byte() >= 192) {}

  uint8_t byte() { return at_ < end_ ? *at_++ : 0; }
  size_t left() const { return static_cast<size_t>(end_ - at_); }
  bool is_hostile() const { return is_hostile_; }

  template <class Value>
  Value raw() {
    uint8_t bytes[sizeof(Value)];
    for (uint8_t& b : bytes) b = byte();
    Value value;
    std::memcpy(&value, bytes, sizeof value);
    return value;
  }

  // From `low` to `high`, 256 values apart at most.
  int64_t within(int64_t low, int64_t high) { return low + byte() % (high - low + 1); }

  // As `within`; one time in 16 any number at all, in a hostile input.
  int64_t about(int64_t low, int64_t high) {
    const uint8_t first = byte();
    return is_hostile_ && first >= 240 ? hostile_integer() : low + first % (high - low + 1);
  }

  int64_t hostile_integer() {
    constexpr int64_t kValues[] = {-1,
                                   0,
                                   1,
                                   1 << 20,
                                   (1 << 20) + 1,
                                   INT32_MAX,
                                   INT32_MIN,
                                   int64_t{1} << 32,
                                   INT64_MAX,
                                   INT64_MIN,
                                   int64_t{1} << 62};
    const uint8_t which = byte();
    return which < 11 ? kValues[which] : raw<int64_t>();
  }

  // Small numbers on a lattice, so that equal ones and exact thresholds occur, or the bits of any.
  double number() {
    const uint8_t kind = byte();
    if (kind < 200 || !is_hostile_) return static_cast<double>(static_cast<int8_t>(byte())) / 8;
    constexpr double kInfinity = std::numeric_limits<double>::infinity();
    constexpr double kValues[] = {0.0, -0.0, 1.0, 0.5, 1e10, 1e-320, 1e308, -1e308, kInfinity, -kInfinity};
    if (kind < 240) return kValues[kind % 10];
    return kind < 248 ? std::nan("") : raw<double>();
  }

  // `count` of them, in memory of their size alone: one too far is seen.
  template <class Item, class Draw>
  std::vector<Item> list(int64_t count, const Draw& draw) {
    std::vector<Item> items;
    items.reserve(static_cast<size_t>(count));
    for (int64_t i = 0; i < count; ++i) items.push_back(static_cast<Item>(draw()));
    return items;
  }

  std::vector<double> numbers(int64_t count) {
    return list<double>(count, [this] { return number(); });
  }

  // [count + 1] that begin at 0, ascend and end at `rows`; rarely not.
  std::vector<int64_t> begins(int64_t count, int64_t rows) {
    std::vector<int64_t> begin(1, 0);
    for (int64_t i = 1; i <= count; ++i) {
      const int64_t next = i == count ? rows : begin.back() + within(0, 3);
      begin.push_back(next < rows ? next : rows);
    }
    if (byte() >= 250 && is_hostile_) begin[static_cast<size_t>(within(0, count))] = hostile_integer();
    begin.shrink_to_fit();
    return begin;
  }

  // The size that an array has, or rarely one that its owner could have told wrongly: then the array is of that size.
  int64_t size(int64_t right) { return is_hostile_ && byte() >= 240 ? within(0, 9) : right; }

 private:
  const uint8_t* at_;
  const uint8_t* end_;
  bool is_hostile_;
};

template <class Item>
bench_freeze::Array<Item> whole(std::vector<Item>& items) {
  return {items.data(), static_cast<int64_t>(items.size())};
}
template <class Item>
bench_freeze::Array<const Item> whole(const std::vector<Item>& items) {
  return {items.data(), static_cast<int64_t>(items.size())};
}

// Targets: one input each. True where the call was answered, false where it was refused.
bool nms(Bytes bytes);
bool letterbox(Bytes bytes);
bool evaluator(Bytes bytes);
bool compare(Bytes bytes);
bool json(Bytes bytes);

// A refusal is an answer too; anything else that is thrown is not caught.
template <class Call>
bool is_answered(const Call& call) {
  try {
    call();
    return true;
  } catch (const std::invalid_argument&) {
    return false;
  }
}

}  // namespace fuzz
