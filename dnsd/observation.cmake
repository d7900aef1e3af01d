# Control plane: configuration → sources → observations → peer table.
add_library(
  dnsd_observation STATIC
  added_peers.cpp
  command_line.cpp
  config.cpp
  event_log.cpp
  host_addresses.cpp
  interface_observer.cpp
  interface_sources.cpp
  listen_address.cpp
  observation_point.cpp
  observation_points.cpp
  observatory.cpp
  option_values.cpp
  options.cpp
  peer_list.cpp
  point_key.cpp
  point_observer.cpp
  point_socket.cpp
  point_sources.cpp
  registry.cpp
  registry_records.cpp
  serial.cpp
  state_store.cpp
  view_lists.cpp)
target_link_libraries(
  dnsd_observation
  PUBLIC config dnsd_answer schema wg asio
  PRIVATE CLI11::CLI11 SQLite::SQLite3)
