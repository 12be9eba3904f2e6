// Whole columns of a COCO file: ids to positions, and rows that no evaluation can use.
#pragma once

#include <cstdint>

namespace bench_freeze {

// Writes the position of every id in `known` [K], which ascends, to `position` [N]; -1 if it is absent. Returns how
// many ids are absent. K is below 2^31.
int64_t positions_of(const int64_t* known, int64_t known_count, const int64_t* ids, int64_t count, int32_t* position);

// Writes to `is_sound` whether box [left, top, width, height] and value of a row are finite and no size is negative.
// Returns how many rows are not sound.
int64_t sound_rows(const double* boxes, const double* values, int64_t count, bool* is_sound);

}  // namespace bench_freeze
