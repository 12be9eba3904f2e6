// Rows of COCO files as columns. A reader returns false for any text that is not exactly in the expected form.
#pragma once

#include <cstdint>
#include <vector>

#include "json/window.h"

namespace bench_freeze {

struct ResultColumns {
  std::vector<int64_t> image_id;
  std::vector<int64_t> category_id;
  std::vector<double> boxes;  // [N, 4]
  std::vector<double> scores;
};

// A results file: a list of {image_id, category_id, bbox, score, ...}.
bool read_results(const Text& text, int64_t threads, ResultColumns* out);

struct AnnotationColumns {
  std::vector<int64_t> id;
  std::vector<int64_t> image_id;
  std::vector<int64_t> category_id;
  std::vector<double> boxes;  // [N, 4]
  std::vector<double> area;
  std::vector<uint8_t> is_crowd;
  int64_t begin = 0;  // where the list lies in the text, brackets included
  int64_t end = 0;
};

// The list under the key "annotations" of an instances file. The rest of the text is skipped, but must be valid.
bool read_annotations(const char* text, int64_t size, AnnotationColumns* out);

}  // namespace bench_freeze
