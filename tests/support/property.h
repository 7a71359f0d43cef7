// How long a property test runs, and from which seed, as the command line of ./test decides.
//
//   CACHENODE_TEST_SCALE=20   twenty times the rounds (1 when unset: what the inner loop can bear)
//   CACHENODE_TEST_SEED=42    this seed; "random" takes one from the system; 1 when unset
//
// Thread-safety: any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace cachenode {

// `rounds` times the scale.
size_t PropertyRounds(size_t rounds);

// The seed of this process: the same at each call, so that a failure can be run again.
uint64_t PropertySeed();

// "CACHENODE_TEST_SEED=42", for SCOPED_TRACE: a failure then prints how to see it again.
std::string PropertyTrace();

}  // namespace cachenode
