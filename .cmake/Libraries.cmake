# Libraries from the distribution, found once for all folders. Their headers are system headers: their warnings
# are not ours.
find_package(OpenSSL REQUIRED)
find_package(CURL REQUIRED)
find_package(PkgConfig REQUIRED)
find_package(fmt REQUIRED)
pkg_check_modules(LIBUV REQUIRED IMPORTED_TARGET libuv>=1.44)
pkg_check_modules(LIBURING REQUIRED IMPORTED_TARGET liburing>=2.2)

# The interpreter of scripts and its JSON library, both linked statically. Debian builds the second for the C API of
# Lua 5.1, which LuaJIT keeps.
pkg_check_modules(LUAJIT REQUIRED luajit)
find_library(LUAJIT_ARCHIVE NAMES libluajit-5.1.a REQUIRED)
find_library(LUA_CJSON_ARCHIVE NAMES liblua5.1-cjson.a REQUIRED)
add_library(cachenode_lua INTERFACE)
target_include_directories(cachenode_lua SYSTEM INTERFACE ${LUAJIT_INCLUDE_DIRS})
target_link_libraries(cachenode_lua INTERFACE ${LUA_CJSON_ARCHIVE} ${LUAJIT_ARCHIVE} m ${CMAKE_DL_LIBS})

# Headers only, with XXH_INLINE_ALL.
find_path(XXHASH_INCLUDE xxhash.h REQUIRED)
add_library(cachenode_xxhash INTERFACE)
target_include_directories(cachenode_xxhash SYSTEM INTERFACE ${XXHASH_INCLUDE})

find_path(LZF_INCLUDE lzf.h PATH_SUFFIXES liblzf REQUIRED)
find_library(LZF_LIBRARY NAMES lzf REQUIRED)
add_library(cachenode_lzf INTERFACE)
target_include_directories(cachenode_lzf SYSTEM INTERFACE ${LZF_INCLUDE})
target_link_libraries(cachenode_lzf INTERFACE ${LZF_LIBRARY})

# Headers only: the library is loaded when a node has a metrics-port.
find_path(MICROHTTPD_INCLUDE microhttpd.h REQUIRED)
