// Whole columns of a COCO file: ids to positions, and rows that no evaluation can use.
#pragma once

#include <cstdint>

namespace bench_freeze {

// Writes the position of every id in `known` [K], which ascends, to `position` [N]; -1 if it is not there. Returns the
// number of those. K is below 2^31.
int64_t positions_of(const int64_t* known, int64_t known_count, const int64_t* ids, int64_t count, int32_t* position);

// Whether box [left, top, width, height] and value of each row are finite and no size is negative. Returns the number
// of rows for which that is not so.
int64_t sound_rows(const double* boxes, const double* values, int64_t count, bool* is_sound);

}  // namespace bench_freeze
