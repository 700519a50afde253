# C++ from .proto files, generated while building, with protobuf-lite.

# All of them, without compiling any, for programs that read sources (clang-tidy).
add_custom_target(generated_sources)

# A static library of the messages of FILES and the ttrpc stubs of SERVICES (files that declare
# services; listed in FILES too). File names are relative to DIRECTORY, and so are the names of the
# generated headers: "containerd/task/v2/task.pb.h", "containerd/task/v2/task.ttrpc.hpp".
#
# hvsock_proto_library(NAME name DIRECTORY dir FILES a.proto ... [SERVICES ...] [LIBRARIES ...])
function(hvsock_proto_library)
  cmake_parse_arguments(arg "" "NAME;DIRECTORY" "FILES;SERVICES;LIBRARIES" ${ARGN})
  get_filename_component(directory ${arg_DIRECTORY} ABSOLUTE)
  set(out ${CMAKE_CURRENT_BINARY_DIR}/${arg_NAME})
  file(MAKE_DIRECTORY ${out})

  # Directories of imports, those of the libraries linked included, and last that of the
  # well-known types.
  set(imports -I ${directory})
  foreach(library IN LISTS arg_LIBRARIES)
    get_target_property(imported ${library} PROTO_DIRECTORY)
    if(imported)
      list(APPEND imports -I ${imported})
    endif()
  endforeach()
  list(APPEND imports -I ${Protobuf_INCLUDE_DIR})

  foreach(file IN LISTS arg_FILES)
    string(REGEX REPLACE "\\.proto$" "" stem ${file})
    set(source ${directory}/${file})
    if(NOT EXISTS ${source})
      set(source ${Protobuf_INCLUDE_DIR}/${file})
    endif()
    set(outputs ${out}/${stem}.pb.cc ${out}/${stem}.pb.h)
    set(flags --cpp_out=lite:${out})
    set(depends ${source})
    if(file IN_LIST arg_SERVICES)
      list(APPEND outputs ${out}/${stem}.ttrpc.cpp ${out}/${stem}.ttrpc.hpp)
      list(APPEND flags
        --plugin=protoc-gen-ttrpc=$<TARGET_FILE:protoc_gen_ttrpc> --ttrpc_out=${out})
      list(APPEND depends protoc_gen_ttrpc)
    endif()
    add_custom_command(
      OUTPUT ${outputs}
      COMMAND protobuf::protoc ${imports} ${flags} ${file}
      DEPENDS ${depends}
      COMMENT "Generating C++ from ${file}"
      VERBATIM)
    set_source_files_properties(${out}/${stem}.pb.cc PROPERTIES COMPILE_OPTIONS -w)
    list(APPEND sources ${outputs})
  endforeach()

  add_library(${arg_NAME} STATIC ${sources})
  add_custom_target(${arg_NAME}_sources DEPENDS ${sources})
  add_dependencies(generated_sources ${arg_NAME}_sources)
  # Before /usr/include, whose well-known types belong to the full runtime.
  target_include_directories(${arg_NAME} SYSTEM PUBLIC ${out})
  target_link_libraries(${arg_NAME}
    PUBLIC ${arg_LIBRARIES} third_party_protobuf_lite
    PRIVATE project_options small_code)
  set_target_properties(${arg_NAME} PROPERTIES PROTO_DIRECTORY ${directory})
endfunction()
