// Which GPUs the machine code of a build runs on.
#pragma once

#include <cstddef>
#include <string>

namespace bench_freeze {

// Whether a GPU of compute capability `gpu` (10 * major + minor) runs code that was compiled for the `count`
// capabilities in `built`. Machine code runs on its own and later minor versions of the same major version. The newest
// capability is also present as PTX, which the driver compiles for every later GPU.
inline bool runs_on(int gpu, const int* built, size_t count) {
  int newest = 0;
  for (size_t i = 0; i < count; ++i) {
    if (built[i] / 10 == gpu / 10 && built[i] <= gpu) return true;
    newest = built[i] > newest ? built[i] : newest;
  }
  return newest > 0 && gpu >= newest;
}

// "8.0, 8.6 and 9.0" of 80, 86, 90.
inline std::string capabilities_in_words(const int* built, size_t count) {
  std::string words;
  for (size_t i = 0; i < count; ++i) {
    if (i > 0) words += i + 1 == count ? " and " : ", ";
    words += std::to_string(built[i] / 10) + "." + std::to_string(built[i] % 10);
  }
  return words;
}

}  // namespace bench_freeze
