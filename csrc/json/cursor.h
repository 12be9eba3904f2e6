// A narrow reader of JSON text: numbers, plain strings, and whatever else is skipped. It refuses what it does not
// expect and explains nothing; who calls it falls back on a full parser, which finds the words. Nothing it accepts
// would a full parser refuse or read otherwise.
#pragma once

#include <cstdint>
#include <string_view>

namespace bench_freeze {

class Cursor {
 public:
  // The text must be followed by a zero byte, which no rule below steps over.
  Cursor(const char* begin, const char* end) : at_(begin), end_(end) {}

  const char* position() const { return at_; }
  bool is_at_end() const { return at_ == end_; }

  void skip_space() {
    while (*at_ == ' ' || *at_ == '\n' || *at_ == '\r' || *at_ == '\t') ++at_;
  }

  // Steps over white space and `wanted`, if that is what comes.
  bool take(char wanted) {
    skip_space();
    if (*at_ != wanted) return false;
    ++at_;
    return true;
  }

  bool peek(char wanted) {
    skip_space();
    return *at_ == wanted;
  }

  // A string of printable ASCII without escapes.
  bool text(std::string_view* value);

  // A number without fraction and exponent that fits 63 bits.
  bool integer(int64_t* value);

  // Any number whose magnitude is well within float64, rounded to nearest.
  bool number(double* value);

  // Anything, to a depth that the stack bears.
  bool skip_value(int depth = 64);

 private:
  bool word(std::string_view wanted);

  const char* at_;
  const char* end_;
};

}  // namespace bench_freeze
