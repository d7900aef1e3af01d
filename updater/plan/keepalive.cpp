#include "updater/plan/keepalive.hpp"

#include <algorithm>
#include <utility>

namespace updater {

using std::chrono::seconds;

void Keepalive::observe(seconds shown) {
  const bool is_ours = std::find(ours_.begin(), ours_.end(), shown) != ours_.end();
  ours_.clear();
  if (is_ours) {
    ours_.push_back(shown);
  } else {
    user_ = shown;
  }
}

void Keepalive::meet(seconds shown, bool is_as_left) {
  if (is_as_left && std::find(past_.begin(), past_.end(), shown) != past_.end()) {
    ours_ = {shown};
  } else {
    observe(shown);
  }
}

void Keepalive::release() {
  if (!ours_.empty()) past_ = std::exchange(ours_, {});
}

void Keepalive::prepare(seconds shown, seconds value) {
  observe(shown);
  if (ours_.empty() || ours_.front() != value) ours_.push_back(value);
}

}  // namespace updater
