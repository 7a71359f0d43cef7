/* hiredis: replies of every kind, long pipelines, binary values, channels, a connection closed by the server.
 * Argument: the port of a server on 127.0.0.1. Output as frame.mjs says. */
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int port;
static int failed;
static const char* current;
static int current_failed;

#define CHECK(condition)                                                             \
  do {                                                                               \
    if (!(condition)) {                                                              \
      printf("FAIL %s: line %d: %s\n", current, __LINE__, #condition);               \
      current_failed = 1;                                                            \
      return;                                                                        \
    }                                                                                \
  } while (0)

static redisContext* Connect(void) {
  const struct timeval limit = {20, 0};
  redisContext* context = redisConnectWithTimeout("127.0.0.1", port, limit);
  if (context == NULL || context->err != 0) {
    printf("FAIL %s: cannot connect\n", current);
    exit(1);
  }
  redisSetTimeout(context, limit);
  return context;
}

static void Replies(void) {
  redisContext* c = Connect();
  redisReply* r = redisCommand(c, "SET %s %b", "key", "a\0b\r\n", (size_t)5);
  CHECK(r != NULL && r->type == REDIS_REPLY_STATUS && strcmp(r->str, "OK") == 0);
  freeReplyObject(r);
  r = redisCommand(c, "GET key");
  CHECK(r != NULL && r->type == REDIS_REPLY_STRING && r->len == 5 && memcmp(r->str, "a\0b\r\n", 5) == 0);
  freeReplyObject(r);
  r = redisCommand(c, "GET missing");
  CHECK(r != NULL && r->type == REDIS_REPLY_NIL);
  freeReplyObject(r);
  r = redisCommand(c, "INCRBY n 41");
  CHECK(r != NULL && r->type == REDIS_REPLY_INTEGER && r->integer == 41);
  freeReplyObject(r);
  r = redisCommand(c, "LPUSH key x");
  CHECK(r != NULL && r->type == REDIS_REPLY_ERROR && strncmp(r->str, "WRONGTYPE", 9) == 0);
  freeReplyObject(r);
  r = redisCommand(c, "EVAL %s 0", "return {1, {'two', false}, {}}");
  CHECK(r != NULL && r->type == REDIS_REPLY_ARRAY && r->elements == 3 && r->element[1]->elements == 2);
  CHECK(r->element[1]->element[1]->type == REDIS_REPLY_NIL && r->element[2]->elements == 0);
  freeReplyObject(r);
  redisFree(c);
}

static void Pipeline(void) {
  enum { kCommands = 20000 };
  redisContext* c = Connect();
  for (int i = 0; i < kCommands; ++i) CHECK(redisAppendCommand(c, "INCR pipelined") == REDIS_OK);
  for (int i = 0; i < kCommands; ++i) {
    redisReply* r = NULL;
    CHECK(redisGetReply(c, (void**)&r) == REDIS_OK);
    CHECK(r->type == REDIS_REPLY_INTEGER && r->integer == i + 1);
    freeReplyObject(r);
  }
  redisFree(c);
}

static void LargeValue(void) {
  const size_t size = 8 * 1024 * 1024;
  char* value = malloc(size);
  CHECK(value != NULL);
  for (size_t i = 0; i < size; ++i) value[i] = (char)(i * 31 + i / 251);
  redisContext* c = Connect();
  redisReply* r = redisCommand(c, "SET large %b", value, size);
  CHECK(r != NULL && r->type == REDIS_REPLY_STATUS);
  freeReplyObject(r);
  r = redisCommand(c, "GET large");
  CHECK(r != NULL && r->len == size && memcmp(r->str, value, size) == 0);
  freeReplyObject(r);
  free(value);
  redisFree(c);
}

static void Channels(void) {
  redisContext* listener = Connect();
  redisContext* c = Connect();
  redisReply* r = redisCommand(listener, "SUBSCRIBE news");
  CHECK(r != NULL && r->elements == 3 && strcmp(r->element[0]->str, "subscribe") == 0);
  freeReplyObject(r);
  for (int i = 0; i < 100; ++i) {
    r = redisCommand(c, "PUBLISH news %d", i);
    CHECK(r != NULL && r->integer == 1);
    freeReplyObject(r);
  }
  for (int i = 0; i < 100; ++i) {
    CHECK(redisGetReply(listener, (void**)&r) == REDIS_OK);
    CHECK(r->elements == 3 && strcmp(r->element[0]->str, "message") == 0 && atoi(r->element[2]->str) == i);
    freeReplyObject(r);
  }
  redisFree(listener);
  redisFree(c);
}

static void ClosedByTheServer(void) {
  redisContext* victim = Connect();
  redisContext* c = Connect();
  redisReply* r = redisCommand(victim, "CLIENT ID");
  CHECK(r != NULL && r->type == REDIS_REPLY_INTEGER);
  const long long id = r->integer;
  freeReplyObject(r);
  r = redisCommand(c, "CLIENT KILL ID %lld", id);
  CHECK(r != NULL && r->type == REDIS_REPLY_INTEGER && r->integer == 1);
  freeReplyObject(r);
  r = redisCommand(victim, "PING");
  CHECK(r == NULL && victim->err != 0);
  CHECK(redisReconnect(victim) == REDIS_OK);
  r = redisCommand(victim, "PING");
  CHECK(r != NULL && strcmp(r->str, "PONG") == 0);
  freeReplyObject(r);
  redisFree(victim);
  redisFree(c);
}

static void Run(const char* name, void (*body)(void)) {
  current = name;
  current_failed = 0;
  body();
  if (current_failed == 0) printf("ok %s\n", name);
  failed |= current_failed;
  fflush(stdout);
}

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  port = atoi(argv[1]);
  Run("replies of every kind", Replies);
  Run("a pipeline of 20000", Pipeline);
  Run("a large value", LargeValue);
  Run("channels", Channels);
  Run("closed by the server", ClosedByTheServer);
  return failed;
}
