# Sets BENCH_FREEZE_HAS_CUDA from BENCH_FREEZE_CUDA and, with it, enables the language and offers bench_freeze_add_cuda.
set(BENCH_FREEZE_HAS_CUDA FALSE)
if(BENCH_FREEZE_CUDA STREQUAL "OFF")
  return()
endif()

include(CheckLanguage)
if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES)
  set(CMAKE_CUDA_ARCHITECTURES OFF) # flags are given below; the compiler check needs none
endif()
check_language(CUDA)
if(CMAKE_CUDA_COMPILER)
  enable_language(CUDA)
  set(BENCH_FREEZE_HAS_CUDA TRUE)
elseif(BENCH_FREEZE_CUDA STREQUAL "ON")
  message(FATAL_ERROR "BENCH_FREEZE_CUDA is ON and no working nvcc was found: put it on PATH or set CUDACXX")
else()
  message(STATUS "No working nvcc: the CUDA back end is left out")
  return()
endif()

# What each nvcc calls the machines that this project is meant for: T4 and RTX 20 (75), A100 (80), consumer Ampere (86),
# Jetson Orin (87), Ada (89), H100 and H200 (90), B200 (100), Jetson Thor (101, 110 from CUDA 13 on), consumer Blackwell
# (120).
function(bench_freeze_cuda_architectures result)
  if(NOT BENCH_FREEZE_CUDA_ARCHITECTURES MATCHES "^(default|all)$")
    set(${result} "${BENCH_FREEZE_CUDA_ARCHITECTURES}" PARENT_SCOPE)
    return()
  endif()
  execute_process(COMMAND "${CMAKE_CUDA_COMPILER}" --list-gpu-arch OUTPUT_VARIABLE known RESULT_VARIABLE failed)
  if(failed)
    message(FATAL_ERROR "${CMAKE_CUDA_COMPILER} cannot list its architectures: CUDA 11.5 is the oldest that can")
  endif()
  string(REGEX MATCHALL "[0-9]+" known "${known}")
  set(wanted ${known})
  if(BENCH_FREEZE_CUDA_ARCHITECTURES STREQUAL "default")
    set(wanted 75 80 86 87 89 90 100 101 110 120)
  endif()
  set(architectures)
  set(newest 0)
  foreach(architecture IN LISTS wanted)
    if(architecture IN_LIST known)
      list(APPEND architectures "${architecture}-real")
      if(architecture GREATER newest)
        set(newest ${architecture})
      endif()
    endif()
  endforeach()
  # Machine code for each, and an intermediate form that later GPUs' drivers compile themselves.
  list(APPEND architectures "${newest}-virtual")
  set(${result} "${architectures}" PARENT_SCOPE)
endfunction()

function(bench_freeze_add_cuda target)
  bench_freeze_cuda_architectures(architectures)
  message(STATUS "CUDA ${CMAKE_CUDA_COMPILER_VERSION} for ${architectures}")
  target_sources(${target} PRIVATE csrc/cuda/device.cu csrc/cuda/letterbox.cu csrc/cuda/match.cu csrc/cuda/nms.cu)
  set_target_properties(${target} PROPERTIES
    CUDA_ARCHITECTURES "${architectures}"
    CUDA_STANDARD 17
    CUDA_STANDARD_REQUIRED ON
    CUDA_VISIBILITY_PRESET hidden
    CUDA_RUNTIME_LIBRARY Static)
  # No contraction on the device either; the host part of a .cu file is compiled like any other source. `--threads`
  # compiles architectures side by side.
  target_compile_options(${target} PRIVATE $<$<COMPILE_LANGUAGE:CUDA>:--fmad=false --threads=0
    -Xcompiler=-Wall,-Wextra,-ffp-contract=off>)
  if(BENCH_FREEZE_WERROR)
    target_compile_options(${target} PRIVATE $<$<COMPILE_LANGUAGE:CUDA>:-Werror=all-warnings -Xcompiler=-Werror>)
  endif()
  # Static: the module then imports, and says what is missing, on a machine without CUDA or its driver.
  find_library(BENCH_FREEZE_CUDART cudart_static
    HINTS ${CMAKE_CUDA_IMPLICIT_LINK_DIRECTORIES} ${CMAKE_CUDA_HOST_IMPLICIT_LINK_DIRECTORIES} REQUIRED)
  find_package(Threads REQUIRED)
  target_link_libraries(${target} PUBLIC ${BENCH_FREEZE_CUDART} Threads::Threads ${CMAKE_DL_LIBS} rt)
endfunction()
