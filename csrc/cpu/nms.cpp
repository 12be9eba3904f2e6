#include <algorithm>
#include <mutex>
#include <vector>

#include "core/packing.h"
#include "core/threshold.h"
#include "cpu/parallel.h"
#include "cpu/radix.h"
#include "cpu/scan.h"
#include "cpu/suppress.h"
#include "score.h"

namespace bench_freeze {
namespace {

// The candidates of an image by class, and whether they were dropped.
struct Columns {
  std::vector<float> values;
  std::vector<int32_t> dropped;
  std::vector<int32_t> places;  // of the candidates in their total order
  int64_t room = 0;

  void resize(int64_t count) {
    room = count;
    if (static_cast<int64_t>(values.size()) < 5 * count) values.resize(static_cast<size_t>(5 * count));
    dropped.assign(static_cast<size_t>(count), 0);
  }
  BoxColumns from(int64_t begin) const {
    const float* column = values.data() + begin;
    return {column, column + room, column + 2 * room, column + 3 * room, column + 4 * room};
  }
  void set(int64_t place, const BoxXyxy& box) {
    float* value = values.data() + place;
    value[0] = box.x1;
    value[room] = box.y1;
    value[2 * room] = box.x2;
    value[3 * room] = box.y2;
    value[4 * room] = box_area(box);
  }
  BoxXyxy box(int64_t place) const {
    const float* value = values.data() + place;
    return {value[0], value[room], value[2 * room], value[3 * room]};
  }
};

template <class Value>
class Suppressor {
 public:
  Suppressor(const Head& head, const NmsSettings& settings)
      : head_(head), settings_(settings), threshold_(settings.score_threshold), packing_(head.anchors) {}

  Fault run(int64_t image, const Detections& out) {
    image_ = static_cast<const Value*>(head_.data) + image * head_.image_stride;
    candidates_.clear();
    if (!collect()) return find_unsound_score(image);
    if (!settings_.multi_label) leave_best_classes();
    // Found in (class, anchor) order, so a stable sort by score completes the total order.
    sort_by_upper_half(candidates_.data(), static_cast<int64_t>(candidates_.size()), &spare_);
    const int64_t found = static_cast<int64_t>(candidates_.size());
    const int64_t used = std::min(found, settings_.max_candidates);
    out.dropped_candidates[image] = found - used;
    return keep_best(image, used, out);
  }

 private:
  const Value* row(int64_t index) const { return image_ + index * head_.row_stride; }

  // Gathers every score above the threshold. Returns whether all scores are finite.
  bool collect() {
    bool is_sound = true;
    hits_.resize(static_cast<size_t>(head_.anchors));
    for (int64_t label = 0; label < head_.classes; ++label) {
      const Value* scores = row(4 + label);
      const int64_t found = scan_row(scores, head_.anchors, threshold_, hits_.data(), &is_sound);
      for (int64_t i = 0; i < found; ++i) {
        candidates_.push_back(packing_.pack(to_float(scores[hits_[i]]), label, hits_[i]));
        for (int64_t index = 0; index < 4; ++index) __builtin_prefetch(row(index) + hits_[i]);  // for decode
      }
    }
    return is_sound;
  }

  // Keeps the best class of each anchor; if it is above the threshold, it is among the candidates already. The smaller
  // integer has the higher score or, on a tie, the lower class.
  void leave_best_classes() {
    best_.assign(static_cast<size_t>(head_.anchors), ~uint64_t{0});
    for (const uint64_t candidate : candidates_) {
      uint64_t& best = best_[packing_.anchor(candidate)];
      best = std::min(best, candidate);
    }
    const auto is_beaten = [this](uint64_t candidate) { return best_[packing_.anchor(candidate)] != candidate; };
    candidates_.erase(std::remove_if(candidates_.begin(), candidates_.end(), is_beaten), candidates_.end());
  }

  Fault find_unsound_score(int64_t image) const {
    for (int64_t label = 0; label < head_.classes; ++label) {
      for (int64_t anchor = 0; anchor < head_.anchors; ++anchor) {
        if (!is_finite(to_float(row(4 + label)[anchor]))) return {image, 4 + label, anchor};
      }
    }
    return {image, 4, 0};
  }

  BoxXyxy decode(int64_t anchor) const {
    return decode_box(settings_.box_format, to_float(row(0)[anchor]), to_float(row(1)[anchor]),
                      to_float(row(2)[anchor]), to_float(row(3)[anchor]));
  }

  int64_t unsound_box_row(int64_t anchor) const {
    for (int64_t index = 0; index < 4; ++index) {
      if (!is_finite(to_float(row(index)[anchor]))) return index;
    }
    return 0;  // finite values whose corner overflows
  }

