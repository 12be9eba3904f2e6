// Total orders over scores as unsigned integers: sorting the keys ascending sorts the scores descending. Both zeros
// share one key; NaN has no place in the order and is refused beforehand.
#pragma once

#include <cstdint>
#include <cstring>

#include "core/host_device.h"

namespace bench_freeze {

BENCH_FREEZE_HD inline uint32_t descending_key(float score) {
  if (score == 0) score = 0;  // -0 becomes +0
  uint32_t bits;
  memcpy(&bits, &score, sizeof bits);
  return bits & 0x80000000u ? bits : ~bits & 0x7fffffffu;
}

BENCH_FREEZE_HD inline float score_of_key(uint32_t key) {
  const uint32_t bits = key & 0x80000000u ? key : ~key & 0x7fffffffu;
  float score;
  memcpy(&score, &bits, sizeof score);
  return score;
}

BENCH_FREEZE_HD inline uint64_t descending_key(double score) {
  if (score == 0) score = 0;
  uint64_t bits;
  memcpy(&bits, &score, sizeof bits);
  return bits >> 63 ? bits : ~bits & 0x7fffffffffffffffu;
}

// float16 is read as bits, since not every machine without a GPU has such a type.
BENCH_FREEZE_HD inline float half_to_float(uint16_t half) {
  const uint32_t sign = static_cast<uint32_t>(half & 0x8000u) << 16;
  const uint32_t magnitude = half & 0x7fffu;
  float value;
  if (magnitude >= 0x7c00u) {  // infinity, NaN
    const uint32_t bits = sign | 0x7f800000u | (magnitude & 0x3ffu) << 13;
    memcpy(&value, &bits, sizeof value);
    return value;
  }
  // After the shift the exponent is 112 too small, also for subnormal halves; one exact product corrects it.
  uint32_t bits = magnitude << 13;
  memcpy(&value, &bits, sizeof value);
  value *= 5192296858534827628530496329220096.0f;  // 2^112
  memcpy(&bits, &value, sizeof bits);
  bits |= sign;
  memcpy(&value, &bits, sizeof value);
  return value;
}

// A signed integer that orders float16 bits as their values (-0 just below +0).
BENCH_FREEZE_HD inline int16_t half_order(int16_t bits) {
  return static_cast<int16_t>(bits ^ (static_cast<int16_t>(bits >> 15) & 0x7fff));
}

}  // namespace bench_freeze
