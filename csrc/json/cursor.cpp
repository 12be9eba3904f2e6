#include "json/cursor.h"

#include <charconv>
#include <cstring>

namespace bench_freeze {
namespace {

// Exact in float64, so one multiplication or division rounds once (Clinger 1990).
constexpr double kPowersOfTen[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                   1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
constexpr uint64_t kExact = uint64_t{1} << 53;
constexpr int kMostDigits = 19;  // any 19 decimal digits fit 64 bits
constexpr int kMostExponent = 290;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

bool Cursor::text(std::string_view* value) {
  if (!take('"')) return false;
  const char* begin = at_;
  while (*at_ >= ' ' && *at_ <= '~' && *at_ != '"' && *at_ != '\\') ++at_;
  if (*at_ != '"') return false;
  *value = {begin, static_cast<size_t>(at_ - begin)};
  ++at_;
  return true;
}

bool Cursor::integer(int64_t* value) {
  skip_space();
  const bool is_negative = *at_ == '-';
  at_ += is_negative;
  const char* begin = at_;
  int64_t magnitude = 0;
  for (; is_digit(*at_) && at_ - begin < kMostDigits - 1; ++at_) magnitude = 10 * magnitude + (*at_ - '0');
  if (at_ == begin || (*begin == '0' && at_ - begin > 1)) return false;
  if (is_digit(*at_) || *at_ == '.' || *at_ == 'e' || *at_ == 'E') return false;
  *value = is_negative ? -magnitude : magnitude;
  return true;
}

bool Cursor::number(double* value) {
  skip_space();
  const char* begin = at_;
  const bool is_negative = *at_ == '-';
  at_ += is_negative;
  uint64_t mantissa = 0;
  const char* digits = at_;
  for (; is_digit(*at_); ++at_) mantissa = 10 * mantissa + static_cast<uint64_t>(*at_ - '0');
  int64_t count = at_ - digits;
  if (count == 0 || (*digits == '0' && count > 1)) return false;
  int64_t exponent = 0;
  if (*at_ == '.') {
    const char* fraction = ++at_;
    for (; is_digit(*at_); ++at_) mantissa = 10 * mantissa + static_cast<uint64_t>(*at_ - '0');
    if (at_ == fraction) return false;
    exponent = fraction - at_;
    count -= exponent;
  }
  if (*at_ == 'e' || *at_ == 'E') {
    ++at_;
    const bool is_below_one = *at_ == '-';
    if (*at_ == '-' || *at_ == '+') ++at_;
    const char* power = at_;
    int64_t magnitude = 0;
    for (; is_digit(*at_) && at_ - power < 4; ++at_) magnitude = 10 * magnitude + (*at_ - '0');
    if (at_ == power || is_digit(*at_)) return false;
    exponent += is_below_one ? -magnitude : magnitude;
  }
  if (count + exponent > kMostExponent || exponent < -kMostExponent) return false;
  if (count <= kMostDigits && mantissa <= kExact && exponent >= -22 && exponent <= 22) {
    const double exact = static_cast<double>(mantissa);
    const double magnitude = exponent < 0 ? exact / kPowersOfTen[-exponent] : exact * kPowersOfTen[exponent];
    *value = is_negative ? -magnitude : magnitude;
    return true;
  }
  const std::from_chars_result read = std::from_chars(begin, at_, *value);
  return read.ec == std::errc() && read.ptr == at_;
}

bool Cursor::word(std::string_view wanted) {
  if (static_cast<size_t>(end_ - at_) < wanted.size() || std::memcmp(at_, wanted.data(), wanted.size()) != 0) {
    return false;
  }
  at_ += wanted.size();
  return true;
}

bool Cursor::skip_value(int depth) {
  if (depth == 0) return false;
  skip_space();
  std::string_view text_value;
  double number_value;
  switch (*at_) {
    case '"':
      return text(&text_value);
    case 't':
      return word("true");
    case 'f':
      return word("false");
    case 'n':
      return word("null");
    case '[':
      ++at_;
      if (take(']')) return true;
      do {
        if (!skip_value(depth - 1)) return false;
      } while (take(','));
      return take(']');
    case '{':
      ++at_;
      if (take('}')) return true;
      do {
        if (!text(&text_value) || !take(':') || !skip_value(depth - 1)) return false;
      } while (take(','));
      return take('}');
    default:
      return number(&number_value);
  }
}

}  // namespace bench_freeze
