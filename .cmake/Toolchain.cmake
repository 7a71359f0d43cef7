# Compiler, linker and warning flags. They stand on the interface target cachenode_flags, which every target of
# ours links, so that nothing of them leaks into a library that is not ours.
include(CheckCXXCompilerFlag)
include(CheckLinkerFlag)

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()

# Our option decides about assert(), not the build type.
foreach(type RELEASE RELWITHDEBINFO MINSIZEREL)
  string(REPLACE "-DNDEBUG" "" CMAKE_CXX_FLAGS_${type} "${CMAKE_CXX_FLAGS_${type}}")
endforeach()

if(NOT CMAKE_CXX_COMPILER_LAUNCHER)
  find_program(CCACHE_PROGRAM ccache)
  if(CCACHE_PROGRAM)
    set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE_PROGRAM})
  endif()
endif()

find_package(Threads REQUIRED)
add_library(cachenode_flags INTERFACE)
target_include_directories(cachenode_flags INTERFACE ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR}/generated)
target_link_libraries(cachenode_flags INTERFACE Threads::Threads)

target_compile_options(cachenode_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wold-style-cast -Wcast-align
  -Wnon-virtual-dtor -Woverloaded-virtual -Wimplicit-fallthrough -Wformat=2 -Wundef -Werror
  -ffunction-sections -fdata-sections
  # Nodes are objects of several types laid into raw blocks, and trees of different leaves share their code. With type
  # based aliasing GCC 12's link-time optimisation made a stream's cursor show its last entry twice.
  -fno-strict-aliasing
  # Readable stacks where speed is not measured; the crash report unwinds without them.
  $<$<NOT:$<CONFIG:Release>>:-fno-omit-frame-pointer>)
target_link_options(cachenode_flags INTERFACE -Wl,--gc-sections -Wl,--as-needed -Wl,--fatal-warnings)

if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  target_compile_options(cachenode_flags INTERFACE -Wthread-safety)
elseif(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # GCC 12 reports overlaps inside std::string that cannot happen (its bug 105651).
  target_compile_options(cachenode_flags INTERFACE -Wno-restrict)
  # GCC's own opinion on the ABI of arguments; it says nothing about this code.
  target_compile_options(cachenode_flags INTERFACE -Wno-psabi)
endif()

if(NOT CACHENODE_ASSERTS)
  target_compile_definitions(cachenode_flags INTERFACE NDEBUG)
endif()

if(CACHENODE_LTO AND CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  # The only linker here that reads Clang's objects; it does for every executable, the tests' too.
  target_link_options(cachenode_flags INTERFACE -fuse-ld=lld)
elseif(CACHENODE_LINKER)
  find_program(LINKER_PROGRAM NAMES ld.${CACHENODE_LINKER} ${CACHENODE_LINKER})
  if(LINKER_PROGRAM)
    target_link_options(cachenode_flags INTERFACE -fuse-ld=${CACHENODE_LINKER})
  endif()
endif()

if(CACHENODE_SANITIZE)
  target_compile_options(cachenode_flags INTERFACE
    -fsanitize=${CACHENODE_SANITIZE} -fno-sanitize-recover=all -fno-optimize-sibling-calls)
  target_link_options(cachenode_flags INTERFACE -fsanitize=${CACHENODE_SANITIZE})
  if(CACHENODE_SANITIZE MATCHES "thread" AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # Says that fences are not modelled; standard library headers have some. Ours use none.
    target_compile_options(cachenode_flags INTERFACE -Wno-tsan)
  endif()
  # The instrumented code defeats the flow analysis behind these two in GCC 12.
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_compile_options(cachenode_flags INTERFACE -Wno-maybe-uninitialized -Wno-stringop-overflow)
  endif()
endif()

if(CACHENODE_FUZZ AND NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  message(FATAL_ERROR "CACHENODE_FUZZ needs Clang: GCC has no libFuzzer")
endif()
