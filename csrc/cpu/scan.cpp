#include "cpu/scan.h"

#include <cstring>

#include "cpu/wide.h"

namespace bench_freeze {
namespace {

// Few stretches of a head have a score above the threshold; only those are searched score by score.
constexpr int64_t kStretch = 64;
constexpr int64_t kGroup = 8;

uint32_t bits_of(float score) {
  uint32_t bits;
  std::memcpy(&bits, &score, sizeof bits);
  return bits;
}
uint16_t bits_of(int16_t score) { return static_cast<uint16_t>(score); }

// The smallest bits, as an unsigned number, of a score that must be examined. Scores from 0 on ascend with their bits;
// above them lie infinity, NaN and all negative scores. A threshold below 0 excludes nothing.
uint32_t lowest_bits(const ScoreThreshold& threshold, float) {
  return threshold.value < 0 ? 0 : bits_of(threshold.value + 0.0f) + 1;  // -0 becomes 0
}
uint16_t lowest_bits(const ScoreThreshold& threshold, int16_t) {
  return static_cast<uint16_t>(threshold.floor_of_halves < 0 ? 0 : threshold.floor_of_halves + 1);
}

template <int64_t kCount, class Value>
BENCH_FREEZE_BODY auto highest_bits(const Value* scores) {
  auto highest = bits_of(scores[0]);
  for (int64_t i = 1; i < kCount; ++i) {
    const auto bits = bits_of(scores[i]);
    highest = bits > highest ? bits : highest;
  }
  return highest;
}

template <class Value>
BENCH_FREEZE_BODY int64_t scan(const Value* row, int64_t count, const ScoreThreshold& threshold, int32_t* hits,
                               bool* sound) {
  const auto lowest = lowest_bits(threshold, Value{});
  int64_t found = 0;
  const auto look = [&](int64_t i) __attribute__((always_inline)) {
    *sound &= is_sound(row[i]);
    hits[found] = static_cast<int32_t>(i);
    found += threshold.passes(row[i]);
  };
  int64_t i = 0;
  for (; i + kStretch <= count; i += kStretch) {
    if (highest_bits<kStretch>(row + i) < lowest) continue;
    for (int64_t group = i; group < i + kStretch; group += kGroup) {
      if (highest_bits<kGroup>(row + group) < lowest) continue;
      for (int64_t j = group; j < group + kGroup; ++j) look(j);
    }
  }
  for (; i < count; ++i) look(i);
  return found;
}

#ifdef BENCH_FREEZE_HAS_WIDE
template <class Value>
BENCH_FREEZE_WIDE int64_t scan_wide(const Value* row, int64_t count, const ScoreThreshold& threshold, int32_t* hits,
                                    bool* sound) {
  return scan(row, count, threshold, hits, sound);
}
#endif

template <class Value>
int64_t scan_best(const Value* row, int64_t count, const ScoreThreshold& threshold, int32_t* hits, bool* sound) {
#ifdef BENCH_FREEZE_HAS_WIDE
  if (has_wide()) return scan_wide(row, count, threshold, hits, sound);
#endif
  return scan(row, count, threshold, hits, sound);
}

}  // namespace

int64_t scan_row(const float* row, int64_t count, const ScoreThreshold& threshold, int32_t* hits, bool* is_sound) {
  return scan_best(row, count, threshold, hits, is_sound);
}

int64_t scan_row(const int16_t* row, int64_t count, const ScoreThreshold& threshold, int32_t* hits, bool* is_sound) {
  return scan_best(row, count, threshold, hits, is_sound);
}

}  // namespace bench_freeze
