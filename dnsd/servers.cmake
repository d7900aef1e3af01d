# The servers around the answer path, the control socket, and the daemon that ties everything.
add_library(
  dnsd_core STATIC
  answer_threads.cpp
  commands.cpp
  control_request.cpp
  daemon.cpp
  doctor.cpp
  doctor_collect.cpp
  doctor_command.cpp
  doctor_facts.cpp
  explain.cpp
  inherited_sockets.cpp
  lan_keeper.cpp
  listen_socket.cpp
  listener_plan.cpp
  listeners.cpp
  made_zone.cpp
  own_places.cpp
  peer_commands.cpp
  query_log.cpp
  socket_holder.cpp
  static_part.cpp
  status.cpp
  tcp_server.cpp
  udp_server.cpp)
target_link_libraries(dnsd_core PUBLIC dnsd_answer dnsd_observation control asio PRIVATE nlohmann_json::nlohmann_json)

add_executable(wg-dnsd main.cpp)
target_link_libraries(wg-dnsd PRIVATE dnsd_core CLI11::CLI11)
install(TARGETS wg-dnsd RUNTIME DESTINATION ${CMAKE_INSTALL_SBINDIR})
