# cachenode_layer(<name> SOURCES <file>... LINK <layer or library>...)
#
# Declares the static library of one layer. What it links is public: a layer's headers show the layers below.
# A layer without sources yet becomes an interface library, so that every commit configures.
function(cachenode_layer name)
  cmake_parse_arguments(PARSE_ARGV 1 layer "" "" "SOURCES;LINK;PRIVATE_LINK")
  if(layer_SOURCES)
    add_library(${name} STATIC ${layer_SOURCES})
    target_link_libraries(${name} PUBLIC ${layer_LINK} PRIVATE ${layer_PRIVATE_LINK})
  else()
    add_library(${name} INTERFACE)
    target_link_libraries(${name} INTERFACE ${layer_LINK} ${layer_PRIVATE_LINK})
  endif()
endfunction()
