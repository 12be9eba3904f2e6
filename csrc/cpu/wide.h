// Loops that the compiler vectorizes, compiled a second time for AVX2 and chosen at run time: one source, the same
// results, and machines without AVX2 use the first copy. Other architectures (aarch64) have a single copy.
#pragma once

// BENCH_FREEZE_NARROW omits the second copy, for tests of the first.
#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__)) && !defined(BENCH_FREEZE_NARROW)
#define BENCH_FREEZE_HAS_WIDE 1
#define BENCH_FREEZE_WIDE __attribute__((target("avx2")))
#endif

// The shared body must be inlined into both copies; as a separate function it would be compiled only once.
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
