// Finds the scores above a threshold, in the only pass over the whole head, which reads nearly all of the bytes.
#pragma once

#include <cstdint>

#include "core/threshold.h"

namespace bench_freeze {

// Scores of one row, float32 or the bits of float16, that lie strictly above `threshold`.
//
// Writes their positions to `hits` (room for `count`), ascending, and returns their number. Sets `is_sound` to false if
// a score is NaN or infinite, above the threshold or not.
int64_t scan_row(const float* row, int64_t count, const ScoreThreshold& threshold, int32_t* hits, bool* is_sound);
int64_t scan_row(const int16_t* row, int64_t count, const ScoreThreshold& threshold, int32_t* hits, bool* is_sound);

}  // namespace bench_freeze
