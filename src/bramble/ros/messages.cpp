#include "bramble/ros/messages.hpp"

namespace bramble {

const MessageType* find_message_type(std::string_view name) {
  for (const auto& type : message_types())
    if (type.name == name) return &type;
  return nullptr;
}

const ServiceType* find_service_type(std::string_view name) {
  for (const auto& type : service_types())
    if (type.name == name) return &type;
  return nullptr;
}

}  // namespace bramble
