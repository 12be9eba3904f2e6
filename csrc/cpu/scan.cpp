#include "cpu/scan.h"

#include <cstring>

#include "core/box.h"
#include "core/order.h"

namespace bench_freeze {
namespace {

// Vector extensions instead of intrinsics: one source becomes SSE2, NEON or plain code.
typedef float Float4 __attribute__((vector_size(16)));
typedef int32_t Int4 __attribute__((vector_size(16)));
typedef int16_t Short8 __attribute__((vector_size(16)));
typedef int64_t Long2 __attribute__((vector_size(16)));

template <class Vector, class Scalar>
inline Vector load(const Scalar* from) {
  Vector vector;
  std::memcpy(&vector, from, sizeof vector);
  return vector;
}

template <class Vector>
inline bool any(Vector mask) {
  const Long2 halves = reinterpret_cast<Long2>(mask);
  return (halves[0] | halves[1]) != 0;
}

// Most chunks of a head hold no score above the threshold; only one that does is looked at score by score.
constexpr int64_t kChunk = 32;

// Largest float16, in half_order, that is not above the threshold: the scan compares integers.
int16_t half_floor(float threshold) {
  int32_t low = half_order(static_cast<int16_t>(0xfc00));  // -infinity
  int32_t high = half_order(0x7c00);
  while (low < high) {
    const int32_t middle = (low + high + 1) >> 1;
    const int16_t order = static_cast<int16_t>(middle);
    if (half_to_float(static_cast<uint16_t>(half_order(order))) <= threshold) {  // half_order is its own inverse
      low = middle;
    } else {
      high = middle - 1;
    }
  }
  return static_cast<int16_t>(low);
}

}  // namespace

int64_t scan_row(const float* row, int64_t count, float threshold, int32_t* hits, bool* is_sound) {
  const Float4 limit = {threshold, threshold, threshold, threshold};
  Int4 unsound = {0, 0, 0, 0};
  int64_t found = 0;
  int64_t i = 0;
  for (; i + kChunk <= count; i += kChunk) {
    Int4 above = {0, 0, 0, 0};
    for (int64_t j = 0; j < kChunk; j += 4) {
      const Float4 scores = load<Float4>(row + i + j);
      above |= scores > limit;
      unsound |= reinterpret_cast<Int4>(scores - scores);  // +0 where finite, NaN elsewhere
    }
    if (!any(above)) continue;
    for (int64_t j = i; j < i + kChunk; ++j) {
      hits[found] = static_cast<int32_t>(j);
      found += row[j] > threshold;
    }
  }
  bool sound = !any(unsound);
  for (; i < count; ++i) {
    sound &= is_finite(row[i]);
    hits[found] = static_cast<int32_t>(i);
    found += row[i] > threshold;
  }
  *is_sound &= sound;
  return found;
}

int64_t scan_row(const int16_t* row, int64_t count, float threshold, int32_t* hits, bool* is_sound) {
  const int16_t floor = half_floor(threshold);
  const Short8 limit = Short8{} + floor;
  const Short8 magnitude = Short8{} + static_cast<int16_t>(0x7fff);
  const Short8 largest = Short8{} + static_cast<int16_t>(0x7bff);
  Short8 unsound = {};
  bool sound = true;
  int64_t found = 0;
  int64_t i = 0;
  for (; i + kChunk <= count; i += kChunk) {
    Short8 above = {};
    for (int64_t j = 0; j < kChunk; j += 8) {
      const Short8 bits = load<Short8>(row + i + j);
      above |= (bits ^ ((bits >> 15) & magnitude)) > limit;
      unsound |= (bits & magnitude) > largest;
    }
    if (!any(above)) continue;
    for (int64_t j = i; j < i + kChunk; ++j) {
      hits[found] = static_cast<int32_t>(j);
      found += half_order(row[j]) > floor;
    }
  }
  sound &= !any(unsound);
  for (; i < count; ++i) {
    sound &= (row[i] & 0x7fff) <= 0x7bff;
    hits[found] = static_cast<int32_t>(i);
    found += half_order(row[i]) > floor;
  }
  *is_sound &= sound;
  return found;
}

}  // namespace bench_freeze
