# Compile and link options of every target of this project.

add_library(project_options INTERFACE)
target_compile_features(project_options INTERFACE cxx_std_20)
target_include_directories(project_options INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_options(project_options INTERFACE
  -Wall -Wextra -Wshadow -Wconversion -Wold-style-cast -Wnon-virtual-dtor
  -ffunction-sections -fdata-sections
  -fno-strict-aliasing  # wire structs are read in place in the device
  $<$<BOOL:${WERROR}>:-Werror>)
target_link_options(project_options INTERFACE -fuse-ld=lld -Wl,--gc-sections)

if(SANITIZE STREQUAL "address")
  # -fno-sanitize=function: clang cannot represent its metadata for coroutines.
  set(sanitize_options -fsanitize=address,undefined -fno-sanitize=function)
elseif(SANITIZE STREQUAL "thread")
  set(sanitize_options -fsanitize=thread)
elseif(SANITIZE)
  message(FATAL_ERROR "SANITIZE is address or thread, not ${SANITIZE}")
endif()

if(SANITIZE)
  list(APPEND sanitize_options -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_compile_options(project_options INTERFACE ${sanitize_options})
  target_link_options(project_options INTERFACE ${sanitize_options})
else()
  target_compile_options(project_options INTERFACE
    -fstack-protector-strong $<$<CONFIG:Release>:-D_FORTIFY_SOURCE=2>)
  target_link_options(project_options INTERFACE -Wl,-z,relro,-z,now,--icf=safe)
endif()

# Code that is in memory once per sandbox, or in the guest, and not on the data path: small.
add_library(small_code INTERFACE)
target_compile_options(small_code INTERFACE $<$<CONFIG:Release>:-Os>)

# Programs that run once per sandbox or in the guest: a static, position-dependent binary starts
# fastest (no dynamic linker, no relocations) and weighs least (relocation dirties no page).
add_library(program_options INTERFACE)
target_link_libraries(program_options INTERFACE project_options)
if(STATIC_BINARIES)
  target_compile_options(project_options INTERFACE -fno-pie)
  target_link_options(project_options INTERFACE -no-pie -Wno-unused-command-line-argument)
  target_link_options(program_options INTERFACE -static)
endif()
