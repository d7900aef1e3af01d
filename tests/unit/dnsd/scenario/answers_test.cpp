// Replays tests/answers/*.answers; the format is described in tests/answers/README.md.
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "base/encoding.hpp"
#include "dns/ldns.hpp"
#include "dns/zone_file.hpp"
#include "tests/unit/dnsd/answer_fixture.hpp"

namespace {

struct Case {
  std::string file;
  std::size_t line = 0;
  std::string name;
  std::vector<std::vector<std::string>> lines;  // split into words
};

std::vector<std::string> split(const std::string& text) {
  std::istringstream stream(text);
  return {std::istream_iterator<std::string>(stream), std::istream_iterator<std::string>()};
}

std::string join(const std::vector<std::string>& words, std::size_t from) {
  std::string text;
  for (std::size_t i = from; i < words.size(); ++i) text += (i == from ? "" : " ") + words[i];
  return text;
}

std::string replace_all(std::string text, const std::string& from, const std::string& to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
    text.replace(at, from.size(), to);
  return text;
}

std::string fill_in(std::string text, const AnswerFixture& server) {
  for (const auto& [name, key] : server.named) {
    std::string upper_name = name;
    std::string upper_label = schema::key_label(key);
    for (std::string* word : {&upper_name, &upper_label}) {
      std::transform(word->begin(), word->end(), word->begin(),
                     [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
    }
    text = replace_all(text, "{" + name + "}", schema::key_label(key));
    text = replace_all(text, "{" + upper_name + "}", upper_label);
    text = replace_all(text, "{" + name + ":base64}", key.to_base64());
  }
  return text;
}

std::vector<Case> read_cases(const std::filesystem::path& path) {
  std::vector<Case> cases;
  std::ifstream file(path);
  std::string text;
  for (std::size_t line = 1; std::getline(file, text); ++line) {
    const auto words = split(text);
    if (words.empty() || words[0].front() == '#') continue;
    if (words[0] == "case") {
      cases.push_back({path.filename().string(), line, join(words, 1), {}});
    } else {
      REQUIRE_MESSAGE(!cases.empty(), path.string()
                                          << ":" << line << ": a line before the first case");
      cases.back().lines.push_back(words);
    }
  }
  return cases;
}

dns::Name absolute(const std::string& text) {
  if (text == "@") return *dns::Name::parse("wg.example.org.");
  const auto name = dns::Name::parse(text.back() == '.' ? text : text + ".wg.example.org.");
  REQUIRE_MESSAGE(name.has_value(), "not a name: " << text);
  return *name;
}

struct Question {
  std::vector<std::uint8_t> wire;
  dnsd::Listener listener;
};

Question make_question(const std::vector<std::string>& words) {
  Question question;
  unsigned flags = 0;
  std::optional<unsigned> edns_size;
  std::uint32_t edns_flags = 0;
  auto rr_class = static_cast<std::uint16_t>(dns::RrClass::in);
  for (std::size_t i = 3; i < words.size(); ++i) {
    const std::string& word = words[i];
    if (word == "private")
      question.listener.view = dnsd::View::private_view;
    else if (word == "tcp")
      question.listener.transport = dns::Transport::tcp;
    else if (word == "edns")
      edns_size = 1232;
    else if (word.starts_with("edns="))
      edns_size = static_cast<unsigned>(std::stoul(word.substr(5)));
    else if (word == "do")
      edns_flags = 0x8000;
    else if (word == "rd")
      flags |= 0x0100U;
    else if (word == "cd")
      flags |= 0x0010U;
    else if (word == "class=CH")
      rr_class = 3;
    else
      FAIL("unknown word " << word);
  }
  question.wire.resize(512);
  base::ByteWriter writer(question.wire);
  writer.u16(0x1234);
  writer.u16(static_cast<std::uint16_t>(flags));
  writer.u16(1);
  writer.u16(0);
  writer.u16(0);
  writer.u16(edns_size ? 1 : 0);
  writer.bytes(absolute(words[1]).view().wire());
  const auto type = dns::parse_rr_type(words[2]);
  REQUIRE_MESSAGE(type.has_value(), "not a type: " << words[2]);
  writer.u16(static_cast<std::uint16_t>(*type));
  writer.u16(rr_class);
  if (edns_size) {
    writer.u8(0);
    writer.u16(41);
    writer.u16(static_cast<std::uint16_t>(*edns_size));
    writer.u32(edns_flags);
    writer.u16(0);
  }
  question.wire.resize(writer.size());
  return question;
}

struct PacketDeleter {
  void operator()(ldns_pkt* packet) const { ldns_pkt_free(packet); }
};

std::string to_text(const ldns_rr_list* list) {
  std::string text;
  for (std::size_t i = 0; i < ldns_rr_list_rr_count(list); ++i) {
    char* line = ldns_rr2str(ldns_rr_list_rr(list, i));
    text += line;
    LDNS_FREE(line);
  }
  return text;
}

/// A record of the case file in the form in which ldns prints those of the reply.
std::string normalise(const std::string& text) {
  ldns_rdf* origin = ldns_dname_new_frm_str("wg.example.org.");
  ldns_rr* rr = nullptr;
  const ldns_status status = ldns_rr_new_frm_str(&rr, text.c_str(), 300, origin, nullptr);
  ldns_rdf_deep_free(origin);
  REQUIRE_MESSAGE(status == LDNS_STATUS_OK, "not a record: " << text);
  char* line = ldns_rr2str(rr);
  std::string result = line;
  LDNS_FREE(line);
  ldns_rr_free(rr);
  return result;
}

struct Expected {
  std::string answer, authority, additional;
};

void check_reply(const std::vector<std::uint8_t>& reply, const Question& question,
                 const std::vector<std::string>& words, const Expected& expected) {
  if (words[1] == "none") {
    CHECK(reply.empty());
    return;
  }
  REQUIRE(reply.size() >= dns::header_octets);
  ldns_pkt* raw = nullptr;
  REQUIRE(ldns_wire2pkt(&raw, reply.data(), reply.size()) == LDNS_STATUS_OK);
  const std::unique_ptr<ldns_pkt, PacketDeleter> packet(raw);
  const auto has = [&](const char* flag) {
    return std::find(words.begin() + 2, words.end(), flag) != words.end();
  };
  const unsigned rcode = static_cast<unsigned>(ldns_pkt_get_rcode(packet.get())) |
                         (static_cast<unsigned>(ldns_pkt_edns_extended_rcode(packet.get())) << 4U);
  CHECK(dns::to_string(dns::Rcode{static_cast<std::uint16_t>(rcode)}) == words[1]);
  CHECK(ldns_pkt_id(packet.get()) == 0x1234);
  CHECK(ldns_pkt_qr(packet.get()));
  CHECK_FALSE(ldns_pkt_ra(packet.get()));
  CHECK_FALSE(ldns_pkt_ad(packet.get()));
  CHECK(ldns_pkt_aa(packet.get()) == has("aa"));
  CHECK(ldns_pkt_tc(packet.get()) == has("tc"));
  CHECK(ldns_pkt_rd(packet.get()) == has("rd"));
  CHECK(ldns_pkt_cd(packet.get()) == has("cd"));
  CHECK(to_text(ldns_pkt_answer(packet.get())) == expected.answer);
  CHECK(to_text(ldns_pkt_authority(packet.get())) == expected.authority);
  CHECK(to_text(ldns_pkt_additional(packet.get())) == expected.additional);
  // The question is repeated octet for octet: strict resolvers also check its case.
  const std::size_t question_end = question.wire.size() - (question.wire[11] == 1 ? 11 : 0);
  CHECK(std::equal(question.wire.begin() + 12,
                   question.wire.begin() + static_cast<std::ptrdiff_t>(question_end),
                   reply.begin() + 12));
}

/// The extended error in an OPT record at the end of the reply, or nothing.
std::optional<unsigned> extended_error(const std::vector<std::uint8_t>& reply) {
  if (reply.size() < 17) return std::nullopt;
  base::ByteReader end(base::Bytes(reply).last(6));
  if (end.u16() != 15 || end.u16() != 2) return std::nullopt;
  return end.u16();
}

void run_case(const Case& test) {
  AnswerFixture server;
  std::optional<Question> question;
  std::vector<std::uint8_t> reply;
  std::vector<std::string> reply_words;
  Expected expected;
  for (const auto& words : test.lines) {
    const std::string rest = fill_in(join(words, 1), server);
    if (words[0] == "state") {
      if (words[1] == "no-padded-names")
        server.options.padded_names = false;
      else if (words[1] == "publish-private")
        server.options.publish_private = true;
      else if (words[1].starts_with("public=")) {
        server.options.public_parts.names = words[1].find("names") != std::string::npos;
        server.options.public_parts.list = words[1].find("list") != std::string::npos;
        server.options.public_parts.since = words[1].find("since") != std::string::npos;
        server.options.public_parts.allowed = words[1].find("allowed") != std::string::npos;
      } else if (words[1] == "wgsd") {
        server.options.wgsd = true;
      } else if (words[1].starts_with("tunnel-label=")) {
        server.options.tunnel_label = words[1].substr(words[1].find('=') + 1);
      } else if (words[1] == "not-ready") {
        server.set_not_ready();
      } else
        FAIL("unknown state " << words[1]);
      server.rebuild();
    } else if (words[0] == "ask") {
      question = make_question(split("ask " + rest));
      reply = server.ask(question->wire, question->listener);
    } else if (words[0] == "reply") {
      reply_words = words;
    } else if (words[0] == "answer") {
      expected.answer += normalise(rest);
    } else if (words[0] == "authority") {
      expected.authority += normalise(rest);
    } else if (words[0] == "additional") {
      expected.additional += normalise(rest);
    } else if (words[0] == "ede") {
      CHECK(extended_error(reply) == std::stoul(words[1]));
    } else if (words[0] == "size") {
      CHECK(reply.size() <= std::stoul(words[1]));
    } else {
      FAIL("unknown line " << words[0]);
    }
  }
  REQUIRE(question.has_value());
  REQUIRE_FALSE(reply_words.empty());
  check_reply(reply, *question, reply_words, expected);
}

}  // namespace

TEST_CASE("replayed answers") {
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(SOURCE_DIR "/tests/answers")) {
    if (entry.path().extension() != ".answers") continue;
    for (const Case& test : read_cases(entry.path())) {
      INFO(test.file, ":", test.line, ": ", test.name);
      run_case(test);
      ++count;
    }
  }
  MESSAGE(count, " cases");
  CHECK(count > 50);
}
