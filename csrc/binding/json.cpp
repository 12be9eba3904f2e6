// The readers' border with Python: a text in, columns that own their memory out, or None where a full parser must look.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

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

nb::object py_read_results(nb::bytes text, int64_t threads) {
  ResultColumns columns;
  const char* begin = text.c_str();
  const int64_t size = static_cast<int64_t>(text.size());
  bool is_sound;
  {
    nb::gil_scoped_release release;
    is_sound = read_results(begin, size, threads, &columns);
  }
  if (!is_sound) return nb::none();
  return nb::make_tuple(as_array(std::move(columns.image_id)), as_array(std::move(columns.category_id)),
                        as_array(std::move(columns.boxes)), as_array(std::move(columns.scores)));
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
  module.def("read_annotations", &py_read_annotations, "text"_a);
}

}  // namespace bench_freeze
