#include "json/window.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace bench_freeze {

Window::Window(const Text& text, int64_t place) : text_(text), place_(place) {
  if (!text.memory) held_.assign(1, '\0');
}

bool Window::slide(const char* from) {
  if (text_.memory) return false;
  const int64_t given_up = from - held_.data();
  const int64_t kept = count_ - given_up;
  const int64_t wanted = std::min(std::max(text_.piece, 2 * kept), text_.size - place_ - given_up);
  if (wanted <= kept) return false;
  std::memmove(held_.data(), from, static_cast<size_t>(kept));
  place_ += given_up;
  count_ = kept;
  if (static_cast<int64_t>(held_.size()) < wanted + 1) held_.resize(static_cast<size_t>(wanted + 1));
  while (count_ < wanted) {
    const ssize_t read =
        pread(text_.file, held_.data() + count_, static_cast<size_t>(wanted - count_), place_ + count_);
    if (read < 0 && errno == EINTR) continue;
    if (read <= 0) break;  // an error, or the file has become shorter: the parser notices the missing text
    count_ += read;
  }
  held_[static_cast<size_t>(count_)] = '\0';
  return count_ > kept;
}

}  // namespace bench_freeze
