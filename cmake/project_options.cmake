# Everything that decides how our own code is compiled. Libraries of others never see these flags.
option(WG_DNSD_BUILD_TESTS "Build the tests" ON)
option(WG_DNSD_WERROR "Treat warnings as errors (presets and CI; packagers leave it off)" OFF)
option(WG_DNSD_FUZZ "Build the fuzz targets with libFuzzer (clang); otherwise they only replay their corpus" OFF)
option(WG_DNSD_HARDEN "Hardening flags of a release" OFF)
option(WG_DNSD_UNITY "Compile the sources of a folder together, a few at a time: half of the time in all, more after a change" OFF)
set(WG_DNSD_SANITIZE "" CACHE STRING "Sanitizers, as -fsanitize= takes them: address,undefined or thread")
option(WG_DNSD_SANITIZE_TESTS "Sanitizers also in what tests/ adds to the programs' own libraries" ON)

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "" FORCE)
endif()

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE_PROGRAM})
endif()

add_library(project_options INTERFACE)
target_include_directories(project_options INTERFACE ${PROJECT_SOURCE_DIR}/lib ${PROJECT_SOURCE_DIR})
target_compile_options(
  project_options
  INTERFACE -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wold-style-cast -Wnon-virtual-dtor
            -Wimplicit-fallthrough -Wvla)
# In a unity build a local name may shadow a name of another source.
set(is_unity "$<AND:$<BOOL:$<TARGET_PROPERTY:UNITY_BUILD>>,$<CXX_COMPILER_ID:GNU>>")
target_compile_options(project_options INTERFACE $<IF:${is_unity},-Wshadow=local,-Wshadow>)
if(WG_DNSD_WERROR)
  target_compile_options(project_options INTERFACE -Werror)
endif()
if(CMAKE_BUILD_TYPE STREQUAL "Debug")
  target_compile_definitions(project_options INTERFACE _GLIBCXX_ASSERTIONS)
endif()
if(WG_DNSD_SANITIZE)
  add_compile_options(-fsanitize=${WG_DNSD_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${WG_DNSD_SANITIZE})
  if(WG_DNSD_SANITIZE MATCHES "thread" AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # Asio has fences, which g++'s ThreadSanitizer does not see; that is a warning, and no finding of ours. Its code also
    # makes g++ 12 warn of memory that is in order; release has these warnings.
    add_compile_options(-Wno-tsan -Wno-maybe-uninitialized -Wno-free-nonheap-object)
  endif()
endif()
if(WG_DNSD_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
if(WG_DNSD_HARDEN)
  add_compile_options(-fstack-protector-strong -fstack-clash-protection -D_FORTIFY_SOURCE=2 -D_GLIBCXX_ASSERTIONS)
  add_link_options(-Wl,-z,relro,-z,now,-z,noexecstack)
  set(CMAKE_POSITION_INDEPENDENT_CODE ON)
  add_link_options($<$<STREQUAL:$<TARGET_PROPERTY:TYPE>,EXECUTABLE>:-pie>)
endif()
