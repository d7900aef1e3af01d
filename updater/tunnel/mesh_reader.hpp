#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "updater/tunnel/mesh.hpp"
#include "updater/tunnel/private_client.hpp"

namespace updater {

/// Reads the list of peers at the private server, then the TXT record of each peer that `select`
/// names. The whole reading fails if one answer is missing or wrong. Used from the thread of the
/// client's io_context.
class MeshReader {
 public:
  /// Chooses the peers whose records to read, when the list is known.
  using Select = std::function<MeshQuestions(const std::set<wg::PublicKey>& listed)>;
  using Done = std::function<void(const base::Expected<MeshList, LookupError>&)>;

  /// \param client outlives the reader.
  MeshReader(PrivateClient& client, const dns::Name& zone) : client_(client), zone_(zone) {}

  /// \param done is called once, never from inside this call. \return false: a reading is under way
  /// already, and this call did nothing.
  bool read(const base::Endpoint& server, Select select, Done done);

 private:
  struct Reading;
  void ask_peers(const std::shared_ptr<Reading>& reading, const MeshQuestions& questions);
  void ask_peer(const std::shared_ptr<Reading>& reading, const wg::PublicKey& peer, bool is_listed);
  void end(const std::shared_ptr<Reading>& reading);

  PrivateClient& client_;
  dns::Name zone_;
  std::shared_ptr<Reading> reading_;  // null: none is under way
};

}  // namespace updater
