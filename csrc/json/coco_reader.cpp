#include "json/coco_reader.h"

#include <algorithm>
#include <string_view>

#include "cpu/parallel.h"
#include "json/cursor.h"
#include "json/window.h"

namespace bench_freeze {
namespace {

bool read_box(Cursor* cursor, double* box) {
  if (!cursor->take('[')) return false;
  for (int i = 0; i < 4; ++i) {
    if ((i > 0 && !cursor->take(',')) || !cursor->number(box + i)) return false;
  }
  return cursor->take(']');
}

// Reads an object's entries: `read(key)` reads the value and returns the key's bit, or 0 for a key of no interest.
// Returns false if a key comes twice or one of `required` is missing.
template <class Read>
bool read_object(Cursor* cursor, unsigned required, const Read& read) {
  unsigned seen = 0;
  if (!cursor->take('{')) return false;
  do {
    std::string_view key;
    if (!cursor->text(&key) || !cursor->take(':')) return false;
    bool is_sound = true;
    const unsigned bit = read(key, &is_sound);
    if (!is_sound || (seen & bit) != 0) return false;
    seen |= bit;
  } while (cursor->take(','));
  return cursor->take('}') && (seen & required) == required;
}

// What follows an entry of a list.
enum class After { kEntry, kEnd, kUnsound };

// Reads an entry and the separator after it, and only then adds it to `out`.
After read_result(Cursor* cursor, ResultColumns* out) {
  int64_t image = 0;
  int64_t category = 0;
  double box[4] = {};
  double score = 0;
  const bool is_sound = read_object(cursor, 15u, [&](std::string_view key, bool* sound) {
    if (key == "image_id") return *sound = cursor->integer(&image), 1u;
    if (key == "category_id") return *sound = cursor->integer(&category), 2u;
    if (key == "bbox") return *sound = read_box(cursor, box), 4u;
    if (key == "score") return *sound = cursor->number(&score), 8u;
    return *sound = cursor->skip_value(), 0u;
  });
  if (!is_sound) return After::kUnsound;
  const bool is_last = !cursor->take(',');
  if (is_last && !cursor->take(']')) return After::kUnsound;
  out->image_id.push_back(image);
  out->category_id.push_back(category);
  out->boxes.insert(out->boxes.end(), box, box + 4);
  out->scores.push_back(score);
  return is_last ? After::kEnd : After::kEntry;
}

bool read_flag(Cursor* cursor, bool* value) {
  int64_t number = 0;
  if (cursor->peek('t') || cursor->peek('f')) {
    *value = cursor->peek('t');
    return cursor->skip_value();
  }
  if (!cursor->integer(&number)) return false;
  *value = number != 0;
  return true;
}

bool read_annotation(Cursor* cursor, AnnotationColumns* out) {
  int64_t id = 0;
  int64_t image = 0;
  int64_t category = 0;
  double box[4] = {};
  double area = 0;
  bool is_crowd = false;
  const bool is_sound = read_object(cursor, 31u, [&](std::string_view key, bool* sound) {
    if (key == "id") return *sound = cursor->integer(&id), 1u;
    if (key == "image_id") return *sound = cursor->integer(&image), 2u;
    if (key == "category_id") return *sound = cursor->integer(&category), 4u;
    if (key == "bbox") return *sound = read_box(cursor, box), 8u;
    if (key == "area") return *sound = cursor->number(&area), 16u;
    if (key == "iscrowd") return *sound = read_flag(cursor, &is_crowd), 32u;
    return *sound = cursor->skip_value(), 0u;
  });
  if (!is_sound) return false;
  out->id.push_back(id);
  out->image_id.push_back(image);
  out->category_id.push_back(category);
  out->boxes.insert(out->boxes.end(), box, box + 4);
  out->area.push_back(area);
  out->is_crowd.push_back(is_crowd);
  return true;
}

// Steps over white space; in a file, as far as it reaches.
void skip_space(Cursor* cursor, Window* window) {
  cursor->skip_space();
  while (cursor->is_at_end() && window->slide(cursor->position())) {
    *cursor = Cursor(window->begin(), window->end());
    cursor->skip_space();
  }
}

// One thread's stretch of a list of results; positions are those in the whole text.
struct Stretch {
  int64_t begin = 0;  // where its first object seems to start
  int64_t stop = 0;   // where the first object of another stretch begins, or the end of the text
  bool is_sound = false;
  ResultColumns columns;

