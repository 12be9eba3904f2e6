// Types of the arrays that Python passes in, and the parts of the module that other files bind.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <cstdint>

#include "checks.h"

namespace nb = nanobind;

namespace bench_freeze {

template <class Scalar, int64_t... Shape>
using In = nb::ndarray<const Scalar, nb::shape<Shape...>, nb::c_contig, nb::device::cpu>;
template <class Scalar, int64_t... Shape>
using Out = nb::ndarray<Scalar, nb::shape<Shape...>, nb::c_contig, nb::device::cpu>;

// All elements of a contiguous array, in the form that checks.h takes.
template <class Scalar, class... Options>
Array<Scalar> all_of(const nb::ndarray<Scalar, Options...>& array) {
  return {array.data(), static_cast<int64_t>(array.size())};
}

void bind_evaluator(nb::module_& module);
void bind_json(nb::module_& module);

}  // namespace bench_freeze
