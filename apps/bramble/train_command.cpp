// bramble train: a data set in, a model package out.
#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>

#include "bramble/core/error.hpp"
#include "bramble/model/segmenter.hpp"
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
    for (const char* extension : {".pth", ".pt", ".bin", ".safetensors"}) {
      const std::string name = entry.path().filename().string();
      if (entry.path().extension() == extension && (name.starts_with(backbone + "-") || name == backbone + extension))
        return entry.path();
    }
  fail("no ImageNet weights of {} under {}; run ./bramble setup, or give --weights FILE (or none)", backbone,
       root.string());
}

void add_train_command(CLI::App& app, CommonOptions& common) {
  auto* command = app.add_subcommand("train", "Train ACF-Net on a data set");
  struct Options {
    TrainOptions train;
    std::string weights = "imagenet", size;
    bool fresh = false;
  };
  auto options = std::make_shared<Options>();
  auto& train_options = options->train;
  command->add_option("--train", train_options.train_data, "data set to learn from")->required();
  command->add_option("--val", train_options.val_data, "data set that chooses the best epoch")->required();
  command->add_option("-o,--output", train_options.output, "model package to make")->required();
  // The file comes first: options are taken in this order, so flags win over it.
  command->add_option_function<std::string>(
      "--config",
      [options](const std::string& file) {
        static_cast<TrainConfig&>(options->train) = load_train_config(file, options->train);
      },
      "file with any of the options below (docs/guide/training.md); flags win over it");
  const auto group = [&](const char* name) {
    auto* made = command->add_option_group(name);
    return made;
  };
  auto* model = group("Model");
  model->add_option("--model", train_options.architecture, "acfnet, deeplabv3plus or lraspp")->capture_default_str();
  model->add_option("--backbone", train_options.backbone, "efficientnet-lite0 to -lite4, efficientnet-b0 to -b7")
      ->capture_default_str();
  model->add_option("--decoder", train_options.decoder, "acfnet: skip2, skip4 or none");
  model->add_option("--output-stride", train_options.output_stride, "8 or 16")->capture_default_str();
  model
      ->add_option(
          "--weights", options->weights,
          "ImageNet weights: a file of EfficientNet-PyTorch, torchvision or timm (.pth, .safetensors), or none")
      ->capture_default_str();
  model->add_option("--size", options->size, "network input, WIDTHxHEIGHT; default: the data set's");
  auto* machine = group("Machine");
  machine->add_option("--device", train_options.device, "auto, cpu, cuda or cuda:N")->capture_default_str();
  machine
      ->add_option("--precision", train_options.precision,
                   "f32, bf16, f16 (GPU), or auto: bf16 on a GPU, f32 elsewhere")
      ->capture_default_str();
  auto* course = group("Course");
  course->add_option("--epochs", train_options.epochs)->capture_default_str();
  course->add_option("--batch", train_options.batch, "samples a step")->capture_default_str();
  course
      ->add_option("--micro-batches", train_options.micro_batches,
                   "parts of a batch with batch norms of their own; 0: as many as processes")
      ->capture_default_str();
  course
      ->add_option("--patience", train_options.patience,
                   "end after so many epochs without a better validation mIoU; 0: never")
      ->capture_default_str();
  course->add_option("--seed", train_options.seed)->capture_default_str();
  course->add_option("--limit", train_options.limit, "use only so many samples of each set");
  course->add_flag("--no-resume", options->fresh, "start anew even where an unfinished training lies");
  auto* optimizer = group("Optimizer");
  optimizer->add_option("--optimizer", train_options.optimizer, "adamw or sgd")->capture_default_str();
  optimizer->add_option("--lr", train_options.learning_rate, "learning rate of the head")->capture_default_str();
  optimizer->add_option("--backbone-factor", train_options.backbone_factor, "the backbone's rate beside the head's")
      ->capture_default_str();
  optimizer->add_option("--weight-decay", train_options.weight_decay)->capture_default_str();
  optimizer->add_option("--momentum", train_options.momentum, "of sgd")->capture_default_str();
  optimizer->add_option("--schedule", train_options.schedule, "poly or cosine")->capture_default_str();
  optimizer->add_option("--warm-up", train_options.warm_up, "share of the steps")->capture_default_str();
  optimizer->add_option("--ema", train_options.ema, "decay of the averaged weights; 0: none")->capture_default_str();
  auto* loss = group("Loss");
  loss->add_option("--aux-weight", train_options.loss.aux_weight, "of the coarse map's loss")->capture_default_str();
  loss->add_option("--label-smoothing", train_options.loss.label_smoothing)->capture_default_str();
  loss->add_option("--ohem", train_options.loss.ohem, "share of the hardest pixels that count")->capture_default_str();
  loss->add_option("--dice", train_options.loss.dice, "weight of the Dice loss")->capture_default_str();
  loss->add_option("--lovasz", train_options.loss.lovasz, "weight of the Lovász-softmax loss")->capture_default_str();
  loss->add_option("--class-weighting", train_options.class_weighting, "power, log, median or none")
      ->capture_default_str();
  loss->add_option("--class-balance", train_options.class_balance, "0 to 1: how much rare classes weigh more (power)")
      ->capture_default_str();
  auto* augment = group("Augmentation");
  augment->add_option("--scale-low", train_options.augment.scale_low, "smallest zoom")->capture_default_str();
  augment->add_option("--scale-high", train_options.augment.scale_high, "largest zoom")->capture_default_str();
  augment
      ->add_option("--class-crop", train_options.augment.class_crop,
                   "chance of a window around a class drawn evenly from the picture's")
      ->capture_default_str();
  augment->add_option("--blur", train_options.augment.blur_chance, "chance of a soft lens")->capture_default_str();
  augment->add_option("--noise", train_options.augment.noise_chance, "chance of sensor noise")->capture_default_str();
  augment->add_option("--jpeg", train_options.augment.jpeg_chance, "chance of JPEG compression")->capture_default_str();
  augment->add_option("--weather", train_options.augment.weather_chance, "chance of fog, rain, dusk or glare")
      ->capture_default_str();
  command->footer(
      "Ctrl-C keeps the last whole epoch; the same command goes on from there. training.html in the output folder "
      "shows\n"
      "the course. Started by torchrun, mpirun or srun, all processes share every batch.\n"
      "Examples:\n"
      "  bramble train --train data/train --val data/val -o models/mine\n"
      "  bramble train --train data/train --val data/val -o models/small --size 256x192 --epochs 10 --config "
      "train.yaml");
  command->callback([options, &common] {
    auto& train_options = options->train;
    train_options.validate();
    train_options.processes = process_place([](const char* name) {
      const char* value = std::getenv(name);
      return std::string(value ? value : "");
    });
    if (!options->size.empty()) std::tie(train_options.width, train_options.height) = parse_size(options->size);
    if (options->weights == "imagenet")
      train_options.weights = find_pretrained(train_options.backbone);
    else if (options->weights != "none")
      train_options.weights = options->weights;
    train_options.resume = !options->fresh;
    train_options.version = BRAMBLE_VERSION;
    const TrainReport report = train(train_options);
    if (train_options.processes.rank > 0) return;
    fmt::print("{}: best epoch {} of {}{}, validation accuracy {:.1f} %, mIoU {:.1f} %{}\n",
               train_options.output.string(), report.best_epoch, report.history.size(),
               report.stopped_early ? " (ended early)" : "", 100 * report.best_accuracy, 100 * report.best_miou,
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
