// A piece of a text under a Cursor: of a text in memory all that is left, of a file as much as a reader needs at a
// time, so that its bytes are read where they are parsed and none of them is kept.
#pragma once

#include <cstdint>
#include <vector>

namespace bench_freeze {

// Where a text is: in memory and followed by a zero byte, or in a file that is read up to `size`.
struct Text {
  const char* memory;  // null: `file`
  int file;
  int64_t size;   // bytes
  int64_t piece;  // bytes of a file that a window has at a time, 1 or more; an entry may need more
};

class Window {
 public:
  // The text from `place` on. Of a file nothing is at hand before `slide` was called.
  Window(const Text& text, int64_t place);

  // What is at hand; a zero byte follows it.
  const char* begin() const { return text_.memory ? text_.memory + place_ : held_.data(); }
  const char* end() const { return text_.memory ? text_.memory + text_.size : held_.data() + count_; }

  // The place in the text of a position at hand.
  int64_t place(const char* at) const { return place_ + (at - begin()); }

  // Gives up what lies before `from` and reads more behind it; positions are others then. False where nothing is left
  // to read, or the file does not give it.
  bool slide(const char* from);

 private:
  Text text_;
  int64_t place_;           // of what is at hand, in the text
  int64_t count_ = 0;       // bytes at hand, of a file
  std::vector<char> held_;  // of a file, and room for the zero byte
};

}  // namespace bench_freeze
