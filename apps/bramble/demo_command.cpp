// bramble demo: the whole story in one call.
#include <fmt/format.h>

#include <memory>

#include "bramble/story/story.hpp"
#include "command.hpp"
#include "pretrained.hpp"
#include "sizes.hpp"

namespace bramble {

void add_demo_command(CLI::App& app, CommonOptions& common) {
  struct Options {
    std::filesystem::path output;
    bool full = false;
    int epochs = 0;
    std::string scenario = "meadow", other = "other", size, input, device = "auto";
    int batch = 0;
  };
  auto options = std::make_shared<Options>();
  auto* command = app.add_subcommand("demo", "The whole story: worlds, drives, bags, data sets, two models, report");
  command->add_option("-o,--output", options->output, "folder for everything it makes (default: out/demo or out/full)");
  command->add_flag("--full", options->full,
                    "the reference recipe: 1024x768, 1,886 / 405 / 1,827 samples, 30 epochs (many hours on two cores)");
  command->add_option("--epochs", options->epochs, "another number of epochs")->check(CLI::PositiveNumber);
  command->add_option("--size", options->size, "another picture size, WIDTHxHEIGHT");
  command->add_option("--input", options->input, "another network input, WIDTHxHEIGHT");
  command->add_option("--batch", options->batch, "another number of samples a training step")
      ->check(CLI::PositiveNumber);
  command
      ->add_option("--device", options->device, "of the models: auto (a GPU where there is one), cpu, cuda or cuda:N")
      ->capture_default_str();
  command->add_option("--scenario", options->scenario, "the world that the model is for")->capture_default_str();
  command->add_option("--other", options->other, "the other domain")->capture_default_str();
  command->footer(
      "Every step that is done is kept: the same command goes on after an interruption.\n"
      "Examples:\n"
      "  bramble demo\n"
      "  bramble demo --full -o out/reference --size 512x384 --input 256x192");
  command->callback([options, &common] {
    StoryOptions story;
    story.home = home_folder();
    if (options->full) story = reference_recipe(story);
    story.output =
        !options->output.empty() ? options->output : std::filesystem::path(options->full ? "out/full" : "out/demo");
    story.scenario = find_shipped(options->scenario, "scenarios", ".yaml");
    story.other_scenario = find_shipped(options->other, "scenarios", ".yaml");
    story.vehicle = find_shipped("jeep", "config/vehicles", ".yaml");
    story.manual_trace = find_shipped("meadow_manual", "config/traces", ".csv");
    story.weights = find_pretrained("efficientnet-lite0");
    if (options->epochs > 0) story.epochs = options->epochs;
    if (options->batch > 0) story.batch = options->batch;
    story.device = options->device;
    if (!options->size.empty()) std::tie(story.width, story.height) = parse_size(options->size);
    if (!options->input.empty()) std::tie(story.train_width, story.train_height) = parse_size(options->input);
    const StoryReport report = tell_story(story);
    fmt::print("{}", to_text(report.evaluation));
    const auto& accuracy = report.figures["test_accuracy"];
    fmt::print(
        "\ntest accuracy on the reverse drive: {:.1f} % (trained on the other world: {:.1f} %); the reference work "
        "reports 88 % and 56 %\n",
        100 * accuracy["meadow"].get<double>(), 100 * accuracy["other"].get<double>());
    fmt::print("report   {}\npictures {}\n", report.page.string(), report.sheet.string());
    write_json(common, report.figures);
  });
}

}  // namespace bramble