  // `expected` is the number of rows to reserve memory for.
  void read(const Text& text, int64_t limit, int64_t expected) {
    columns.image_id.reserve(static_cast<size_t>(expected));
    columns.category_id.reserve(static_cast<size_t>(expected));
    columns.boxes.reserve(static_cast<size_t>(4 * expected));
    columns.scores.reserve(static_cast<size_t>(expected));
    Window window(text, begin);
    Cursor cursor(window.begin(), window.end());
    After after = After::kEntry;
    while (after == After::kEntry) {
      skip_space(&cursor, &window);
      stop = window.place(cursor.position());
      if (stop >= limit) {
        is_sound = limit != text.size;  // at the end of the text, a bracket is missing
        return;
      }
      Cursor ahead = cursor;
      while ((after = read_result(&ahead, &columns)) == After::kUnsound && window.slide(cursor.position())) {
        ahead = cursor = Cursor(window.begin(), window.end());  // it may have been cut off: retry with more text
      }
      cursor = ahead;
    }
    if (after == After::kUnsound) return;
    skip_space(&cursor, &window);
    stop = window.place(cursor.position());
    is_sound = stop == text.size;
  }
};

// Where an object seems to start after `from`: at the second brace of "},{". That may also occur in a string or a
// nested list; then the stretch before does not end there, which is detected. Returns the end of the text if the window
// has no such place.
int64_t guess_start(const Text& text, int64_t from) {
  Window window(text, from);
  window.slide(window.begin());
  const char* end = window.end();
  for (const char* at = window.begin(); at < end; ++at) {
    if (*at != '}') continue;
    Cursor cursor(at + 1, end);
    if (cursor.take(',') && cursor.peek('{')) return window.place(cursor.position());
  }
  return text.size;
}

bool read_stretches(const Text& text, int64_t first, int64_t count, ResultColumns* out) {
  constexpr int64_t kBytesOfARow = 90;  // an estimate; reserved memory costs nothing until it is used
  std::vector<Stretch> stretches(static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i) {
    stretches[i].begin = i == 0 ? first : guess_start(text, first + (text.size - first) / count * i);
  }
  const auto limit = [&](int64_t i) { return i + 1 < count ? stretches[i + 1].begin : text.size; };
  run_workers(count, [&](int64_t i) {
    Stretch& own = stretches[i];
    const int64_t bytes = i == 0 ? text.size : limit(i) - own.begin;  // the others are appended to the first one
    if (own.begin < limit(i)) own.read(text, limit(i), bytes / kBytesOfARow);
  });
  size_t rows = 0;
  for (int64_t i = 0; i < count; ++i) {
    if (!stretches[i].is_sound || stretches[i].stop != limit(i)) return false;
    rows += stretches[i].columns.scores.size();
  }
  *out = std::move(stretches[0].columns);
  out->image_id.reserve(rows);
  out->category_id.reserve(rows);
  out->boxes.reserve(4 * rows);
  out->scores.reserve(rows);
  for (int64_t i = 1; i < count; ++i) {
    const ResultColumns& more = stretches[i].columns;
    out->image_id.insert(out->image_id.end(), more.image_id.begin(), more.image_id.end());
    out->category_id.insert(out->category_id.end(), more.category_id.begin(), more.category_id.end());
    out->boxes.insert(out->boxes.end(), more.boxes.begin(), more.boxes.end());
    out->scores.insert(out->scores.end(), more.scores.begin(), more.scores.end());
  }
  return true;
}

}  // namespace

bool read_results(const Text& text, int64_t threads, ResultColumns* out) {
  constexpr int64_t kWorthAThread = 1 << 18;
  Window window(text, 0);
  Cursor cursor(window.begin(), window.end());
  skip_space(&cursor, &window);
  if (!cursor.take('[')) return false;
  skip_space(&cursor, &window);
  if (cursor.take(']')) {
    skip_space(&cursor, &window);
    return window.place(cursor.position()) == text.size;
  }
  const int64_t first = window.place(cursor.position());
  const int64_t count = workers_for(text.size / kWorthAThread, threads);
  return (count > 1 && read_stretches(text, first, count, out)) || read_stretches(text, first, 1, out);
}

bool read_annotations(const char* text, int64_t size, AnnotationColumns* out) {
  Cursor cursor(text, text + size);
  const bool is_sound = read_object(&cursor, 1u, [&](std::string_view key, bool* sound) {
    if (key != "annotations") return *sound = cursor.skip_value(), 0u;
    *sound = false;
    if (!cursor.take('[')) return 1u;
    out->begin = cursor.position() - 1 - text;
    if (!cursor.peek(']')) {
      do {
        if (!read_annotation(&cursor, out)) return 1u;
      } while (cursor.take(','));
    }
    *sound = cursor.take(']');
    out->end = cursor.position() - text;
    return 1u;
  });
  cursor.skip_space();
  return is_sound && cursor.is_at_end();
}

}  // namespace bench_freeze
