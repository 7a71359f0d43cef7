# cachenode_layer(<name> SOURCES <file>... LINK <library>... PRIVATE_LINK <library>...)
#
# Declares the static library of one layer. A layer without sources yet becomes an interface library, so that every
# commit configures.
function(cachenode_layer name)
  cmake_parse_arguments(PARSE_ARGV 1 layer "" "" "SOURCES;LINK;PRIVATE_LINK")
  if(layer_SOURCES)
    add_library(${name} STATIC ${layer_SOURCES})
    target_link_libraries(${name} PUBLIC ${layer_LINK} PRIVATE ${layer_PRIVATE_LINK})
    cachenode_link_time_optimisation(${name})
  else()
    add_library(${name} INTERFACE)
    target_link_libraries(${name} INTERFACE ${layer_LINK} ${layer_PRIVATE_LINK})
  endif()
endfunction()

# cachenode_link_time_optimisation(<target>): follows CACHENODE_LTO as it stands in the caller's scope; tests/ turns
# it off, since optimising the whole program once per test executable would cost minutes.
function(cachenode_link_time_optimisation target)
  if(NOT CACHENODE_LTO)
    return()
  endif()
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # Fat objects, so that tests link the same objects without it. Two link jobs: the machines have two cores.
    target_compile_options(${target} PRIVATE -flto=2 -ffat-lto-objects)
    target_link_options(${target} PRIVATE -flto=2 -Wodr -Wlto-type-mismatch)
  else()
    target_compile_options(${target} PRIVATE -flto=thin)
    target_link_options(${target} PRIVATE -flto=thin)
  endif()
endfunction()
