# What every target of this project is compiled and linked with.

add_library(project_options INTERFACE)
target_compile_features(project_options INTERFACE cxx_std_20)
target_include_directories(project_options INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_options(project_options INTERFACE
  -Wall -Wextra -Wshadow -Wconversion -Wold-style-cast -Wnon-virtual-dtor
  -ffunction-sections -fdata-sections
  -fno-strict-aliasing  # wire structs are read in place in the device
  $<$<BOOL:${WERROR}>:-Werror>)
target_link_options(project_options INTERFACE -fuse-ld=lld -Wl,--gc-sections,--icf=safe)

if(SANITIZE)
  # Asio recycles operation and coroutine memory per thread, which hides lifetime bugs from
  # sanitizers; that is switched off in third_party.cmake.
  # -fno-sanitize=function: clang cannot represent its metadata for coroutines.
  target_compile_options(project_options INTERFACE
    -fsanitize=${SANITIZE} -fno-omit-frame-pointer
    $<$<NOT:$<STREQUAL:${SANITIZE},thread>>:-fno-sanitize=function>
    -fno-sanitize-recover=all)
  target_link_options(project_options INTERFACE -fsanitize=${SANITIZE})
else()
  target_compile_options(project_options INTERFACE
    -fstack-protector-strong $<$<CONFIG:Release>:-D_FORTIFY_SOURCE=2>)
  target_link_options(project_options INTERFACE -Wl,-z,relro,-z,now)
endif()

# Programs that run once per sandbox or in the guest: a static, position-dependent binary starts
# fastest (no dynamic linker, no relocations) and weighs least (relocation dirties no page).
add_library(program_options INTERFACE)
target_link_libraries(program_options INTERFACE project_options)
if(STATIC_BINARIES)
  target_compile_options(project_options INTERFACE -fno-pie)
  target_link_options(project_options INTERFACE -no-pie)
  target_link_options(program_options INTERFACE -static)
endif()
