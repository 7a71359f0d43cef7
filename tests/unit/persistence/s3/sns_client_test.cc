#include "persistence/s3/sns_client.h"

#include <gtest/gtest.h>

namespace cachenode {
namespace {

TEST(ParseSnsTopic, ReadsRegionAndPartition) {
  const Result<SnsTopic> topic = ParseSnsTopic("arn:aws-cn:sns:cn-north-1:123456789012:my_topic");
  ASSERT_TRUE(topic);
  EXPECT_EQ(topic->region, "cn-north-1");
  EXPECT_EQ(topic->partition, "aws-cn");
  EXPECT_TRUE(ParseSnsTopic("arn:aws:sns:us-east-1:123456789012:t.fifo"));
}

TEST(ParseSnsTopic, RefusesWhatIsNoTopic) {
  for (const char* text : {"", "my-topic", "arn:aws:sqs:us-east-1:1:t", "arn:aws:sns:us-east-1:1", "arn:aws:sns::1:t",
                           "arn:aws:sns:us-east-1:me:t", "arn:aws:sns:us-east-1:1:", "arn:x:sns:us-east-1:1:t",
                           "arn:aws:sns:us-east-1:1:a:b", "arn:aws:sns:us/east:1:t"}) {
    const Result<SnsTopic> topic = ParseSnsTopic(text);
    ASSERT_FALSE(topic) << text;
    EXPECT_EQ(topic.status().code(), Err::kConfig);
  }
}

}  // namespace
}  // namespace cachenode
