// driver KERNEL GRID THREADS OUT_BYTES: runs one kernel of the program, `(uint64_t in, uint64_t out)`. Its input comes
// from standard input; its output, OUT_BYTES of zeros before, goes to standard output.
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <iterator>

#include "machine/machine.h"
#include "machine/memory.h"

int main(int, char** words) {
  const std::vector<char> input{std::istreambuf_iterator<char>(std::cin), {}};
  const size_t out_bytes = std::strtoull(words[4], nullptr, 10);
  char* in = static_cast<char*>(ptx::device::allocate(input.size()));
  char* out = static_cast<char*>(ptx::device::allocate(out_bytes));
  std::memcpy(in, input.data(), input.size());
  ptx::device::host_writes(in, input.size());
  std::memset(out, 0, out_bytes);
  ptx::device::host_writes(out, out_bytes);
  for (int i = 0; i < ptx::kKernelCount; ++i) {
    const ptx::Kernel& kernel = ptx::kKernels[i];
    if (std::strcmp(kernel.name, words[1]) != 0) continue;
    std::vector<char> parameters(static_cast<size_t>(kernel.parameter_bytes));
    std::memcpy(parameters.data(), &in, sizeof in);
    std::memcpy(parameters.data() + sizeof in, &out, sizeof out);
    ptx::run(kernel, static_cast<uint32_t>(std::atoi(words[2])), std::atoi(words[3]), parameters);
    std::cout.write(out, static_cast<std::streamsize>(out_bytes));
    return 0;
  }
  std::cerr << "no kernel " << words[1] << "\n";
  return 1;
}
