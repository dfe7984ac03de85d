#pragma once
#include <memory>

#include "dashboard_options.hpp"

namespace bramble {

/// A model at work in a live session: its masks as topics, its score in the status.
class LiveModel {
 public:
  virtual ~LiveModel() = default;
  /// Adds the segmentation node to the session; the session must not run after this has gone.
  virtual void join(LiveSession& session, const Ontology& classes) = 0;
};

/// Opens the model of the options. Throws Error when it is none, or this build has no inference.
std::unique_ptr<LiveModel> open_live_model(const DashboardOptions& options);

}  // namespace bramble
