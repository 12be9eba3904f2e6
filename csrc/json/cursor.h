// A narrow reader of JSON text: it reads numbers and plain strings and skips everything else. It refuses what it does
// not expect, without an explanation; the caller then falls back on a full parser, which explains the error. It accepts
// nothing that a full parser would refuse or read differently.
#pragma once

#include <cstdint>
#include <string_view>

namespace bench_freeze {

class Cursor {
 public:
  // A zero byte must follow the text; no function below steps over it.
  Cursor(const char* begin, const char* end) : at_(begin), end_(end) {}

  const char* position() const { return at_; }
  bool is_at_end() const { return at_ == end_; }

  void skip_space() {
    while (*at_ == ' ' || *at_ == '\n' || *at_ == '\r' || *at_ == '\t') ++at_;
  }

  // Steps over white space, and over `wanted` if it follows.
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

  // A number without fraction and exponent that fits into 63 bits.
  bool integer(int64_t* value);

  // Any number whose magnitude is well within float64, rounded to nearest.
  bool number(double* value);

  // Any value, nested up to `depth` levels, which the stack can hold.
  bool skip_value(int depth = 64);

 private:
  bool word(std::string_view wanted);

  const char* at_;
  const char* end_;
};

}  // namespace bench_freeze
