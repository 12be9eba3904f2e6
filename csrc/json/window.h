// The piece of a text that a Cursor reads: of a text in memory all of the rest, of a file as much as the reader needs
// at a time. So a file's bytes are read as they are parsed, and none are kept.
#pragma once

#include <cstdint>
#include <vector>

namespace bench_freeze {

// The place of a text: in memory, followed by a zero byte, or in a file that is read up to `size`.
struct Text {
  const char* memory;  // null: `file`
  int file;
  int64_t size;   // bytes
  int64_t piece;  // bytes of a file in a window at a time, at least 1; an entry may need more
};

class Window {
 public:
  // The text from `place` on. For a file, the window is empty until `slide` is called.
  Window(const Text& text, int64_t place);

  // The text in the window; a zero byte follows it.
  const char* begin() const { return text_.memory ? text_.memory + place_ : held_.data(); }
  const char* end() const { return text_.memory ? text_.memory + text_.size : held_.data() + count_; }

  // The place in the text of a position in the window.
  int64_t place(const char* at) const { return place_ + (at - begin()); }

  // Drops the text before `from` and reads more at the end, which invalidates positions. Returns false if nothing is
  // left to read, or if the file cannot be read.
  bool slide(const char* from);

 private:
  Text text_;
  int64_t place_;           // of the window, in the text
  int64_t count_ = 0;       // bytes of a file in the window
  std::vector<char> held_;  // the bytes of a file, with room for the zero byte
};

}  // namespace bench_freeze
