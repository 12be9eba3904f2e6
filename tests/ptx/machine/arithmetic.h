// What PTX computes and C++ has no operator for, by "Parallel Thread Execution ISA".
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>

namespace ptx {

template <class T>
T peek(const char* p) {
  T value;
  std::memcpy(&value, p, sizeof value);
  return value;
}

template <class T>
void poke(char* p, T value) {
  std::memcpy(p, &value, sizeof value);
}

template <class F, class B>
F from_bits(B bits) {
  static_assert(sizeof(F) == sizeof(B));
  return peek<F>(reinterpret_cast<const char*>(&bits));
}

inline uint32_t to_bits(float value) { return peek<uint32_t>(reinterpret_cast<const char*>(&value)); }
inline uint64_t to_bits(double value) { return peek<uint64_t>(reinterpret_cast<const char*>(&value)); }

template <class T>
constexpr uint32_t kBits = 8 * sizeof(T);

// Shifts by more than the width leave nothing, of a negative number its sign.
template <class T>
T shift_left(T value, uint32_t n) {
  return n >= kBits<T> ? T{0} : static_cast<T>(static_cast<std::make_unsigned_t<T>>(value) << n);
}

template <class T>
T shift_right(T value, uint32_t n) {
  if (n < kBits<T>) return static_cast<T>(value >> n);
  return value < T{0} ? static_cast<T>(-1) : T{0};
}

// The 32 bits of high:low that a shift brings to the upper (left) or lower (right) half.
inline uint32_t funnel_shift(bool left, bool wraps, uint32_t low, uint32_t high, uint32_t n) {
  n = wraps ? n & 31 : std::min(n, 32u);
  const uint64_t both = static_cast<uint64_t>(high) << 32 | low;
  return static_cast<uint32_t>(left ? (both << n) >> 32 : both >> n);
}

template <class T>
uint32_t highest_one(T value) {
  for (uint32_t i = kBits<T>; i-- > 0;) {
    if (value >> i & 1) return i;
  }
  return ~0u;
}

template <class T>
uint32_t leading_zeros(T value) {
  return kBits<T> - 1 - highest_one(value);  // ~0u of zero: all are
}

template <class T>
uint32_t ones(T value) {
  uint32_t count = 0;
  for (; value != 0; value &= value - 1) ++count;
  return count;
}

template <class T>
T reversed(T value) {
  T result = 0;
  for (uint32_t i = 0; i < kBits<T>; ++i) result |= (value >> i & T{1}) << (kBits<T> - 1 - i);
  return result;
}

template <class T>
T insert_bits(T from, T into, uint32_t position, uint32_t length) {
  position &= 255;
  length &= 255;
  for (uint32_t i = 0; i < length && position + i < kBits<T>; ++i) {
    const T bit = T{1} << (position + i);
    into = static_cast<T>((into & ~bit) | (from >> i & 1 ? bit : 0));
  }
  return into;
}

// Bits beyond the field repeat the field's last bit where the type is signed.
template <class T>
T extract_bits(T value, uint32_t position, uint32_t length) {
  using U = std::make_unsigned_t<T>;
  position &= 255;
  length &= 255;
  const U bits = static_cast<U>(value);
  const uint32_t last = std::min(position + length - 1, kBits<T> - 1);
  const bool fill = std::is_signed<T>::value && length > 0 && (bits >> last & 1);
  U result = 0;
  for (uint32_t i = 0; i < kBits<T>; ++i) {
    const bool bit = i < length && position + i < kBits<T> ? bits >> (position + i) & 1 : fill;
    result |= static_cast<U>(bit) << i;
  }
  return static_cast<T>(result);
}

// Four bytes chosen from b:a, a nibble of the selector each; its high bit asks for the byte's sign alone.
inline uint32_t permute_bytes(uint32_t a, uint32_t b, uint32_t selector) {
  const uint64_t both = static_cast<uint64_t>(b) << 32 | a;
  uint32_t result = 0;
  for (uint32_t i = 0; i < 4; ++i) {
    const uint32_t chosen = selector >> 4 * i & 15;
    uint32_t byte = static_cast<uint8_t>(both >> 8 * (chosen & 7));
    if (chosen & 8) byte = byte & 128 ? 255 : 0;
    result |= byte << 8 * i;
  }
  return result;
}

// Every bit by a table of eight: the bits of a, b and c are its index.
inline uint32_t logic_of_three(uint32_t a, uint32_t b, uint32_t c, uint32_t table) {
  uint32_t result = 0;
  for (uint32_t i = 0; i < 32; ++i) {
    const uint32_t index = (a >> i & 1) << 2 | (b >> i & 1) << 1 | (c >> i & 1);
    result |= (table >> index & 1) << i;
  }
  return result;
}

template <class F>
F float_max(F a, F b) {
  if (std::isnan(a) || std::isnan(b)) return std::isnan(a) ? b : a;
  if (a == b) return std::signbit(a) ? b : a;
  return a > b ? a : b;
}

template <class F>
F float_min(F a, F b) {
  if (std::isnan(a) || std::isnan(b)) return std::isnan(a) ? b : a;
  if (a == b) return std::signbit(a) ? a : b;
  return a < b ? a : b;
}

// Saturates; NaN is 0, but the smallest of signed 64-bit integers.
template <class I, class F>
I round_to_zero(F value) {
  using Limits = std::numeric_limits<I>;
  if (std::isnan(value)) return sizeof(I) == 8 && Limits::is_signed ? Limits::min() : I{0};
  const long double x = value;
  if (x <= static_cast<long double>(Limits::min())) return Limits::min();
  if (x >= static_cast<long double>(Limits::max())) return Limits::max();
  return static_cast<I>(value);
}

}  // namespace ptx
