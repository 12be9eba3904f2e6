// Python bindings for COCO files. Readers: a text in, columns that own their memory out, or None if a full parser is
// needed. Checks: whole columns in, positions or flags out.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <cstdint>
#include <stdexcept>
#include <utility>
#include <vector>

#include "binding/arrays.h"
#include "columns.h"
#include "json/coco_reader.h"

namespace bench_freeze {
namespace {

template <class Scalar>
nb::object as_array(std::vector<Scalar>&& values) {
  auto* kept = new std::vector<Scalar>(std::move(values));
  nb::capsule owner(kept, [](void* memory) noexcept { delete static_cast<std::vector<Scalar>*>(memory); });
  return nb::cast(nb::ndarray<nb::numpy, Scalar, nb::ndim<1>>(kept->data(), {kept->size()}, owner));
}

nb::object columns_of(const Text& text, int64_t threads) {
  ResultColumns columns;
  bool is_sound;
  {
    nb::gil_scoped_release release;
    is_sound = read_results(text, threads, &columns);
  }
  if (!is_sound) return nb::none();
  return nb::make_tuple(as_array(std::move(columns.image_id)), as_array(std::move(columns.category_id)),
                        as_array(std::move(columns.boxes)), as_array(std::move(columns.scores)));
}

nb::object py_read_results(nb::bytes text, int64_t threads) {
  return columns_of({text.c_str(), -1, static_cast<int64_t>(text.size()), 0}, threads);
}

nb::object py_read_results_file(int file, int64_t size, int64_t threads, int64_t piece) {
  if (size < 0 || piece < 1) throw std::invalid_argument("read_results_file: a size or piece out of range");
  return columns_of({nullptr, file, size, piece}, threads);
}

nb::object py_read_annotations(nb::bytes text) {
  AnnotationColumns columns;
  const char* begin = text.c_str();
  const int64_t size = static_cast<int64_t>(text.size());
  bool is_sound;
  {
    nb::gil_scoped_release release;
    is_sound = read_annotations(begin, size, &columns);
  }
  if (!is_sound) return nb::none();
  return nb::make_tuple(nb::make_tuple(as_array(std::move(columns.id)), as_array(std::move(columns.image_id)),
                                       as_array(std::move(columns.category_id)), as_array(std::move(columns.boxes)),
                                       as_array(std::move(columns.area)), as_array(std::move(columns.is_crowd))),
                        columns.begin, columns.end);
}

int64_t py_positions_of(In<int64_t, -1> known, In<int64_t, -1> ids, Out<int32_t, -1> position) {
  const int64_t known_count = static_cast<int64_t>(known.shape(0));
  if (position.shape(0) != ids.shape(0)) throw std::invalid_argument("positions_of: columns of different lengths");
  if (known_count > INT32_MAX) throw std::invalid_argument("positions_of: too many known ids");
  for (int64_t i = 1; i < known_count; ++i) {
    if (known.data()[i - 1] >= known.data()[i]) throw std::invalid_argument("positions_of: known ids do not ascend");
  }
  nb::gil_scoped_release release;
  return positions_of(known.data(), known_count, ids.data(), static_cast<int64_t>(ids.shape(0)), position.data());
}

int64_t py_sound_rows(In<double, -1, 4> boxes, In<double, -1> values, Out<bool, -1> is_sound) {
  if (boxes.shape(0) != values.shape(0) || is_sound.shape(0) != values.shape(0)) {
    throw std::invalid_argument("sound_rows: columns of different lengths");
  }
  nb::gil_scoped_release release;
  return sound_rows(boxes.data(), values.data(), static_cast<int64_t>(values.shape(0)), is_sound.data());
}

}  // namespace

void bind_json(nb::module_& module) {
  using namespace nb::literals;
  module.def("read_results", &py_read_results, "text"_a, "threads"_a);
  module.def("read_results_file", &py_read_results_file, "file"_a, "size"_a, "threads"_a, "piece"_a = 1 << 18);
  module.def("read_annotations", &py_read_annotations, "text"_a);
  module.def("positions_of", &py_positions_of, "known"_a.noconvert(), "ids"_a.noconvert(), "position"_a.noconvert());
  module.def("sound_rows", &py_sound_rows, "boxes"_a.noconvert(), "values"_a.noconvert(), "is_sound"_a.noconvert());
}

}  // namespace bench_freeze
