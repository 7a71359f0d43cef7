// libcurl, loaded when the first transfer needs it instead of with the program.
//
// Why: it brings thirty libraries along, which cost an empty node 3 MB of memory and 10 ms of its start; most nodes
//   never talk to an object store. The functions of curl/curl.h that this folder calls are defined in curl_library.cc
//   and forward to the library.
// Thread-safety: any thread.
#pragma once

#include "storage/base/status.h"

namespace cachenode {

// Loads and initialises libcurl once; later calls answer the same. Error: kUnavailable with the loader's reason. No
// other function of this folder's HTTP side may be called before it was Ok.
Status LoadCurl();

}  // namespace cachenode
