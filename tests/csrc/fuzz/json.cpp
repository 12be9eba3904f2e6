// Texts as COCO files: both readers, and one reader on several threads equal to itself on one.
#include <memory>

#include "bytes.h"
#include "json/coco_reader.h"

namespace fuzz {

using namespace bench_freeze;

bool json(Bytes bytes) {
  const size_t size = bytes.left();
  std::unique_ptr<char[]> text(new char[size + 1]);
  for (size_t i = 0; i < size; ++i) text[i] = static_cast<char>(bytes.byte());
  text[size] = '\0';
  const int64_t length = static_cast<int64_t>(size);
  ResultColumns results;
  AnnotationColumns annotations;
  const bool has_results = read_results({text.get(), -1, length, 0}, 4, &results);
  if (has_results) {
    const size_t rows = results.scores.size();
    EXPECT(results.image_id.size() == rows && results.category_id.size() == rows && results.boxes.size() == 4 * rows);
    for (const double score : results.scores) EXPECT(std::isfinite(score));
  }
  const bool has_annotations = read_annotations(text.get(), length, &annotations);
  if (has_annotations) {
    const size_t rows = annotations.id.size();
    EXPECT(annotations.image_id.size() == rows && annotations.boxes.size() == 4 * rows &&
           annotations.area.size() == rows && annotations.is_crowd.size() == rows);
    EXPECT(annotations.begin >= 0 && annotations.begin < annotations.end && annotations.end <= length);
    EXPECT(text[annotations.begin] == '[' && text[annotations.end - 1] == ']');
  }
  return has_results || has_annotations;
}

}  // namespace fuzz
