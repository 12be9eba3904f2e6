#include <algorithm>
#include <vector>

#include "core/accumulate.h"
#include "core/match.h"
#include "cpu/parallel.h"
#include "cpu/ranking.h"

namespace bench_freeze {
namespace {

// splitmix64 (Steele, Lea, Flood 2014): any seed gives a good sequence, so every resample has its own.
class Random {
 public:
  Random(uint64_t seed, uint64_t sequence) : state_(seed + sequence * 0xd1342543de82ef95u) { next(); }

  uint64_t next() {
    uint64_t z = (state_ += 0x9e3779b97f4a7c15u);
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
  }

  // Below `limit`, which is far below 2^32: the bias is less than limit / 2^32.
  int64_t below(int64_t limit) { return static_cast<int64_t>(((next() >> 32) * static_cast<uint64_t>(limit)) >> 32); }

 private:
  uint64_t state_;
};

// The outcome of one detection in the lanes of the first area range; a false positive where neither bit is set.
struct Event {
  uint64_t true_positive;
  uint64_t ignored;
};

// Detections of one class that tie within one image, nearly always just one. If the image is drawn again, the whole run
// repeats.
struct Run {
  int32_t image;
  int32_t plain_before;  // position in `plain_image`
  int32_t begin;         // positions in `events`
  int32_t end;
};

// What resamples need from a data set, laid out once by class, best score first. Most detections are false in every
// lane; for those only the image is kept, and their weights are summed between the others.
struct Plan {
  int64_t images = 0;
  std::vector<int32_t> plain_image;
  std::vector<Run> runs;
  std::vector<int64_t> run_begin;    // [K + 1]
  std::vector<int64_t> plain_begin;  // [K + 1]
  std::vector<Event> events;
  std::vector<int32_t> truth_image;  // by class: image of every counted ground truth
  std::vector<int64_t> truth_begin;  // [K + 1]

  void add(int32_t image, const std::vector<Event>& tied) {
    const auto is_plain = [](const Event& event) { return (event.true_positive | event.ignored) == 0; };
    if (std::all_of(tied.begin(), tied.end(), is_plain)) {
      plain_image.insert(plain_image.end(), tied.size(), image);
      return;
    }
    const int32_t begin = static_cast<int32_t>(events.size());
    events.insert(events.end(), tied.begin(), tied.end());
    runs.push_back({image, static_cast<int32_t>(plain_image.size()), begin, static_cast<int32_t>(events.size())});
  }
};

Plan make_plan(const TruthIndex& truth, const MatchTable& table, const Lanes& lanes, int64_t max_detections) {
  Plan plan;
  plan.images = truth.images;
  const uint64_t first_area = lanes.all_of_area();
  const MatchPart whole{nullptr, table};
  const Matches matches = by_class(whole, truth.classes, 1);
  Ranking ranking;
  std::vector<Event> tied;
  plan.run_begin.assign(1, 0);
  plan.plain_begin.assign(1, 0);
  for (int64_t label = 0; label < truth.classes; ++label) {
    Matched last{};
    ranking.for_each(matches, label, [&](const Matched& detection) {
      if (detection.rank >= max_detections) return;
      const Event event{detection.outcome.true_positive & first_area, detection.outcome.ignored & first_area};
      if (event.ignored == first_area) return;  // ignored at every threshold, for example for its size: never counts
      if (!tied.empty() && (last.image != detection.image || last.score != detection.score)) {
        plan.add(last.image, tied);
        tied.clear();
      }
      tied.push_back(event);
      last = detection;
    });
    if (!tied.empty()) plan.add(last.image, tied);
    tied.clear();
    plan.run_begin.push_back(static_cast<int64_t>(plan.runs.size()));
    plan.plain_begin.push_back(static_cast<int64_t>(plan.plain_image.size()));
  }
  plan.truth_begin.assign(static_cast<size_t>(truth.classes) + 1, 0);
  const auto for_each_counted = [&](auto&& found) {
    for (int64_t image = 0; image < truth.images; ++image) {
      for (int64_t row = truth.begin[image]; row < truth.begin[image + 1]; ++row) {
        if (!truth.is_crowd[row] && (lanes.ranges_with(truth.area[row]) & 1)) found(truth.label[row], image);
      }
    }
  };
  for_each_counted([&](int32_t label, int64_t) { ++plan.truth_begin[label + 1]; });
  for (int64_t label = 0; label < truth.classes; ++label) plan.truth_begin[label + 1] += plan.truth_begin[label];
  plan.truth_image.resize(static_cast<size_t>(plan.truth_begin.back()));
  std::vector<int64_t> next = plan.truth_begin;
  for_each_counted(
      [&](int32_t label, int64_t image) { plan.truth_image[next[label]++] = static_cast<int32_t>(image); });
  return plan;
}

class Resampler {
 public:
  Resampler(const Plan& plan, const Lanes& lanes, const CurveSettings& settings, const Resampling& resampling,
            int64_t classes, double* ap)
      : plan_(plan),
        lanes_(lanes),
        settings_(settings),
        resampling_(resampling),
        classes_(classes),
        ap_(ap),
        weight_(static_cast<size_t>(plan.images)),
        curves_(static_cast<size_t>(lanes.thresholds)),
        needed_(static_cast<size_t>(settings.recall_thresholds_count)) {}

