#pragma once
#include <nlohmann/json.hpp>
#include <string>

#include "bramble/ontology/ontology.hpp"

namespace bramble {

/// What the page of a running training shows.
struct TrainingPage {
  std::string title;       ///< the model's folder
  nlohmann::json recipe;   ///< to_json(TrainConfig)
  nlohmann::json history;  ///< list of {epoch, loss, val_accuracy, val_miou, val_iou: {class: share}, lr, seconds}
  Ontology ontology;
  int epochs = 0, best_epoch = 0;
  std::string state;    ///< «training, ends in 14 min», «finished»
  bool running = true;  ///< the page loads itself anew every ten seconds
};

/// A page of its own, nothing loaded from elsewhere: cards, curves of loss, validation quality and class IoU, options.
std::string to_html(const TrainingPage& page);

}  // namespace bramble
