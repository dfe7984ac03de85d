#include "bramble/train/process_group.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <map>

#include "bramble/core/error.hpp"

namespace bramble {
namespace {

using testing::HasSubstr;
using Variables = std::map<std::string, std::string>;

ProcessPlace place(const Variables& variables) {
  return process_place([&](const char* name) {
    const auto found = variables.find(name);
    return found == variables.end() ? std::string() : found->second;
  });
}

std::string refusal(const Variables& variables) {
  try {
    place(variables);
  } catch (const Error& error) {
    return error.what();
  }
  return "it was taken";
}

TEST(ProcessPlace, IsOneProcessWithoutVariables) {
  EXPECT_EQ(place({}).size, 1);
  EXPECT_EQ(place({{"RANK", "0"}, {"WORLD_SIZE", "1"}}).size, 1);
  // A batch script of Slurm is no step of several tasks.
  EXPECT_EQ(place({{"SLURM_PROCID", "0"}, {"SLURM_NTASKS", "8"}, {"SLURM_JOB_ID", "7"}}).size, 1);
}

TEST(ProcessPlace, TakesTheVariablesOfEachStarter) {
  ProcessPlace p = place({{"RANK", "2"}, {"WORLD_SIZE", "4"}, {"MASTER_ADDR", "10.0.0.1"}, {"MASTER_PORT", "1234"}});
  EXPECT_EQ(p.rank, 2);
  EXPECT_EQ(p.size, 4);
  EXPECT_EQ(p.address, "10.0.0.1");
  EXPECT_EQ(p.port, 1234);
  p = place({{"OMPI_COMM_WORLD_RANK", "1"}, {"OMPI_COMM_WORLD_SIZE", "2"}, {"OMPI_COMM_WORLD_LOCAL_SIZE", "2"}});
  EXPECT_EQ(p.rank, 1);
  EXPECT_EQ(p.address, "127.0.0.1");
  EXPECT_EQ(p.port, 29500);
  p = place({{"PMI_RANK", "1"}, {"PMI_SIZE", "3"}, {"MASTER_ADDR", "head"}});
  EXPECT_EQ(p.size, 3);
  EXPECT_EQ(p.address, "head");
  p = place({{"SLURM_PROCID", "5"},
             {"SLURM_STEP_NUM_TASKS", "8"},
             {"SLURM_STEP_NODELIST", "cn[03-07,11],login"},
             {"SLURM_JOB_ID", "123456"}});
  EXPECT_EQ(p.rank, 5);
  EXPECT_EQ(p.address, "cn03");
  EXPECT_EQ(p.port, 29956);
  EXPECT_EQ(
      place({{"SLURM_PROCID", "0"}, {"SLURM_STEP_NUM_TASKS", "2"}, {"SLURM_STEP_NODELIST", "alpha,beta"}}).address,
      "alpha");
}

TEST(ProcessPlace, RefusesContradictions) {
  EXPECT_THAT(refusal({{"RANK", "4"}, {"WORLD_SIZE", "4"}, {"MASTER_ADDR", "a"}}), HasSubstr("not below"));
  EXPECT_THAT(refusal({{"RANK", "x"}, {"WORLD_SIZE", "4"}}), HasSubstr("RANK='x'"));
  EXPECT_THAT(refusal({{"RANK", "0"}, {"WORLD_SIZE", "4"}}), HasSubstr("MASTER_ADDR"));
  EXPECT_THAT(
      refusal({{"OMPI_COMM_WORLD_RANK", "0"}, {"OMPI_COMM_WORLD_SIZE", "4"}, {"OMPI_COMM_WORLD_LOCAL_SIZE", "2"}}),
      HasSubstr("MASTER_ADDR"));
  EXPECT_THAT(refusal({{"RANK", "0"}, {"WORLD_SIZE", "2"}, {"MASTER_ADDR", "a"}, {"MASTER_PORT", "70000"}}),
              HasSubstr("MASTER_PORT"));
}

TEST(ProcessGroup, IsAloneWhereNobodyStartedSeveral) {
  ProcessGroup group({}, torch::kCPU);
  EXPECT_TRUE(group.alone());
  EXPECT_EQ(group.from_first("text"), "text");
}

// The whole way through the backend, with one process: test_training.py runs two. (NCCL wants a GPU for each.)
void expect_sums_of_one(const torch::Device& device) {
  ProcessPlace place;
  place.origin = "the test";
  place.address = "127.0.0.1";  // port 0: any
  ProcessGroup group(place, device);
  EXPECT_FALSE(group.alone());
  torch::Tensor a = torch::arange(6, torch::TensorOptions(device)).to(torch::kFloat).view({2, 3});
  const torch::Tensor b = torch::full({1}, 7.0F, torch::TensorOptions(device)), before = a.clone();
  group.sum({a, b});
  EXPECT_TRUE(torch::equal(a, before));
  EXPECT_EQ(b.item<float>(), 7);
  EXPECT_EQ(group.sum(std::vector<double>{0.1, -3}), (std::vector<double>{0.1, -3}));
  EXPECT_EQ(group.sum(std::vector<std::uint64_t>{1ULL << 60, 3}), (std::vector<std::uint64_t>{1ULL << 60, 3}));
  EXPECT_EQ(group.from_first(std::string("a\0b", 3)), std::string("a\0b", 3));
  EXPECT_EQ(group.from_first(""), "");
}

TEST(ProcessGroup, SumsThroughGloo) {
  try {
    expect_sums_of_one(torch::kCPU);
  } catch (const Error& error) {
    if (!std::string(error.what()).ends_with("libtorch")) throw;
    GTEST_SKIP() << error.what();
  }
}

TEST(ProcessGroup, SumsThroughNcclOnAGpu) {
  if (!torch::cuda::is_available()) GTEST_SKIP() << "no GPU that this libtorch knows";
  expect_sums_of_one(torch::Device(torch::kCUDA, 0));
}

}  // namespace
}  // namespace bramble
