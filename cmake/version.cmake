# The version: that of project() in CMakeLists.txt, and how far the commit is from the last tag vX.Y.Z. `0.1.0` at the tag,
# `0.1.0+14.gabc1234` behind it, `.dirty` with changed files; `0.1.0+unknown` without a tag or .git. A tarball has it
# in the file VERSION. A script, because a commit changes it and does not run the configuration again:
#
#   cmake -P cmake/version.cmake                    prints it
#   cmake -D OUTPUT=FILE -P cmake/version.cmake     writes a source file that defines base::version, if it changed
get_filename_component(source ${CMAKE_CURRENT_LIST_DIR} DIRECTORY)

file(STRINGS ${source}/CMakeLists.txt project REGEX "^project\\(")
string(REGEX MATCH " VERSION ([0-9.]+)" project "${project}")
set(version ${CMAKE_MATCH_1})

if(EXISTS ${source}/VERSION)
  file(STRINGS ${source}/VERSION version LIMIT_COUNT 1)
else()
  set(described "")
  if(EXISTS ${source}/.git) # not that of a folder above, in which a copy without .git may be
    execute_process(
      COMMAND git -C ${source} describe --tags --long --dirty --abbrev=7 --match "v[0-9]*"
      OUTPUT_VARIABLE described OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  endif()
  string(REPLACE "-dirty" ".dirty" described "${described}")
  string(REGEX REPLACE "^.*-([0-9]+)-(g[^-]+)$" "+\\1.\\2" described "${described}")
  if(described STREQUAL "")
    string(APPEND version "+unknown")
  elseif(NOT described MATCHES "^\\+0\\.g[0-9a-f]+$")
    string(APPEND version ${described})
  endif()
endif()

if(OUTPUT)
  file(CONFIGURE OUTPUT ${OUTPUT} @ONLY CONTENT [[
#include "base/version.hpp"

constexpr std::string_view base::version = "@version@";
]])
else()
  execute_process(COMMAND ${CMAKE_COMMAND} -E echo ${version})
endif()
