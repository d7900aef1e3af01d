#include "noise/crypto.hpp"

#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/encoding.hpp"

namespace {

using Octets = std::vector<std::uint8_t>;

Octets from_hex(std::string_view hex) {
  Octets result;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
    result.push_back(
        static_cast<std::uint8_t>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16)));
  return result;
}

/// 0, 1, 2, …
Octets counting(std::size_t size, std::uint8_t first = 0) {
  Octets result(size);
  for (std::uint8_t& octet : result) octet = first++;
  return result;
}

template <typename T>
T make_secret(base::Bytes octets) {
  return T(octets.first<T::size>());
}

noise::SharedKey shared_key(std::string_view hex) {
  return make_secret<noise::SharedKey>(from_hex(hex));
}

TEST_CASE("a secret of one kind is not taken for another, and has no text") {
  static_assert(!std::is_convertible_v<wg::PresharedKey, wg::PrivateKey>);
  static_assert(!std::is_constructible_v<noise::SharedKey, wg::PrivateKey>);
  CHECK(wg::PresharedKey() == wg::PresharedKey());
  CHECK_FALSE(wg::PresharedKey() == make_secret<wg::PresharedKey>(counting(32)));
}

TEST_CASE("BLAKE2s: RFC 7693 appendix B") {
  constexpr std::string_view expected =
      "508c5e8c327c14e2e1a72ba34eeb452f37458b209ed63a294d999b4c86675982";
  CHECK(base::to_hex(noise::hash(base::as_bytes("abc"))) == expected);
  CHECK(base::to_hex(noise::hash(base::as_bytes("a"), base::as_bytes("bc"))) == expected);
}

// The expected values come from another implementation: Python's hashlib.blake2s and hmac.
TEST_CASE("keyed BLAKE2s, 16 octets, with keys of both lengths") {
  const Octets key = counting(32);
  CHECK(base::to_hex(noise::KeyedBlake2s(key)({})) == "9536f9b267655743dee97b8a670f9f53");
  CHECK(base::to_hex(noise::KeyedBlake2s(key)(counting(116))) ==
        "072e94ffbfc684bd8ab2a1b9dade2fd5");
  CHECK(base::to_hex(noise::KeyedBlake2s(base::Bytes(key).first(16))(counting(100))) ==
        "56301549e674c3b72a0e1dafb7a2c620");
}

TEST_CASE("keyed BLAKE2s: every key size, and inputs of every size over three blocks") {
  Octets all;
  for (std::size_t key_size = 1; key_size <= 32; ++key_size) {
    const noise::KeyedBlake2s keyed(counting(key_size));
    for (std::size_t size = 0; size <= 200; ++size) {
      const noise::Mac mac = keyed(counting(size));
      all.insert(all.end(), mac.begin(), mac.end());
    }
  }
  CHECK(base::to_hex(noise::hash(all)) ==
        "14a5e02c22bfda87f67ead0fc2857e4531cadbcb196487bb0886ebc7e43576b9");
}

TEST_CASE("HMAC over BLAKE2s, and what is derived with it") {
  const Octets key = counting(32);
  CHECK(base::to_hex(noise::hmac(key, base::as_bytes("WireGuard"))) ==
        "5415924543576b3f5ee867c94e1aab70586d33b32fae3fccd2c635b3e1d7198d");
  const auto secret = make_secret<noise::SharedKey>(key);
  const auto three = noise::kdf<3>(secret, base::as_bytes("input"));
  CHECK(base::to_hex(three[0].bytes()) ==
        "87b7f70b24183c6db5dc4f6d9f4c47cdb203321aa2a0bef714896adb3107a040");
  CHECK(base::to_hex(three[1].bytes()) ==
        "538a02e1eb2e31b7e4d4b82476d1fe2acf50085d3fb584537279195f5d1f5824");
  CHECK(base::to_hex(three[2].bytes()) ==
        "9ad858025593be88de0f9442a589cfe84a88dc19e4753d93684d1c5efc4837f9");
  CHECK(noise::kdf<1>(secret, base::as_bytes("input"))[0] == three[0]);
  CHECK(noise::kdf<2>(secret, base::as_bytes("input"))[1] == three[1]);
}

TEST_CASE("X25519: RFC 7748 §5.2, first vector") {
  const noise::KeyPair own(make_secret<wg::PrivateKey>(
      from_hex("a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4")));
  const auto other =
      wg::PublicKey::parse_hex("e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c");
  REQUIRE(other.has_value());
  const auto agreed = own.agree(*other);
  REQUIRE(agreed.has_value());
  CHECK(base::to_hex(agreed->bytes()) ==
        "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552");
}

TEST_CASE("two key pairs agree") {
  const noise::KeyPair one = noise::KeyPair::draw();
  const noise::KeyPair other = noise::KeyPair::draw();
  CHECK(one.agree(other.public_key()) == other.agree(one.public_key()));
  CHECK_FALSE(one.agree(other.public_key()) == one.agree(one.public_key()));
}

