# Third-party libraries, each behind one target, as system headers, compiled once.

set(Protobuf_USE_STATIC_LIBS ON)
find_package(Protobuf 3.21 REQUIRED)
find_package(Threads REQUIRED)

find_path(BOOST_INCLUDE_DIR boost/asio/any_completion_handler.hpp REQUIRED)
find_library(SECCOMP_LIBRARY NAMES libseccomp.a seccomp REQUIRED)
find_path(TOMLPLUSPLUS_INCLUDE_DIR toml++/toml.h REQUIRED)

# Their own code, compiled with our code generation but without our warnings.
add_library(third_party_options INTERFACE)
target_compile_features(third_party_options INTERFACE cxx_std_20)
target_compile_options(third_party_options INTERFACE
  -w -ffunction-sections -fdata-sections
  $<$<BOOL:${STATIC_BINARIES}>:-fno-pie>
  ${sanitize_options})

# Asio, separately compiled: the definitions are PUBLIC because mixing the header-only and the
# separate form in one program violates the one-definition rule.
add_library(third_party_asio STATIC ${CMAKE_CURRENT_LIST_DIR}/asio.cpp)
target_include_directories(third_party_asio SYSTEM PUBLIC ${BOOST_INCLUDE_DIR})
target_compile_definitions(third_party_asio PUBLIC
  BOOST_ASIO_SEPARATE_COMPILATION BOOST_ASIO_NO_DEPRECATED BOOST_ASIO_NO_TS_EXECUTORS)
# The memory of operations and coroutine frames is recycled per thread. Two slots per kind, the
# default, are too few for coroutines that call each other and several operations at a time.
target_compile_definitions(third_party_asio PUBLIC BOOST_ASIO_RECYCLING_ALLOCATOR_CACHE_SIZE=8)
if(SANITIZE)
  # Asio recycles the memory of operations and coroutine frames, which hides lifetime bugs.
  target_compile_definitions(third_party_asio PUBLIC
    BOOST_ASIO_DISABLE_SMALL_BLOCK_RECYCLING BOOST_ASIO_DISABLE_AWAITABLE_FRAME_RECYCLING)
endif()
target_link_libraries(third_party_asio PUBLIC Threads::Threads PRIVATE third_party_options)

# Boost.JSON, compiled once from its src.hpp so that the static agent needs no further library.
add_library(third_party_json STATIC EXCLUDE_FROM_ALL ${CMAKE_CURRENT_LIST_DIR}/json.cpp)
target_include_directories(third_party_json SYSTEM PUBLIC ${BOOST_INCLUDE_DIR})
target_link_libraries(third_party_json PRIVATE third_party_options small_code)

add_library(third_party_protobuf_lite INTERFACE)
target_link_libraries(third_party_protobuf_lite INTERFACE ${Protobuf_LITE_LIBRARIES})

add_library(third_party_seccomp INTERFACE)
target_link_libraries(third_party_seccomp INTERFACE ${SECCOMP_LIBRARY})

add_library(third_party_toml INTERFACE)
target_include_directories(third_party_toml SYSTEM INTERFACE ${TOMLPLUSPLUS_INCLUDE_DIR})

if(BUILD_TESTING)
  find_package(GTest 1.12 REQUIRED)
endif()
if(BUILD_BENCHMARKS)
  find_package(benchmark 1.7 REQUIRED)
endif()
