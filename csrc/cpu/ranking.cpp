#include "cpu/ranking.h"

#include <algorithm>
#include <numeric>
#include <stdexcept>

#include "core/order.h"
#include "cpu/masks.h"
#include "cpu/parallel.h"
#include "cpu/radix.h"

namespace bench_freeze {

namespace {

// The resolution of scores when a class is processed in bands: 6 bits of the mantissa.
constexpr int kBinBits = 18;
constexpr uint64_t kBins = uint64_t{1} << kBinBits;
// A gathered detection takes 48 bytes. Few at a time stay in the cache; each time, every image is visited.
constexpr int64_t kFewest = 1 << 17;
constexpr int64_t kMostTimes = 32;

uint64_t bin_of(double score) { return descending_key(score) >> (64 - kBinBits); }

std::vector<Matches::Place> places_of(const MatchPart* parts, int64_t count, int64_t images) {
  std::vector<Matches::Place> places(static_cast<size_t>(images), {-1, 0});
  for (int64_t part = 0; part < count; ++part) {
    const MatchTable& table = parts[part].table;
    for (int64_t at = 0; at < table.images; ++at) {
      const int64_t image = parts[part].image ? parts[part].image[at] : at;
      places[image] = {static_cast<int32_t>(part), static_cast<int32_t>(at)};
    }
  }
  return places;
}

void count_classes(const MatchTable& table, std::vector<int64_t>* count) {
  for (int64_t image = 0; image < table.images; ++image) {
    int32_t last = 0;
    for (int64_t row = table.begin[image]; row < table.begin[image + 1]; ++row) {
      const int32_t label = table.label[row];
      if (label < last) throw std::invalid_argument("matches: an image's rows are not ordered by class");
      last = label;
      ++(*count)[label];
    }
  }
}

std::vector<Matches::Classes> groups_of(const std::vector<int64_t>& count, int64_t most) {
  std::vector<Matches::Classes> groups;
  int64_t held = 0;
  for (int64_t label = 0; label < static_cast<int64_t>(count.size()); ++label) {
    if (groups.empty() || held + count[label] > most) {
      groups.push_back({label, label});
      held = 0;
    }
    held += count[label];
    groups.back().end = label + 1;
  }
  return groups;
}

}  // namespace

Matches by_class(const MatchPart* parts, int64_t count, int64_t images, int64_t classes, int64_t threads) {
  Matches matches{parts, places_of(parts, count, images), std::vector<int64_t>(static_cast<size_t>(classes)), 0, {}};
  for (int64_t part = 0; part < count; ++part) count_classes(parts[part].table, &matches.count);
  const int64_t total = std::accumulate(matches.count.begin(), matches.count.end(), int64_t{0});
  matches.most = std::max(kFewest, total / (kMostTimes * workers_for(classes, threads)));
  matches.groups = groups_of(matches.count, matches.most);
  return matches;
}

std::vector<int64_t> count_truth(const TruthIndex& truth, const Lanes& lanes) {
  std::vector<int64_t> count(static_cast<size_t>(truth.classes * lanes.areas), 0);
  for (int64_t row = 0; row < truth.begin[truth.images]; ++row) {
    if (truth.is_crowd[row]) continue;
    const uint64_t ranges = lanes.ranges_with(truth.area[row]);
    for (int64_t a = 0; a < lanes.areas; ++a) count[truth.label[row] * lanes.areas + a] += ranges >> a & 1;
  }
  return count;
}

namespace {

constexpr int64_t kAheadImages = 2;

void prefetch(const Matches& matches, int64_t image, const int32_t* next_row) {
  const Matches::Place& place = matches.places[image];
  if (place.part < 0) return;
  const MatchTable& table = matches.parts[place.part].table;
  const int64_t row = table.begin[place.at] + next_row[image];
  __builtin_prefetch(table.label + row);
  __builtin_prefetch(table.label + row + 16);
  for (int64_t i = 0; i < 32; i += 8) __builtin_prefetch(table.scores + row + i);
  for (int64_t i = 0; i < 36; i += 12) {
  __builtin_prefetch(table.true_positive + (row + i) * table.mask_bytes);
  __builtin_prefetch(table.ignored + (row + i) * table.mask_bytes);
  }
}

// Calls found(image, rank, table, row) for the detections of a group by image, class and rank, and moves `next_row` up
// to the group.
template <class Found>
void for_each_row(const Matches& matches, const Matches::Classes& group, int32_t* next_row, const Found& found) {
  const int64_t images = static_cast<int64_t>(matches.places.size());
  for (int64_t image = 0; image < images; ++image) {
    if (image + kAheadImages < images) prefetch(matches, image + kAheadImages, next_row);
    const Matches::Place& place = matches.places[image];
    if (place.part < 0) continue;
    const MatchTable& table = matches.parts[place.part].table;
    const int64_t end = table.begin[place.at + 1];
    int64_t row = table.begin[place.at] + next_row[image];
    while (row < end && table.label[row] < group.begin) ++row;
    next_row[image] = static_cast<int32_t>(row - table.begin[place.at]);
    int32_t last = -1;
    int32_t rank = 0;
    for (; row < end && table.label[row] < group.end; ++row) {
      const int32_t label = table.label[row];
      rank = label == last ? rank + 1 : 0;
      last = label;
      found(static_cast<int32_t>(image), rank, table, row);
    }
  }
}

}  // namespace

// Bands of about equal size; a group of several classes is one band.
void Ranking::find_bands() {
  bands_.clear();
  const int64_t count = std::accumulate(matches_.count.begin() + group_.begin, matches_.count.begin() + group_.end,
                                        int64_t{0});
  if (count <= matches_.most) {
    bands_.push_back({kBins, count});
    return;
  }
  in_bin_.assign(kBins, 0);
  for_each_row(matches_, group_, next_row_.data(),
               [&](int32_t, int32_t, const MatchTable& table, int64_t row) { ++in_bin_[bin_of(table.scores[row])]; });
  int64_t held = 0;
  for (uint64_t bin = 0; bin < kBins; ++bin) {
    if (held > 0 && held + in_bin_[bin] > matches_.most) {
      bands_.push_back({bin, held});
      held = 0;
    }
    held += in_bin_[bin];
  }
  bands_.push_back({kBins, held});
}

void Ranking::gather(size_t number) {
  const Band& band = bands_[number];
  const bool is_whole = bands_.size() == 1;
  const uint64_t low = number == 0 ? 0 : bands_[number - 1].end;
  begin_.assign(1, 0);
  for (int64_t label = group_.begin; label < group_.end; ++label) {
    begin_.push_back(begin_.back() + (is_whole ? matches_.count[label] : band.count));
  }
  next_.assign(begin_.begin(), begin_.end() - 1);
  if (static_cast<int64_t>(items_.size()) < band.count) {
    detections_.resize(static_cast<size_t>(band.count));
    items_.resize(static_cast<size_t>(band.count));
  }
  for_each_row(matches_, group_, next_row_.data(), [&](int32_t image, int32_t rank, const MatchTable& table,
                                                       int64_t row) {
    const double score = table.scores[row];
    const uint64_t key = descending_key(score);
    const uint64_t bin = key >> (64 - kBinBits);
    if (!is_whole && (bin < low || bin >= band.end)) return;
    const int64_t slot = table.label[row] - group_.begin;
    const int64_t at = next_[slot]++;
    const int64_t mask = row * table.mask_bytes;
    detections_[at] = {
        image,
        rank,
        score,
        {load_mask(table.true_positive + mask, table.mask_bytes), load_mask(table.ignored + mask, table.mask_bytes)}};
    items_[at] = key >> 32 << 32 | static_cast<uint64_t>(at - begin_[slot]);
  });
}

void Ranking::sort(int64_t begin, int64_t count) {
  uint64_t* items = items_.data() + begin;
  const Matched* detections = detections_.data() + begin;
  const auto score = [&](uint64_t item) { return detections[item & kLower].score; };
  sort_by_upper_half(items, count, &spare_);
  for (int64_t i = 0; i < count;) {  // scores that agree in their upper 32 bits only
    int64_t end = i + 1;
    while (end < count && items[end] >> 32 == items[i] >> 32) ++end;
    if (end - i > 1) {
      std::stable_sort(items + i, items + end, [&](uint64_t a, uint64_t b) { return score(a) > score(b); });
      for (int64_t j = i; j < end; ++j) {
        tied_ +=
            (j > i && score(items[j - 1]) == score(items[j])) || (j + 1 < end && score(items[j]) == score(items[j + 1]));
      }
    }
    i = end;
  }
}

}  // namespace bench_freeze