  // Decodes the candidates into columns by class, in the total order within each. Returns the first box that is not
  // finite.
  Fault spread_by_class(int64_t image, int64_t used) {
    lay_out_columns(used);
    columns_.places.resize(static_cast<size_t>(used));
    order_.resize(static_cast<size_t>(used));
    next_ = begin_;
    for (int64_t i = 0; i < used; ++i) {
      const int64_t anchor = packing_.anchor(candidates_[i]);
      const BoxXyxy box = decode(anchor);
      if (!is_finite(box)) return {image, unsound_box_row(anchor), anchor};
      const int64_t place = next_[segment(candidates_[i])]++;
      columns_.set(place, box);
      columns_.places[i] = static_cast<int32_t>(place);
    }
    return {-1, 0, 0};
  }

  // Gives each class a stretch of whole blocks with room for all its candidates.
  void lay_out_columns(int64_t used) {
    begin_.assign(static_cast<size_t>(settings_.class_agnostic ? 1 : head_.classes), 0);
    for (int64_t i = 0; i < used; ++i) ++begin_[segment(candidates_[i])];
    int64_t total = 0;
    for (int64_t& begin : begin_) {
      const int64_t room = whole_blocks(begin);
      begin = total;
      total += room;
    }
    columns_.resize(total);
  }

  size_t segment(uint64_t candidate) const {
    return settings_.class_agnostic ? 0 : static_cast<size_t>(packing_.label(candidate));
  }

  Fault keep_best(int64_t image, int64_t used, const Detections& out) {
    const Fault fault = spread_by_class(image, used);
    if (fault.image >= 0) return fault;
    for (size_t i = 0; i < begin_.size(); ++i) {
      suppress_columns(columns_.from(begin_[i]), next_[i] - begin_[i], settings_.iou_threshold,
                       columns_.dropped.data() + begin_[i]);
    }
    int64_t kept = 0;
    for (int64_t i = 0; i < used; ++i) {  // without a branch, since the kept ones are unpredictable
      order_[kept] = static_cast<int32_t>(i);
      kept += columns_.dropped[columns_.places[i]] == 0;
    }
    const int64_t written = std::min(kept, settings_.max_detections);
    for (int64_t place = 0; place < written; ++place) {
      const int32_t i = order_[place];
      write(image, place, candidates_[i], columns_.box(columns_.places[i]), out);
    }
    out.count[image] = static_cast<int32_t>(written);
    out.dropped_detections[image] = kept - written;
    return {-1, 0, 0};
  }

  void write(int64_t image, int64_t place, uint64_t candidate, const BoxXyxy& box, const Detections& out) const {
    const int64_t index = image * settings_.max_detections + place;
    float* corners = out.boxes_xyxy + 4 * index;
    corners[0] = box.x1;
    corners[1] = box.y1;
    corners[2] = box.x2;
    corners[3] = box.y2;
    out.scores[index] = packing_.score(candidate);
    out.labels[index] = static_cast<int32_t>(packing_.label(candidate));
  }

  const Head& head_;
  const NmsSettings& settings_;
  const ScoreThreshold threshold_;
  const Packing packing_;
  const Value* image_ = nullptr;
  std::vector<uint64_t> candidates_;
  std::vector<uint64_t> spare_;
  std::vector<int32_t> hits_;
  std::vector<uint64_t> best_;  // [A], single-label only
  Columns columns_;
  std::vector<int32_t> order_;  // kept candidates
  std::vector<int64_t> begin_;  // of each segment in the columns
  std::vector<int64_t> next_;   // its end, once the candidates are in
};

// One thread's part of the images.
template <class Value>
class Worker {
 public:
  Worker(const Head& head, const NmsSettings& settings, const Detections& detections, std::mutex* lock, Fault* first)
      : suppressor_(head, settings), detections_(detections), lock_(lock), first_(first) {}

  void run(int64_t begin, int64_t end) {
    for (int64_t image = begin; image < end; ++image) {
      const Fault fault = suppressor_.run(image, detections_);
      if (fault.image < 0) continue;
      const std::lock_guard<std::mutex> guard(*lock_);
      if (first_->image < 0 || fault.image < first_->image) *first_ = fault;
    }
  }

 private:
  Suppressor<Value> suppressor_;
  const Detections& detections_;
  std::mutex* lock_;
  Fault* first_;
};

template <class Value>
Fault nms_of_type(const Head& head, const NmsSettings& settings, int64_t threads, const Detections& detections) {
  Fault first{-1, 0, 0};
  std::mutex lock;
  share_out(head.images, 1, threads, [&] { return Worker<Value>(head, settings, detections, &lock, &first); });
  return first;
}

}  // namespace

Fault nms(const Head& head, const NmsSettings& settings, int64_t threads, const Detections& detections) {
  return head.type == HeadType::kFloat32 ? nms_of_type<float>(head, settings, threads, detections)
                                         : nms_of_type<int16_t>(head, settings, threads, detections);
}

}  // namespace bench_freeze
