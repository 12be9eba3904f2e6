// Python bindings of the readers: a text in, columns that own their memory out, or None if a full parser is needed.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <stdexcept>
#include <utility>
#include <vector>

#include "binding/arrays.h"
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

}  // namespace

void bind_json(nb::module_& module) {
  using namespace nb::literals;
  module.def("read_results", &py_read_results, "text"_a, "threads"_a);
  module.def("read_results_file", &py_read_results_file, "file"_a, "size"_a, "threads"_a, "piece"_a = 1 << 18);
  module.def("read_annotations", &py_read_annotations, "text"_a);
}

}  // namespace bench_freeze
