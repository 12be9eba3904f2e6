// architectures GPU BUILT...: whether a GPU of that compute capability runs a build, and the build in words.
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "cuda/architectures.h"

int main(int count, char** words) {
  std::vector<int> built;
  for (int i = 2; i < count; ++i) built.push_back(std::atoi(words[i]));
  const bool runs = bench_freeze::runs_on(std::atoi(words[1]), built.data(), built.size());
  std::printf("%s %s\n", runs ? "runs" : "refused",
              bench_freeze::capabilities_in_words(built.data(), built.size()).c_str());
}