  void run(int64_t begin, int64_t end) {
    for (int64_t resample = begin; resample < end; ++resample) {
      draw(resample);
      for (int64_t label = 0; label < classes_; ++label) {
        run_class(label, ap_ + (resample * classes_ + label) * lanes_.thresholds);
      }
    }
  }

 private:
  struct Point {  // after a true positive, or after several that tie
    int64_t true_positives;
    int64_t false_positives;
  };

  void draw(int64_t resample) {
    if (resampling_.weights) {
      std::copy_n(resampling_.weights + resample * plan_.images, plan_.images, weight_.begin());
      return;
    }
    std::fill(weight_.begin(), weight_.end(), 0);
    Random random(resampling_.seed, static_cast<uint64_t>(resample));
    for (int64_t i = 0; i < plan_.images; ++i) ++weight_[random.below(plan_.images)];
  }

  void run_class(int64_t label, double* ap) {
    int64_t truths = 0;
    for (int64_t i = plan_.truth_begin[label]; i < plan_.truth_begin[label + 1]; ++i) {
      truths += weight_[plan_.truth_image[i]];
    }
    if (truths == 0) {
      std::fill(ap, ap + lanes_.thresholds, -1.0);
      return;
    }
    trace(label);
    for (int64_t r = 0; r < settings_.recall_thresholds_count; ++r) {
      needed_[r] = true_positives_for_recall(settings_.recall_thresholds[r], truths);
    }
    for (int32_t t = 0; t < lanes_.thresholds; ++t) {
      ap[t] = needed_.empty() ? area_under(curves_[t], truths) : average(curves_[t]);
    }
  }

  // Traces the curves of one class. Detections before a point are false if they are neither true nor ignored.
  void trace(int64_t label) {
    for (std::vector<Point>& curve : curves_) curve.clear();
    std::fill(not_false_, not_false_ + kMaxLanes, 0);
    std::fill(found_, found_ + kMaxLanes, 0);
    int64_t seen = 0;
    int64_t plain = plan_.plain_begin[label];
    for (int64_t i = plan_.run_begin[label]; i < plan_.run_begin[label + 1]; ++i) {
      const Run& run = plan_.runs[i];
      for (; plain < run.plain_before; ++plain) seen += weight_[plan_.plain_image[plain]];
      const int32_t weight = weight_[run.image];
      if (weight > 0 && run.end - run.begin == 1) {  // its repetitions are adjacent
        add(plan_.events[run.begin], weight, &seen);
        continue;
      }
      for (int32_t again = 0; again < weight; ++again) {
        for (int32_t at = run.begin; at < run.end; ++at) add(plan_.events[at], 1, &seen);
      }
    }
  }

  void add(const Event& event, int32_t weight, int64_t* seen) {
    *seen += weight;
    for (uint64_t left = event.true_positive | event.ignored; left != 0; left &= left - 1) {
      const int t = __builtin_ctzll(left);
      not_false_[t] += weight;
      if (event.true_positive >> t & 1) {
        found_[t] += weight;
        curves_[t].push_back({found_[t], *seen - not_false_[t]});
      }
    }
  }

  // Area under the envelope, which is constant between two points. Masks from a wrong source may claim more true
  // positives than there is ground truth.
  static double area_under(const std::vector<Point>& curve, int64_t truths) {
    double area = 0;
    double envelope = 0;
    for (size_t i = curve.size(); i-- > 0;) {
      envelope = std::max(envelope, precision_at(curve[i].true_positives, curve[i].false_positives));
      const int64_t before = i == 0 ? 0 : curve[i - 1].true_positives;
      area += envelope * static_cast<double>(std::min(curve[i].true_positives, truths) - std::min(before, truths));
    }
    return area / static_cast<double>(truths);
  }

  // Mean precision over the recall thresholds, by the envelope.
  double average(const std::vector<Point>& curve) const {
    double sum = 0;
    double envelope = 0;
    size_t next = curve.size();  // the envelope covers points next .. end
    const int64_t found = curve.empty() ? 0 : curve.back().true_positives;
    for (int64_t r = settings_.recall_thresholds_count - 1; r >= 0; --r) {
      if (needed_[r] > found) continue;
      while (next > 0 && curve[next - 1].true_positives >= needed_[r]) {
        --next;
        envelope = std::max(envelope, precision_at(curve[next].true_positives, curve[next].false_positives));
      }
      sum += envelope;
    }
    return sum / static_cast<double>(settings_.recall_thresholds_count);
  }

  const Plan& plan_;
  const Lanes& lanes_;
  const CurveSettings& settings_;
  const Resampling& resampling_;
  const int64_t classes_;
  double* ap_;
  std::vector<int32_t> weight_;             // [I], how often an image counts
  std::vector<std::vector<Point>> curves_;  // [T]
  std::vector<int64_t> needed_;             // [R]
  int64_t not_false_[kMaxLanes] = {};
  int64_t found_[kMaxLanes] = {};
};

}  // namespace

void bootstrap(const TruthIndex& truth, const MatchTable& matches, const MatchSettings& settings,
               const CurveSettings& curves, const Resampling& resampling, int64_t threads, double* ap) {
  const Lanes lanes = make_lanes(settings);
  const Plan plan = make_plan(truth, matches, lanes, curves.max_detections[0]);
  share_out(resampling.count, 4, threads,
            [&] { return Resampler(plan, lanes, curves, resampling, truth.classes, ap); });
}

}  // namespace bench_freeze
