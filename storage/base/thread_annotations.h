// Clang's thread-safety attributes under readable names. They expand to nothing elsewhere.
#pragma once

#if defined(__clang__)
#define CACHENODE_THREAD_ATTRIBUTE(x) __attribute__((x))
#else
#define CACHENODE_THREAD_ATTRIBUTE(x)
#endif

// A class that is a lock.
#define CACHENODE_CAPABILITY(name) CACHENODE_THREAD_ATTRIBUTE(capability(name))
// A class whose constructor takes a lock and whose destructor gives it back.
#define CACHENODE_SCOPED_CAPABILITY CACHENODE_THREAD_ATTRIBUTE(scoped_lockable)
// A member that is touched only under the lock.
#define CACHENODE_GUARDED_BY(lock) CACHENODE_THREAD_ATTRIBUTE(guarded_by(lock))
// What a pointer member points at is touched only under the lock.
#define CACHENODE_PT_GUARDED_BY(lock) CACHENODE_THREAD_ATTRIBUTE(pt_guarded_by(lock))
// A function that is called with the lock held.
#define CACHENODE_REQUIRES(...) CACHENODE_THREAD_ATTRIBUTE(requires_capability(__VA_ARGS__))
// A function that is called without the lock.
#define CACHENODE_EXCLUDES(...) CACHENODE_THREAD_ATTRIBUTE(locks_excluded(__VA_ARGS__))
#define CACHENODE_ACQUIRE(...) CACHENODE_THREAD_ATTRIBUTE(acquire_capability(__VA_ARGS__))
#define CACHENODE_TRY_ACQUIRE(...) CACHENODE_THREAD_ATTRIBUTE(try_acquire_capability(__VA_ARGS__))
#define CACHENODE_RELEASE(...) CACHENODE_THREAD_ATTRIBUTE(release_capability(__VA_ARGS__))
// Tells the analysis that the lock is held where it cannot see so.
#define CACHENODE_ASSERT_HELD(...) CACHENODE_THREAD_ATTRIBUTE(assert_capability(__VA_ARGS__))
// The body is beyond the analysis; the reason stands beside it.
#define CACHENODE_NO_THREAD_SAFETY_ANALYSIS CACHENODE_THREAD_ATTRIBUTE(no_thread_safety_analysis)
