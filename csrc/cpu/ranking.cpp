#include "cpu/ranking.h"

#include <algorithm>

#include "core/order.h"
#include "cpu/masks.h"
#include "cpu/parallel.h"
#include "cpu/radix.h"

namespace bench_freeze {

// A counting sort in which every thread has its own stretch of images and its own counters.
Matches by_class(const MatchTable& table, int64_t classes, int64_t threads) {
  const int64_t workers = workers_for(table.images / 64, threads);
  const auto first_image = [&](int64_t worker) { return table.images * worker / workers; };
  std::vector<std::vector<int64_t>> next(static_cast<size_t>(workers));
  run_workers(workers, [&](int64_t worker) {
    std::vector<int64_t> count(static_cast<size_t>(classes), 0);
    const int64_t end = table.begin[first_image(worker + 1)];
    for (int64_t row = table.begin[first_image(worker)]; row < end; ++row) ++count[table.label[row]];
    next[worker] = std::move(count);
  });
  Matches matches{table, {}, {}};
  matches.begin.assign(1, 0);
  int64_t total = 0;
  for (int64_t label = 0; label < classes; ++label) {
    for (std::vector<int64_t>& count : next) {
      const int64_t here = count[label];
      count[label] = total;
      total += here;
    }
    matches.begin.push_back(total);
  }
  matches.places.resize(static_cast<size_t>(total));
  run_workers(workers, [&](int64_t worker) {
    for (int64_t image = first_image(worker); image < first_image(worker + 1); ++image) {
      int32_t label = -1;
      int32_t rank = 0;
      for (int64_t row = table.begin[image]; row < table.begin[image + 1]; ++row) {
        rank = table.label[row] == label ? rank + 1 : 0;
        label = table.label[row];
        matches.places[next[worker][label]++] = {static_cast<int32_t>(image), rank, static_cast<int32_t>(row)};
      }
    }
  });
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

// The rows of a class lie scattered over the table: they are asked for before they are needed.
constexpr int64_t kAhead = 16;

const std::vector<int32_t>& Ranking::rank(const Matches& matches, int64_t label) {
  const MatchTable& table = matches.table;
  const int64_t begin = matches.begin[label];
  const int64_t count = matches.begin[label + 1] - begin;
  detections_.resize(static_cast<size_t>(count));
  items_.resize(static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i) {
    const Matches::Place& place = matches.places[begin + i];
    const int64_t mask = place.row * table.mask_bytes;
    if (i + kAhead < count) {
      const int64_t ahead = matches.places[begin + i + kAhead].row;
      __builtin_prefetch(table.scores + ahead);
      __builtin_prefetch(table.true_positive + ahead * table.mask_bytes);
      __builtin_prefetch(table.ignored + ahead * table.mask_bytes);
    }
    const double score = table.scores[place.row];
    detections_[i] = {
        place.image,
        place.rank,
        score,
        {load_mask(table.true_positive + mask, table.mask_bytes), load_mask(table.ignored + mask, table.mask_bytes)}};
    items_[i] = descending_key(score) >> 32 << 32 | static_cast<uint64_t>(i);
  }
  const auto score = [&](uint64_t item) { return detections_[item & 0xffffffffu].score; };
  sort_by_upper_half(items_.data(), count, &spare_);
  tied_ = 0;
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
  order_.resize(static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i) order_[i] = static_cast<int32_t>(items_[i] & 0xffffffffu);
  return order_;
}

}  // namespace bench_freeze
