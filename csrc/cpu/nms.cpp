#include "core/nms.h"

#include <algorithm>
#include <mutex>
#include <vector>

#include "core/order.h"
#include "cpu/parallel.h"
#include "cpu/radix.h"
#include "cpu/scan.h"
#include "score.h"

namespace bench_freeze {
namespace {

// A candidate is one integer: its score's descending key, its class, its anchor. Ascending integers are the total order
// (score descending, then class, then anchor), whatever found them and in whatever batch.
class Packing {
 public:
  explicit Packing(int64_t anchors) {
    while ((int64_t{1} << anchor_bits_) < anchors) ++anchor_bits_;
  }
  uint64_t pack(float score, int64_t label, int64_t anchor) const {
    return static_cast<uint64_t>(descending_key(score)) << 32 | static_cast<uint64_t>(label) << anchor_bits_ |
           static_cast<uint64_t>(anchor);
  }
  float score(uint64_t candidate) const { return score_of_key(static_cast<uint32_t>(candidate >> 32)); }
  int64_t label(uint64_t candidate) const { return (candidate & 0xffffffffu) >> anchor_bits_; }
  int64_t anchor(uint64_t candidate) const { return candidate & ((uint64_t{1} << anchor_bits_) - 1); }

 private:
  int anchor_bits_ = 0;
};

// One value of a head as float32.
float read(float value) { return value; }
float read(int16_t bits) { return half_to_float(static_cast<uint16_t>(bits)); }

template <class Value>
class Suppressor {
 public:
  Suppressor(const Head& head, const NmsSettings& settings)
      : head_(head), settings_(settings), packing_(head.anchors) {}

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

  // Gathers every score above the threshold and tells whether all scores are finite.
  bool collect() {
    bool is_sound = true;
    hits_.resize(static_cast<size_t>(head_.anchors));
    for (int64_t label = 0; label < head_.classes; ++label) {
      const Value* scores = row(4 + label);
      const int64_t found = scan_row(scores, head_.anchors, settings_.score_threshold, hits_.data(), &is_sound);
      for (int64_t i = 0; i < found; ++i) {
        candidates_.push_back(packing_.pack(read(scores[hits_[i]]), label, hits_[i]));
      }
    }
    return is_sound;
  }

  // The best class of an anchor, if it is above the threshold, is among the candidates already. The smaller integer has
  // the higher score or, on a tie, the lower class.
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
        if (!is_finite(read(row(4 + label)[anchor]))) return {image, 4 + label, anchor};
      }
    }
    return {image, 4, 0};
  }

  BoxXyxy decode(int64_t anchor) const {
    return decode_box(settings_.box_format, read(row(0)[anchor]), read(row(1)[anchor]), read(row(2)[anchor]),
                      read(row(3)[anchor]));
  }

  int64_t unsound_box_row(int64_t anchor) const {
    for (int64_t index = 0; index < 4; ++index) {
      if (!is_finite(read(row(index)[anchor]))) return index;
    }
    return 0;  // finite values whose corner overflows
  }

  // Gives each class a stretch of the kept columns long enough for all of its candidates, in whole blocks.
  void lay_out_kept(int64_t used) {
    const int64_t classes = settings_.class_agnostic ? 1 : head_.classes;
    kept_begin_.assign(static_cast<size_t>(classes), 0);
    kept_count_.assign(static_cast<size_t>(classes), 0);
    for (int64_t i = 0; i < used; ++i) ++kept_begin_[kept_class(candidates_[i])];
    int64_t total = 0;
    for (int64_t& begin : kept_begin_) {
      const int64_t room = (begin + KeptBoxes::kBlock - 1) / KeptBoxes::kBlock * KeptBoxes::kBlock;
      begin = total;
      total += room;
    }
    if (static_cast<int64_t>(columns_.size()) < 5 * total) columns_.resize(static_cast<size_t>(5 * total));
    float* column = columns_.data();
    kept_ = {column, column + total, column + 2 * total, column + 3 * total, column + 4 * total};
  }

  size_t kept_class(uint64_t candidate) const {
    return settings_.class_agnostic ? 0 : static_cast<size_t>(packing_.label(candidate));
  }

  bool is_suppressed(int64_t begin, int64_t count, const BoxXyxy& box, float area) const {
    for (int64_t i = begin; i < begin + count; i += KeptBoxes::kBlock) {
      if (kept_.block_suppresses(i, box, area, settings_.iou_threshold)) return true;
    }
    return false;
  }

  void keep(int64_t begin, int64_t count, const BoxXyxy& box, float area) const {
    if (count % KeptBoxes::kBlock == 0) {  // the first of a block: nothing else in it may suppress
      for (int64_t i = 1; i < KeptBoxes::kBlock; ++i) kept_.set_empty(begin + count + i);
    }
    kept_.set(begin + count, box, area);
  }

  Fault keep_best(int64_t image, int64_t used, const Detections& out) {
    lay_out_kept(used);
    int64_t kept = 0;
    for (int64_t i = 0; i < used; ++i) {
      const uint64_t candidate = candidates_[i];
      const BoxXyxy box = decode(packing_.anchor(candidate));
      if (!is_finite(box)) {
        return {image, unsound_box_row(packing_.anchor(candidate)), packing_.anchor(candidate)};
      }
      const float area = box_area(box);
      const size_t label = kept_class(candidate);
      if (is_suppressed(kept_begin_[label], kept_count_[label], box, area)) continue;
      keep(kept_begin_[label], kept_count_[label]++, box, area);
      if (kept < settings_.max_detections) write(image, kept, candidate, box, out);
      ++kept;
    }
    const int64_t written = std::min(kept, settings_.max_detections);
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
  const Packing packing_;
  const Value* image_ = nullptr;
  std::vector<uint64_t> candidates_;
  std::vector<uint64_t> spare_;
  std::vector<int32_t> hits_;
  std::vector<uint64_t> best_;  // [A], single-label only
  std::vector<float> columns_;
  std::vector<int64_t> kept_begin_;
  std::vector<int64_t> kept_count_;
  KeptBoxes kept_{};
};

// One thread's way through the images.
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
