// Loops that the compiler turns into vectors, compiled a second time for AVX2 and chosen when they are called: one
// source, the same results, and machines without it are served by the first copy. Elsewhere (aarch64) there is one
// copy.
#pragma once

// BENCH_FREEZE_NARROW leaves the second copy out, for tests of the first.
#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__)) && !defined(BENCH_FREEZE_NARROW)
#define BENCH_FREEZE_HAS_WIDE 1
#define BENCH_FREEZE_WIDE __attribute__((target("avx2")))
#endif

// The body that both copies share has to be in both: as a function of its own it would be compiled once.
#define BENCH_FREEZE_BODY inline __attribute__((always_inline))

namespace bench_freeze {

inline bool has_wide() {
#ifdef BENCH_FREEZE_HAS_WIDE
  static const bool has = __builtin_cpu_supports("avx2");
  return has;
#else
  return false;
#endif
}

}  // namespace bench_freeze
