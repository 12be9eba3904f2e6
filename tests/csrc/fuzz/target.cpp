// One target for libFuzzer: FUZZ_TARGET is its name. Tells at the end how many inputs were answered and refused.
#include "bytes.h"

namespace {

struct Tally {
  long answered = 0;
  long refused = 0;
  ~Tally() { std::fprintf(stderr, "answered %ld refused %ld\n", answered, refused); }
};

Tally tally;

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  (fuzz::FUZZ_TARGET({data, size}) ? tally.answered : tally.refused) += 1;
  return 0;
}
