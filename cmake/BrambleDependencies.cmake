# Every library from outside, found once. System packages first, then what set-up unpacked into .deps.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(Eigen3 REQUIRED NO_MODULE)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(TBB REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(CLI11 REQUIRED)
find_package(SQLite3 REQUIRED)
find_package(BZip2 REQUIRED)
find_package(Boost 1.71 REQUIRED)  # headers alone: Beast and Asio, for the dashboard's server
pkg_check_modules(ASSIMP REQUIRED IMPORTED_TARGET assimp)
pkg_check_modules(PUGIXML REQUIRED IMPORTED_TARGET pugixml)
pkg_check_modules(BULLET REQUIRED IMPORTED_TARGET bullet)
pkg_check_modules(SPNG REQUIRED IMPORTED_TARGET spng)
pkg_check_modules(DEFLATE REQUIRED IMPORTED_TARGET libdeflate)
pkg_check_modules(VPX REQUIRED IMPORTED_TARGET vpx)
pkg_check_modules(TURBOJPEG REQUIRED IMPORTED_TARGET libturbojpeg)
pkg_check_modules(ZSTD REQUIRED IMPORTED_TARGET libzstd)
pkg_check_modules(LZ4 REQUIRED IMPORTED_TARGET liblz4)

# Fast DDS 2.x, by its libraries: its own package file asks for things that Debian does not ship.
find_path(FASTDDS_INCLUDE_DIR fastdds/dds/domain/DomainParticipant.hpp REQUIRED)
find_library(FASTDDS_LIBRARY fastrtps REQUIRED)
find_library(FASTCDR_LIBRARY fastcdr REQUIRED)
add_library(bramble_dds INTERFACE)
target_include_directories(bramble_dds SYSTEM INTERFACE "${FASTDDS_INCLUDE_DIR}")
target_link_libraries(bramble_dds INTERFACE ${FASTDDS_LIBRARY} ${FASTCDR_LIBRARY})

# Embree 4 if there, else 3; the code includes one header for both (render/embree.hpp).
find_package(embree 4 QUIET)
if(NOT embree_FOUND)
  find_package(embree 3 REQUIRED)
endif()
add_library(bramble_embree INTERFACE)
target_link_libraries(bramble_embree INTERFACE embree)
target_compile_definitions(bramble_embree INTERFACE BRAMBLE_EMBREE_MAJOR=${EMBREE_VERSION_MAJOR})

