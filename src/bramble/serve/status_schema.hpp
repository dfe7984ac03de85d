#pragma once

namespace bramble {

// JSON schemas of the channels of our own (docs/live_protocol.md), for clients that draw plots of their fields.
inline constexpr const char* kStatusSchema = R"json({
"title": "bramble.Status", "type": "object", "properties": {
"frame": {"type": ["integer", "null"]}, "stamp_s": {"type": "number"}, "rate_hz": {"type": "number"},
"realtime_factor": {"type": "number"}, "speed_mps": {"type": ["number", "null"]}, "x_m": {"type": ["number", "null"]},
"y_m": {"type": ["number", "null"]}, "yaw_rad": {"type": ["number", "null"]}, "driver": {"type": ["string", "null"]},
"paused": {"type": "boolean"}, "speed": {"type": "number"}, "world": {"type": "string"},
"weather": {"type": ["string", "null"]}, "sun_elevation_deg": {"type": ["number", "null"]},
"recording": {"type": "object", "properties": {"active": {"type": "boolean"}, "name": {"type": "string"},
"messages": {"type": "integer"}, "bytes": {"type": "integer"}}},
"timings_ms": {"type": "object", "additionalProperties": {"type": "number"}},
"quality": {"type": ["string", "null"]}, "skipped": {"type": "integer"}, "notice": {"type": "string"},
"ended": {"type": "boolean"}, "clients": {"type": "integer"}, "source": {"type": "string"},
"bag": {"type": ["object", "null"], "properties": {"position_s": {"type": "number"}, "duration_s": {"type": "number"},
"name": {"type": "string"}}},
"score": {"type": ["object", "null"], "properties": {"frames": {"type": "integer"}, "accuracy": {"type": "number"},
"miou": {"type": "number"}, "iou": {"type": "object", "additionalProperties": {"type": "number"}}}}}})json";

inline constexpr const char* kOntologySchema = R"json({
"title": "bramble.Ontology", "type": "array", "items": {"type": "object", "properties": {"id": {"type": "integer"},
"name": {"type": "string"}, "color": {"type": "array", "items": {"type": "integer"}},
"ignore": {"type": "boolean"}}}})json";

}  // namespace bramble
