# The allocator behind malloc and new. cachenode_allocator carries CACHENODE_ALLOCATOR_{JEMALLOC,MIMALLOC,LIBC}=1
# for storage/base/memory.h, and links what replaces malloc. A sanitizer brings its own, so it forces libc.
add_library(cachenode_allocator INTERFACE)

if(CACHENODE_SANITIZE OR CACHENODE_FUZZ)
  set(allocator libc)
else()
  set(allocator ${CACHENODE_ALLOCATOR})
endif()

if(allocator STREQUAL "jemalloc")
  find_path(JEMALLOC_INCLUDE jemalloc/jemalloc.h REQUIRED)
  # The static library saves the indirect call on each allocation. Its -pic form fits a PIE.
  find_library(JEMALLOC_LIBRARY NAMES libjemalloc_pic.a jemalloc REQUIRED)
  target_include_directories(cachenode_allocator SYSTEM INTERFACE ${JEMALLOC_INCLUDE})
  target_link_libraries(cachenode_allocator INTERFACE ${JEMALLOC_LIBRARY} m dl)
  target_compile_definitions(cachenode_allocator INTERFACE CACHENODE_ALLOCATOR_JEMALLOC=1)
elseif(allocator STREQUAL "mimalloc")
  find_path(MIMALLOC_INCLUDE mimalloc.h PATH_SUFFIXES mimalloc-2.0 REQUIRED)
  find_library(MIMALLOC_LIBRARY NAMES mimalloc REQUIRED)
  target_include_directories(cachenode_allocator SYSTEM INTERFACE ${MIMALLOC_INCLUDE})
  # Shared, and kept even if only malloc is used: it replaces the C library's by being loaded before it.
  target_link_libraries(cachenode_allocator INTERFACE
    -Wl,--push-state,--no-as-needed ${MIMALLOC_LIBRARY} -Wl,--pop-state)
  target_compile_definitions(cachenode_allocator INTERFACE CACHENODE_ALLOCATOR_MIMALLOC=1)
elseif(allocator STREQUAL "libc")
  target_compile_definitions(cachenode_allocator INTERFACE CACHENODE_ALLOCATOR_LIBC=1)
else()
  message(FATAL_ERROR "CACHENODE_ALLOCATOR is jemalloc, mimalloc or libc, not '${CACHENODE_ALLOCATOR}'")
endif()
