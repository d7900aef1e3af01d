#include "dns/types.hpp"

#include <array>
#include <charconv>
#include <utility>

#include "base/encoding.hpp"

namespace dns {
namespace {

constexpr auto type_names = std::to_array<std::pair<RrType, std::string_view>>({
    {RrType::a, "A"},         {RrType::ns, "NS"},     {RrType::cname, "CNAME"},
    {RrType::soa, "SOA"},     {RrType::ptr, "PTR"},   {RrType::mx, "MX"},
    {RrType::txt, "TXT"},     {RrType::aaaa, "AAAA"}, {RrType::srv, "SRV"},
    {RrType::dname, "DNAME"}, {RrType::opt, "OPT"},   {RrType::ds, "DS"},
    {RrType::rrsig, "RRSIG"}, {RrType::nsec, "NSEC"}, {RrType::nsec3, "NSEC3"},
    {RrType::tsig, "TSIG"},   {RrType::ixfr, "IXFR"}, {RrType::axfr, "AXFR"},
    {RrType::any, "ANY"},
});

constexpr auto rcode_names = std::to_array<std::pair<Rcode, std::string_view>>({
    {Rcode::noerror, "NOERROR"},
    {Rcode::formerr, "FORMERR"},
    {Rcode::servfail, "SERVFAIL"},
    {Rcode::nxdomain, "NXDOMAIN"},
    {Rcode::notimp, "NOTIMP"},
    {Rcode::refused, "REFUSED"},
    {Rcode::notauth, "NOTAUTH"},
    {Rcode::badvers, "BADVERS"},
    {Rcode::badcookie, "BADCOOKIE"},
});

constexpr std::string_view generic_prefix = "TYPE";  // RFC 3597 §5

}  // namespace

std::string to_string(RrType type) {
  for (const auto& [value, name] : type_names) {
    if (value == type) return std::string(name);
  }
  return std::string(generic_prefix) + std::to_string(static_cast<unsigned>(type));
}

std::optional<RrType> parse_rr_type(std::string_view text) {
  for (const auto& [value, name] : type_names) {
    if (base::equals_ignoring_case(name, text)) return value;
  }
  if (text.size() <= generic_prefix.size() ||
      !base::equals_ignoring_case(text.substr(0, generic_prefix.size()), generic_prefix)) {
    return std::nullopt;
  }
  const std::string_view digits = text.substr(generic_prefix.size());
  std::uint16_t number = 0;
  const auto [end, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (ec != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return RrType{number};
}

std::string to_string(Rcode rcode) {
  for (const auto& [value, name] : rcode_names) {
    if (value == rcode) return std::string(name);
  }
  return "RCODE" + std::to_string(static_cast<unsigned>(rcode));
}

}  // namespace dns
