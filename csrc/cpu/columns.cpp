#include "columns.h"

#include <algorithm>
#include <vector>

namespace bench_freeze {
namespace {

// A lookup table by id has at most this many places for each id; sparser ids are found by a search.
constexpr uint64_t kMostPlacesPerId = 4;

}  // namespace

int64_t positions_of(const int64_t* known, int64_t known_count, const int64_t* ids, int64_t count, int32_t* position) {
  if (known_count == 0) {
    std::fill(position, position + count, -1);
    return count;
  }
  const uint64_t low = static_cast<uint64_t>(known[0]);
  const uint64_t span = static_cast<uint64_t>(known[known_count - 1]) - low;  // of the highest id from the lowest
  int64_t absent = 0;
  if (span >= kMostPlacesPerId * static_cast<uint64_t>(known_count + count)) {
    for (int64_t i = 0; i < count; ++i) {
      const int64_t* found = std::lower_bound(known, known + known_count, ids[i]);
      const bool is_known = found < known + known_count && *found == ids[i];
      position[i] = is_known ? static_cast<int32_t>(found - known) : -1;
      absent += !is_known;
    }
    return absent;
  }
  std::vector<int32_t> place(span + 2, -1);  // by distance from the lowest id; the last one is for ids out of range
  for (int64_t i = 0; i < known_count; ++i) place[static_cast<uint64_t>(known[i]) - low] = static_cast<int32_t>(i);
  for (int64_t i = 0; i < count; ++i) {
    const uint64_t distance = static_cast<uint64_t>(ids[i]) - low;  // below the lowest id it wraps to a large number
    position[i] = place[std::min(distance, span + 1)];
    absent += position[i] < 0;
  }
  return absent;
}

int64_t sound_rows(const double* boxes, const double* values, int64_t count, bool* is_sound) {
  int64_t sound = 0;
  for (int64_t i = 0; i < count; ++i) {
    const double* box = boxes + 4 * i;
    double zero = values[i] - values[i];  // NaN if the value is NaN or infinite
    for (int64_t c = 0; c < 4; ++c) zero += box[c] - box[c];
    is_sound[i] = (zero == 0) & (box[2] >= 0) & (box[3] >= 0);
    sound += is_sound[i];
  }
  return count - sound;
}

}  // namespace bench_freeze
