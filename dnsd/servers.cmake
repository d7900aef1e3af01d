# The servers around the answer path, the control socket, and the daemon that ties everything.
add_library(
  dnsd_core STATIC
  answer_threads.cpp
  control_client.cpp
  control_protocol.cpp
  control_server.cpp
  listen_socket.cpp
  listener_plan.cpp
  listeners.cpp
  made_zone.cpp
  socket_holder.cpp
  tcp_server.cpp
  udp_server.cpp)
target_link_libraries(dnsd_core PUBLIC dnsd_answer dnsd_observation asio PRIVATE nlohmann_json::nlohmann_json)
