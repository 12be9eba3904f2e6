#include "cpu/ranking.h"

#include <algorithm>

#include "core/order.h"
#include "cpu/masks.h"
#include "cpu/parallel.h"
#include "cpu/radix.h"

namespace bench_freeze {

namespace {

// The resolution of scores when a class is processed in bands: 6 bits of the mantissa.
constexpr int kBinBits = 18;
constexpr int64_t kMostInBand = 1 << 19;  // approximate; a band takes 48 bytes for each while it is processed
constexpr int64_t kMostBands = 32;        // every band reads all scores of its class

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

// Calls found(label, first row, rows) for the runs of an image, in the order of its rows.
template <class Found>
void for_each_run(const Matches& matches, int64_t image, const Found& found) {
  const Matches::Place place = matches.places[image];
  if (place.part < 0) return;
  const MatchTable& table = matches.parts[place.part].table;
  const int64_t end = table.begin[place.at + 1];
  for (int64_t row = table.begin[place.at]; row < end;) {
    const int64_t first = row;
    const int32_t label = table.label[row];
    while (row < end && table.label[row] == label) ++row;
    found(label, first, row - first);
  }
}

}  // namespace

// A counting sort in which every thread has its own stretch of images and its own counters.
Matches by_class(const MatchPart* parts, int64_t count, int64_t images, int64_t classes, int64_t threads) {
  Matches matches{parts, places_of(parts, count, images), {}, {}, std::vector<int64_t>(static_cast<size_t>(classes))};
  const int64_t workers = workers_for(images / 64, threads);
  const auto first_image = [&](int64_t worker) { return images * worker / workers; };
  std::vector<std::vector<int64_t>> next(static_cast<size_t>(workers)), rows(static_cast<size_t>(workers));
  run_workers(workers, [&](int64_t worker) {
    std::vector<int64_t> runs(static_cast<size_t>(classes), 0), of_class(static_cast<size_t>(classes), 0);
    for (int64_t image = first_image(worker); image < first_image(worker + 1); ++image) {
      for_each_run(matches, image, [&](int32_t label, int64_t, int64_t length) {
        ++runs[label];
        of_class[label] += length;
      });
    }
    next[worker] = std::move(runs);
    rows[worker] = std::move(of_class);
  });
  matches.begin.assign(1, 0);
  int64_t total = 0;
  for (int64_t label = 0; label < classes; ++label) {
    for (int64_t worker = 0; worker < workers; ++worker) {
      const int64_t here = next[worker][label];
      next[worker][label] = total;
      total += here;
      matches.count[label] += rows[worker][label];
    }
    matches.begin.push_back(total);
  }
  matches.runs.resize(static_cast<size_t>(total));
  run_workers(workers, [&](int64_t worker) {
    for (int64_t image = first_image(worker); image < first_image(worker + 1); ++image) {
      for_each_run(matches, image, [&](int32_t label, int64_t first, int64_t) {
        matches.runs[next[worker][label]++] = {static_cast<int32_t>(image), static_cast<int32_t>(first)};
      });
    }
  });
  return matches;
}

Matches by_class(const MatchPart& part, int64_t classes, int64_t threads) {
  return by_class(&part, 1, part.table.images, classes, threads);
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

uint64_t bin_of(double score) { return descending_key(score) >> (64 - kBinBits); }

// Calls found(image, rank, table, row) for the detections of a class by image and rank.
template <class Found>
void for_each_row(const Matches& matches, int64_t label, const Found& found) {
  constexpr int64_t kAhead = 16;  // prefetch distance: runs are scattered over the tables
  const int64_t end = matches.begin[label + 1];
  for (int64_t i = matches.begin[label]; i < end; ++i) {
    if (i + kAhead < end) {
      const Matches::Run& ahead = matches.runs[i + kAhead];
      const MatchTable& table = matches.parts[matches.places[ahead.image].part].table;
      __builtin_prefetch(table.label + ahead.row);
      __builtin_prefetch(table.scores + ahead.row);
      __builtin_prefetch(table.true_positive + ahead.row * table.mask_bytes);
      __builtin_prefetch(table.ignored + ahead.row * table.mask_bytes);
    }
    const Matches::Run& run = matches.runs[i];
    const Matches::Place& place = matches.places[run.image];
    const MatchTable& table = matches.parts[place.part].table;
    const int64_t last = table.begin[place.at + 1];
    for (int64_t row = run.row; row < last && table.label[row] == label; ++row) {
      found(run.image, static_cast<int32_t>(row - run.row), table, row);
    }
  }
}

}  // namespace

// Bands of about equal size; a small class is one band.
void Ranking::find_bands(const Matches& matches, int64_t label) {
  constexpr uint64_t kBins = uint64_t{1} << kBinBits;
  const int64_t count = matches.count[label];
  bands_.clear();
  if (count <= kMostInBand) {
    bands_.push_back({kBins, count});
    return;
  }
  in_bin_.assign(kBins, 0);
  for_each_row(matches, label,
               [&](int32_t, int32_t, const MatchTable& table, int64_t row) { ++in_bin_[bin_of(table.scores[row])]; });
  const int64_t most = std::max(kMostInBand, (count + kMostBands - 1) / kMostBands);
  int64_t held = 0;
  for (uint64_t bin = 0; bin < kBins; ++bin) {
    if (held > 0 && held + in_bin_[bin] > most) {
      bands_.push_back({bin, held});
      held = 0;
    }
    held += in_bin_[bin];
  }
  bands_.push_back({kBins, held});
}

void Ranking::gather(const Matches& matches, int64_t label, uint64_t low, const Band& band) {
  const bool is_whole = bands_.size() == 1;
  if (static_cast<int64_t>(items_.size()) < band.count) {
    detections_.resize(static_cast<size_t>(band.count));
    items_.resize(static_cast<size_t>(band.count));
  }
  int64_t at = 0;
  for_each_row(matches, label, [&](int32_t image, int32_t rank, const MatchTable& table, int64_t row) {
    const double score = table.scores[row];
    const uint64_t key = descending_key(score);
    const uint64_t bin = key >> (64 - kBinBits);
    if (!is_whole && (bin < low || bin >= band.end)) return;
    const int64_t mask = row * table.mask_bytes;
    detections_[at] = {
        image,
        rank,
        score,
        {load_mask(table.true_positive + mask, table.mask_bytes), load_mask(table.ignored + mask, table.mask_bytes)}};
    items_[at] = key >> 32 << 32 | static_cast<uint64_t>(at);
    ++at;
  });
}

void Ranking::sort(int64_t count) {
  const auto score = [&](uint64_t item) { return detections_[item & kLower].score; };
  sort_by_upper_half(items_.data(), count, &spare_);
  for (int64_t i = 0; i < count;) {  // scores that agree in their upper 32 bits only
    int64_t end = i + 1;
    while (end < count && items_[end] >> 32 == items_[i] >> 32) ++end;
    if (end - i > 1) {
      std::stable_sort(items_.begin() + i, items_.begin() + end,
                       [&](uint64_t a, uint64_t b) { return score(a) > score(b); });
      for (int64_t j = i; j < end; ++j) {
        tied_ += (j > i && score(items_[j - 1]) == score(items_[j])) ||
                 (j + 1 < end && score(items_[j]) == score(items_[j + 1]));
      }
    }
    i = end;
  }
}

}  // namespace bench_freeze
