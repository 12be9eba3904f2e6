// Matched detections of a data set by class and, within it, by score.
#pragma once

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

// The places of each class's detections in the parts of a data set, which must outlive this. A run is the detections of
// one image, which are adjacent in a table.
struct Matches {
  struct Run {
    int32_t image;  // position in the data set
    int32_t row;    // the first, in the table of its part
  };
  struct Place {
    int32_t part;  // -1: no part has this image
    int32_t at;    // position in the part
  };
  const MatchPart* parts;
  std::vector<Place> places;   // [I]
  std::vector<Run> runs;       // by class, then image
  std::vector<int64_t> begin;  // [K + 1], runs of each class
  std::vector<int64_t> count;  // [K], detections of each class
};

// Every image of the parts is below `images`, and in one part only.
Matches by_class(const MatchPart* parts, int64_t count, int64_t images, int64_t classes, int64_t threads);

// As above, for one table with the first images of the data set in order.
Matches by_class(const MatchPart& part, int64_t classes, int64_t threads);

// Ground truth that is not ignored, [K, A].
std::vector<int64_t> count_truth(const TruthIndex& truth, const Lanes& lanes);

// Visits one class at a time, best score first; equal scores keep the order by image and rank. A large class is
// processed in bands of scores, which bounds the memory besides the tables; equal scores lie in one band.
class Ranking {
 public:
  // Calls visit(const Matched&) for every detection of the class.
  template <class Visit>
  void for_each(const Matches& matches, int64_t label, const Visit& visit) {
    tied_ = 0;
    find_bands(matches, label);
    uint64_t low = 0;
    for (const Band& band : bands_) {
      gather(matches, label, low, band);
      sort(band.count);
      for (int64_t i = 0; i < band.count; ++i) {
        if (i + kAhead < band.count) __builtin_prefetch(&detections_[items_[i + kAhead] & kLower]);
        visit(static_cast<const Matched&>(detections_[items_[i] & kLower]));
      }
      low = band.end;
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

  void find_bands(const Matches& matches, int64_t label);
  void gather(const Matches& matches, int64_t label, uint64_t low, const Band& band);
  void sort(int64_t count);

  std::vector<Band> bands_;
  std::vector<uint32_t> in_bin_;
  std::vector<Matched> detections_;  // of the current band, by image and rank; room for the largest so far
  std::vector<uint64_t> items_;      // upper half: score; lower half: position in detections_
  std::vector<uint64_t> spare_;
  int64_t tied_ = 0;
};

}  // namespace bench_freeze
