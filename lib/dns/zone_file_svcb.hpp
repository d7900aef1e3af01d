#pragma once

#include "base/bytes.hpp"
#include "dns/zone_file_forms.hpp"

/// The parameters of SVCB and HTTPS. Pure.
namespace dns {

/// The words, in any order (RFC 9460 §2.1, Appendix A). They are judged by
/// check_svcb_parameters().
[[nodiscard]] DataError parse_svcb_parameters(ZoneTokens tokens, ZoneData& data);
/// RFC 9460 §2.2, §7, §8. \param parameters in wire form
[[nodiscard]] DataError check_svcb_parameters(base::Bytes parameters);

}  // namespace dns