if(BRAMBLE_LEARNING)
  find_package(OpenMP REQUIRED)
  # libtorch: of a Python package (the way to one with CUDA) where BRAMBLE_TORCH_DIR names it, else the system's.
  set(BRAMBLE_TORCH_DIR "$ENV{BRAMBLE_TORCH_DIR}" CACHE PATH "Folder «torch» of an installed PyTorch, for its libtorch")
  add_library(bramble_torch INTERFACE)
  if(BRAMBLE_TORCH_DIR)
    # Not by its own package file, which wants the CUDA toolkit: we compile no kernel.
    # And not the whole of include/: it holds a fmt of its own beside ours.
    if(NOT EXISTS "${BRAMBLE_TORCH_DIR}/include/torch/csrc/api/include/torch/torch.h")
      message(FATAL_ERROR "BRAMBLE_TORCH_DIR=${BRAMBLE_TORCH_DIR} is no PyTorch: it lacks include/torch")
    endif()
    file(MAKE_DIRECTORY "${CMAKE_BINARY_DIR}/torch_include")
    foreach(folder ATen c10 caffe2 torch)
      file(CREATE_LINK "${BRAMBLE_TORCH_DIR}/include/${folder}" "${CMAKE_BINARY_DIR}/torch_include/${folder}" SYMBOLIC)
    endforeach()
    target_include_directories(bramble_torch SYSTEM INTERFACE "${CMAKE_BINARY_DIR}/torch_include"
      "${CMAKE_BINARY_DIR}/torch_include/torch/csrc/api/include")
    file(GLOB torch_cuda_libs "${BRAMBLE_TORCH_DIR}/lib/libtorch_cuda.so" "${BRAMBLE_TORCH_DIR}/lib/libc10_cuda.so")
    # Nothing calls into the CUDA library by name; loaded, it registers its kernels. libstdc++ comes first, because
    # libtorch.so exports parts of an older one's std::filesystem, which then crash in our calls.
    target_link_libraries(bramble_torch INTERFACE "-Wl,--no-as-needed" stdc++
      "${BRAMBLE_TORCH_DIR}/lib/libtorch.so" "${BRAMBLE_TORCH_DIR}/lib/libtorch_cpu.so"
      "${BRAMBLE_TORCH_DIR}/lib/libc10.so" ${torch_cuda_libs} "-Wl,--as-needed,--allow-shlib-undefined")
    # The CUDA runtime's headers, with which a training step can be recorded: of the wheels beside PyTorch's (they lack
    # crt/ where nvidia-cuda-crt is not installed), or of a toolkit.
    find_path(CUDA_RUNTIME_INCLUDE_DIR crt/host_config.h HINTS "${BRAMBLE_TORCH_DIR}/../nvidia/cu13/include"
              "${BRAMBLE_TORCH_DIR}/../nvidia/cuda_runtime/include" /usr/local/cuda/include)
    if(torch_cuda_libs AND CUDA_RUNTIME_INCLUDE_DIR)
      set(BRAMBLE_HAS_CUDA_HEADERS ON)
    elseif(torch_cuda_libs)
      message(WARNING "No headers of the CUDA runtime (crt/host_config.h): training steps are not recorded, which "
                      "makes them slower. Install them beside PyTorch: pip install nvidia-cuda-crt")
    endif()
    # NCCL, with which c10d joins processes on GPUs: the wheel that PyTorch itself asks for, in that very version, holds
    # its header. c10d's own also wants libcu++ (nv/target) and cuSPARSE's.
    find_path(NCCL_INCLUDE_DIR nccl.h HINTS "${BRAMBLE_TORCH_DIR}/../nvidia/nccl/include" NO_DEFAULT_PATH)
    if(BRAMBLE_HAS_CUDA_HEADERS AND NCCL_INCLUDE_DIR AND EXISTS "${CUDA_RUNTIME_INCLUDE_DIR}/nv/target"
       AND EXISTS "${CUDA_RUNTIME_INCLUDE_DIR}/cusparse.h")
      set(BRAMBLE_HAS_NCCL ON)
    elseif(torch_cuda_libs)
      message(WARNING "No headers for NCCL (nccl.h, nv/target, cusparse.h): only one process trains on GPUs. Install "
                      "them beside PyTorch: pip install nvidia-cuda-crt nvidia-cuda-cccl")
    endif()
  else()
    find_package(Torch REQUIRED)
    # Torch's own target carries warnings-prone headers: take them as system headers.
    target_include_directories(bramble_torch SYSTEM INTERFACE ${TORCH_INCLUDE_DIRS})
    target_link_libraries(bramble_torch INTERFACE ${TORCH_LIBRARIES})
    separate_arguments(BRAMBLE_TORCH_FLAGS UNIX_COMMAND "${TORCH_CXX_FLAGS}")
    target_compile_options(bramble_torch INTERFACE ${BRAMBLE_TORCH_FLAGS})
  endif()

  # Gloo, with which libtorch's c10d joins several processes: its headers are a package of their own.
  add_library(bramble_gloo INTERFACE)
  find_path(GLOO_INCLUDE_DIR gloo/context.h)
  find_library(GLOO_LIBRARY gloo)
  # A Python package's libtorch holds a Gloo of its own age, without headers.
  if(GLOO_INCLUDE_DIR AND GLOO_LIBRARY AND NOT BRAMBLE_TORCH_DIR)
    target_include_directories(bramble_gloo SYSTEM INTERFACE "${GLOO_INCLUDE_DIR}")
    target_link_libraries(bramble_gloo INTERFACE ${GLOO_LIBRARY})
    set(BRAMBLE_HAS_GLOO ON)
  endif()

  find_package(OpenVINO QUIET COMPONENTS Runtime)
  if(NOT OpenVINO_FOUND)
    find_package(OpenVINO REQUIRED COMPONENTS Runtime
                 PATHS "${BRAMBLE_DEPS_DIR}/openvino/openvino/cmake" NO_DEFAULT_PATH)
  endif()
endif()

# Arrow and Parquet: Debian 12 has none; PyPI's pyarrow wheel carries headers and libraries.
find_path(ARROW_INCLUDE_DIR arrow/api.h HINTS "${BRAMBLE_DEPS_DIR}/pyarrow/pyarrow/include")
file(GLOB BRAMBLE_ARROW_LIBS "${BRAMBLE_DEPS_DIR}/pyarrow/pyarrow/libarrow.so.*"
                             "${BRAMBLE_DEPS_DIR}/pyarrow/pyarrow/libparquet.so.*")
if(NOT ARROW_INCLUDE_DIR OR NOT BRAMBLE_ARROW_LIBS)
  message(FATAL_ERROR "Arrow not found: run ./bramble doctor, or unpack the pyarrow wheel into ${BRAMBLE_DEPS_DIR}/pyarrow")
endif()
add_library(bramble_arrow INTERFACE)
target_include_directories(bramble_arrow SYSTEM INTERFACE "${ARROW_INCLUDE_DIR}")
target_link_libraries(bramble_arrow INTERFACE ${BRAMBLE_ARROW_LIBS})

if(BRAMBLE_TESTS)
  enable_testing()
  find_package(GTest REQUIRED)
  include(GoogleTest)
endif()
