#include "options.h"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <map>

namespace ptx {
namespace {

constexpr int kFaultStatus = 66;

uint64_t number(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

class Report {
 public:
  void add(const std::string& text) {
    if (faults_[text]++ == 0) std::fprintf(stderr, "ptx fault: %s\n", text.c_str());
    if (options().stops) _exit(kFaultStatus);
  }

  ~Report() {
    std::fprintf(stderr, "ptx: %lu launches, %lu blocks, %lu accesses, %lu barriers, %lu turns\n", counts_.launches,
                 counts_.blocks, counts_.accesses, counts_.barriers, counts_.turns);
    for (const auto& [text, count] : faults_) std::fprintf(stderr, "ptx faults x%lu: %s\n", count, text.c_str());
    if (faults_.empty()) return;
    std::fflush(nullptr);
    _exit(kFaultStatus);
  }

  Counts counts_{};

 private:
  std::map<std::string, uint64_t> faults_;
};

Report& report() {
  static Report report;
  return report;
}

}  // namespace

const Options& options() {
  const char* without = std::getenv("PTX_WITHOUT_BARRIER");
  static const Options options{number("PTX_SEED", 1), number("PTX_PREEMPT", 0), number("PTX_LATE", 0) != 0,
                               number("PTX_STOP", 0) != 0, without == nullptr ? "" : without};
  return options;
}

std::mt19937_64& generator() {
  static std::mt19937_64 generator(options().seed);
  return generator;
}

void fault(const Thread& thread, int line, const std::string& what) {
  const auto site = thread.kernel->sites->find(line);
  const std::string source = site == thread.kernel->sites->end() ? "" : std::string(" (") + site->second + ")";
  report().add(what + " at " + thread.kernel->file + ":" + std::to_string(line) + source);
}

void fault(const std::string& what) { report().add(what); }

Counts& counts() { return report().counts_; }

}  // namespace ptx
