// bramble train: a data set in, a model package out.
#include <fmt/format.h>

#include <cstdio>

#include "bramble/core/error.hpp"
#include "bramble/train/trainer.hpp"
#include "command.hpp"
#include "pretrained.hpp"
#include "sizes.hpp"

namespace bramble {

std::filesystem::path find_pretrained(const std::string& backbone) {
  const char* folder = std::getenv("BRAMBLE_WEIGHTS_DIR");
  const std::filesystem::path root = folder ? std::filesystem::path(folder) : home_folder() / ".deps" / "weights";
  std::error_code error;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root, error))
    if (entry.path().extension() == ".pth" && entry.path().filename().string().starts_with(backbone + "-"))
      return entry.path();
  fail("no ImageNet weights of {} under {}; run ./bramble setup, or give --weights FILE (or none)", backbone,
       root.string());
}

void add_train_command(CLI::App& app, CommonOptions& common) {
  auto* command = app.add_subcommand("train", "Train ACF-Net on a data set");
  struct Options {
    TrainOptions train;
    std::string weights = "imagenet", size, model = "acfnet";
    bool fresh = false;
  };
  auto options = std::make_shared<Options>();
  command->add_option("--train", options->train.train_data, "data set to learn from")->required();
  command->add_option("--val", options->train.val_data, "data set that chooses the best epoch")->required();
  command->add_option("-o,--output", options->train.output, "model package to make")->required();
  command->add_option("--model", options->model, "architecture")
      ->check(CLI::IsMember({"acfnet"}))
      ->capture_default_str();
  command->add_option("--backbone", options->train.backbone, "efficientnet-lite0, -lite1 or -lite2")
      ->capture_default_str();
  command->add_option("--decoder", options->train.decoder, "skip4 or none")->capture_default_str();
  command->add_option("--weights", options->weights, "file with ImageNet weights, or none")->capture_default_str();
  command->add_option("--epochs", options->train.epochs)->check(CLI::PositiveNumber)->capture_default_str();
  command->add_option("--batch", options->train.batch)->check(CLI::PositiveNumber)->capture_default_str();
  command->add_option("--size", options->size, "network input, WIDTHxHEIGHT; default: the data set's");
  command->add_option("--lr", options->train.learning_rate, "learning rate of the head")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command->add_option("--seed", options->train.seed)->capture_default_str();
  command->add_option("--limit", options->train.limit, "use only so many samples of each set");
  command->add_option("--class-balance", options->train.class_balance, "0 to 1: how much rare classes weigh more")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  command->add_flag("--no-resume", options->fresh, "start anew even where an unfinished training lies");
  command->footer(
      "Ctrl-C keeps the last whole epoch; the same command goes on from there.\n"
      "Examples:\n"
      "  bramble train --train data/train --val data/val -o models/mine\n"
      "  bramble train --train data/train --val data/val -o models/small --size 256x192 --epochs 10");
  command->callback([options, &common] {
    auto& train_options = options->train;
    if (!options->size.empty()) std::tie(train_options.width, train_options.height) = parse_size(options->size);
    if (options->weights == "imagenet")
      train_options.weights = find_pretrained(train_options.backbone);
    else if (options->weights != "none")
      train_options.weights = options->weights;
    train_options.resume = !options->fresh;
    train_options.version = BRAMBLE_VERSION;
    const TrainReport report = train(train_options);
    fmt::print("{}: best epoch {} of {}, validation accuracy {:.1f} %, mIoU {:.1f} %{}\n",
               train_options.output.string(), report.best_epoch, report.history.size(), 100 * report.best_accuracy,
               100 * report.best_miou,
               report.was_complete ? " (was already trained)"
                                   : fmt::format(", {:.1f} samples/s, {:.1f} % of the time waiting for samples",
                                                 report.samples_per_s, 100 * report.wait_share));
    write_json(common, {{"best_epoch", report.best_epoch},
                        {"val_accuracy", report.best_accuracy},
                        {"val_miou", report.best_miou},
                        {"samples_per_s", report.samples_per_s},
                        {"wait_share", report.wait_share},
                        {"history", report.history}});
  });
}

}  // namespace bramble
