# add_folder(NAME SOURCES … PUBLIC … PRIVATE …): one folder is one static library. It links those whose headers it
# includes; which ones it may include is the order in tests/structure/order_test.py.
function(add_folder name)
  cmake_parse_arguments(arg "" "" "SOURCES;PUBLIC;PRIVATE" ${ARGN})
  add_library(${name} STATIC ${arg_SOURCES})
  target_link_libraries(${name} PUBLIC ${arg_PUBLIC} PRIVATE ${arg_PRIVATE})
  compile_together(${name})
endfunction()

# compile_together(TARGET): with WG_DNSD_UNITY its sources are compiled a few at a time as one, because most of the time
# goes to the headers of libraries, which they share. Then a name in an anonymous namespace must be unique in the
# folder. A source that shall stay apart has the property SKIP_UNITY_BUILD_INCLUSION.
function(compile_together target)
  if(WG_DNSD_UNITY)
    set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 8)
    if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
      # g++ takes a source that is included for a header, and warns of its anonymous namespaces.
      target_compile_options(${target} PRIVATE -Wno-subobject-linkage)
    endif()
  endif()
endfunction()
