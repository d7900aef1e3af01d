# add_folder(NAME SOURCES … PUBLIC … PRIVATE …): one folder is one static library. It links those whose headers it
# includes; which ones it may include is the order in CONTRIBUTING.md.
function(add_folder name)
  cmake_parse_arguments(arg "" "" "SOURCES;PUBLIC;PRIVATE" ${ARGN})
  add_library(${name} STATIC ${arg_SOURCES})
  target_link_libraries(${name} PUBLIC ${arg_PUBLIC} PRIVATE ${arg_PRIVATE})
endfunction()