TEST_CASE("a public key of small order agrees with nobody") {
  const noise::KeyPair own = noise::KeyPair::draw();
  CHECK_FALSE(own.agree(wg::PublicKey()).has_value());
  base::Octets32 one{};
  one[0] = 1;
  CHECK_FALSE(own.agree(wg::PublicKey(one)).has_value());
  CHECK(own.agree(noise::KeyPair::draw().public_key()).has_value());
}

TEST_CASE("ChaCha20-Poly1305: RFC 8439 appendix A.5") {
  const auto key = shared_key("1c9240a5eb55d38af333888604f6b5f0473917c1402b80099dca5cbc207075c0");
  constexpr std::uint64_t counter = 0x0807060504030201;
  const Octets also = from_hex("f33388860000000000004e91");
  const std::string_view plain =
      "Internet-Drafts are draft documents valid for a maximum of six months and may be updated, "
      "replaced, or obsoleted by other documents at any time. It is inappropriate to use "
      "Internet-Drafts as reference material or to cite them other than as /“work in "
      "progress./”";
  Octets sealed(plain.size() + noise::tag_octets);
  noise::seal(key, counter, base::as_bytes(plain), also, sealed);
  CHECK(base::to_hex(base::Bytes(sealed).first(16)) == "64a0861575861af460f062c79be643bd");
  CHECK(base::to_hex(base::Bytes(sealed).last(16)) == "eead9d67890cbb22392336fea1851f38");

  SUBCASE("opens, in place as well") {
    Octets opened(plain.size());
    REQUIRE(noise::open(key, counter, sealed, also, opened));
    CHECK(base::as_text(opened) == plain);
    REQUIRE(
        noise::open(key, counter, sealed, also, base::MutableBytes(sealed).first(plain.size())));
    CHECK(base::as_text(base::Bytes(sealed).first(plain.size())) == plain);
  }
  SUBCASE("nothing else opens") {
    Octets opened(plain.size());
    CHECK_FALSE(noise::open(key, counter + 1, sealed, also, opened));
    CHECK_FALSE(noise::open(key, counter, sealed, {}, opened));
    CHECK_FALSE(noise::open(noise::SharedKey(), counter, sealed, also, opened));
    for (std::size_t i = 0; i < sealed.size(); i += 7) {
      Octets changed = sealed;
      changed[i] ^= 1;
      CHECK_FALSE(noise::open(key, counter, changed, also, opened));
    }
    for (std::size_t size = 0; size < noise::tag_octets; ++size)
      CHECK_FALSE(noise::open(key, counter, base::Bytes(sealed).first(size), also, {}));
  }
}

TEST_CASE("nothing sealed is a tag alone") {
  Octets sealed(noise::tag_octets);
  noise::seal(noise::SharedKey(), std::uint64_t{7}, {}, {}, sealed);
  CHECK(noise::open(noise::SharedKey(), std::uint64_t{7}, sealed, {}, {}));
  CHECK_FALSE(noise::open(noise::SharedKey(), std::uint64_t{8}, sealed, {}, {}));
}

TEST_CASE("HChaCha20: draft-irtf-cfrg-xchacha §2.2.1") {
  const Octets nonce = from_hex("000000090000004a0000000031415927");
  const auto result = noise::hchacha20(make_secret<noise::SharedKey>(counting(32)),
                                       std::span<const std::uint8_t, 16>(nonce));
  CHECK(base::to_hex(result.bytes()) ==
        "82413b4227b27bfed30e42508a877d73a0f9e4d58a74a853c12ec41326d3ecdc");
}

TEST_CASE("XChaCha20-Poly1305: draft-irtf-cfrg-xchacha appendix A.3.1") {
  const auto key = make_secret<noise::SharedKey>(counting(32, 0x80));
  noise::Nonce24 nonce{};
  for (std::size_t i = 0; i < nonce.size(); ++i) nonce[i] = static_cast<std::uint8_t>(0x40 + i);
  const Octets also = from_hex("50515253c0c1c2c3c4c5c6c7");
  const std::string_view plain =
      "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, "
      "sunscreen would be it.";
  Octets sealed(plain.size() + noise::tag_octets);
  noise::seal(key, nonce, base::as_bytes(plain), also, sealed);
  CHECK(base::to_hex(base::Bytes(sealed).first(16)) == "bd6d179d3e83d43b9576579493c0e939");
  CHECK(base::to_hex(base::Bytes(sealed).last(16)) == "c0875924c1c7987947deafd8780acf49");
  Octets opened(plain.size());
  REQUIRE(noise::open(key, nonce, sealed, also, opened));
  CHECK(base::as_text(opened) == plain);
  nonce[0] ^= 1;
  CHECK_FALSE(noise::open(key, nonce, sealed, also, opened));
}

}  // namespace
