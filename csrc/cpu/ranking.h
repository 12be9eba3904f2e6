// Matched detections of a data set by class and, within it, by score.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/match.h"
#include "score.h"

namespace bench_freeze {

// A detection after matching. `rank` is its place within its image and class, from 0.
struct Matched {
  int32_t image;  // position in the data set
  int32_t rank;
  double score;
  Outcome outcome;
};

// The matches of a data set, whose parts must outlive this. Tables are ordered by image; a ranking needs classes. It
// gathers some classes at a time, which bounds the memory besides the tables.
struct Matches {
  struct Place {
    int32_t part;  // -1: no part has this image
    int32_t at;    // position in the part
  };
  struct Classes {
    int64_t begin;
    int64_t end;
  };
  const MatchPart* parts;
  std::vector<Place> places;    // [I]
  std::vector<int64_t> count;   // [K], detections
  int64_t most;                 // detections to gather at a time, about
  std::vector<Classes> groups;  // ascending; at most `most` detections each, or a single class
};

// Every image of the parts is below `images`, and in one part only. Throws std::invalid_argument if an image's rows are
// not ordered by class.
Matches by_class(const MatchPart* parts, int64_t count, int64_t images, int64_t classes, int64_t threads);

// Ground truth that is not ignored, [K, A].
std::vector<int64_t> count_truth(const TruthIndex& truth, const Lanes& lanes);

// Visits the classes of one group after the other, best score first; equal scores keep the order by image and rank. A
// class with more detections than are gathered at a time is processed in bands of scores; equal scores lie in one band.
class Ranking {
 public:
  explicit Ranking(const Matches& matches) : matches_(matches), next_row_(matches.places.size(), 0) {}

  // Calls visit_class(label) for the classes of a group, which can then be visited. Groups come in ascending order.
  template <class VisitClass>
  void for_each_class(int64_t group, const VisitClass& visit_class) {
    group_ = matches_.groups[static_cast<size_t>(group)];
    find_bands();
    gather(0);
    for (int64_t label = group_.begin; label < group_.end; ++label) visit_class(label);
  }

  // Calls visit(const Matched&) for every detection of a class of the current group.
  template <class Visit>
  void for_each(int64_t label, const Visit& visit) {
    tied_ = 0;
    for (size_t band = 0; band < bands_.size(); ++band) {
      if (band > 0) gather(band);
      const int64_t begin = begin_[label - group_.begin];
      const int64_t count = begin_[label - group_.begin + 1] - begin;
      const Matched* detections = detections_.data() + begin;
      const uint64_t* items = items_.data() + begin;
      sort(begin, count);
      for (int64_t i = 0; i < count; ++i) {
        if (i + kAhead < count) __builtin_prefetch(detections + (items[i + kAhead] & kLower));
        visit(detections[items[i] & kLower]);
      }
    }
  }

  // The number of detections in the last visited class that share their score with another.
  int64_t tied() const { return tied_; }

 private:
  static constexpr int64_t kAhead = 16;  // prefetch distance for scattered data
  static constexpr uint64_t kLower = 0xffffffffu;

  struct Band {
    uint64_t end;  // the bin of scores (ranking.cpp) where the next band begins
    int64_t count;
  };

  void find_bands();
  void gather(size_t band);
  void sort(int64_t begin, int64_t count);

  const Matches& matches_;
  Matches::Classes group_{0, 0};
  std::vector<int32_t> next_row_;    // [I], of the image's part: classes before the group lie before it
  std::vector<Band> bands_;          // one, except for a class that is too large
  std::vector<uint32_t> in_bin_;
  std::vector<int64_t> begin_;       // by class of the group: positions in the two tables below
  std::vector<int64_t> next_;
  std::vector<Matched> detections_;  // of the current band, by class, image and rank; room for the most so far
  std::vector<uint64_t> items_;      // upper half: score; lower half: position in the class's detections
  std::vector<uint64_t> spare_;
  int64_t tied_ = 0;
};

// Calls visit_class(ranking, label) for every class in order.
template <class VisitClass>
void for_each_class(const Matches& matches, const VisitClass& visit_class) {
  Ranking ranking(matches);
  for (int64_t group = 0; group < static_cast<int64_t>(matches.groups.size()); ++group) {
    ranking.for_each_class(group, [&](int64_t label) { visit_class(ranking, label); });
  }
}

}  // namespace bench_freeze
