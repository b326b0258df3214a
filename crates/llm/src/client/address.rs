//! What kind of network an address belongs to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Addresses that clouds answer their machines' secrets at, beside the link-local range.
const METADATA_V4: [Ipv4Addr; 2] = [Ipv4Addr::new(100, 100, 100, 200), Ipv4Addr::new(168, 63, 129, 16)];
const METADATA_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Network {
    /// Anywhere on the internet.
    Public,
    /// This machine.
    Loopback,
    /// A network of the operator's own.
    Private,
    /// Link-local, metadata services, multicast, reserved: no model answers there.
    Forbidden,
}

pub fn network(address: IpAddr) -> Network {
    match address {
        IpAddr::V4(address) => network_v4(address),
        IpAddr::V6(address) => network_v6(address),
    }
}

fn network_v4(address: Ipv4Addr) -> Network {
    let [a, b, c, _] = address.octets();
    let reserved = a == 0
        || a >= 224
        || address.is_link_local()
        || address.is_documentation()
        || (a, b, c) == (192, 0, 0)
        || (a, b & 0xfe) == (198, 18)
        || METADATA_V4.contains(&address);
    if reserved {
        Network::Forbidden
    } else if address.is_loopback() {
        Network::Loopback
    } else if address.is_private() || (a, b & 0xc0) == (100, 64) {
        Network::Private
    } else {
        Network::Public
    }
}

fn network_v6(address: Ipv6Addr) -> Network {
    if let Some(mapped) = address.to_ipv4_mapped() {
        return network_v4(mapped);
    }
    if address == Ipv6Addr::LOCALHOST {
        return Network::Loopback;
    }
    let segments = address.segments();
    let embedded = match segments {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => Some((high, low)),
        _ => None,
    };
    let [a, b, ..] = segments;
    if let Some((high, low)) = embedded {
        let inner = Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
        return if network_v4(inner) == Network::Public { Network::Public } else { Network::Forbidden };
    }
    if a & 0xfe00 == 0xfc00 && address != METADATA_V6 {
        return Network::Private;
    }
    // Global unicast is 2000::/3; of it Teredo (2001::/32) and documentation (2001:db8::/32) lead nowhere.
    let global = a & 0xe000 == 0x2000 && !(a == 0x2001 && matches!(b, 0 | 0xdb8));
    if global { Network::Public } else { Network::Forbidden }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_address_has_its_network() {
        let cases = [
            (Network::Public, "1.1.1.1 8.8.8.8 172.32.0.1 100.128.0.1 2606:4700::1111 ::ffff:1.1.1.1 64:ff9b::101:101"),
            (Network::Loopback, "127.0.0.1 127.9.9.9 ::1 ::ffff:127.0.0.1"),
            (Network::Private, "10.0.0.1 172.16.0.1 192.168.1.1 100.64.0.1 fd00::1 ::ffff:10.0.0.1"),
            (
                Network::Forbidden,
                "0.0.0.0 0.1.2.3 169.254.169.254 100.100.100.200 168.63.129.16 224.0.0.1 255.255.255.255",
            ),
            (
                Network::Forbidden,
                ":: ::127.0.0.1 fe80::1 ff02::1 fec0::1 fd00:ec2::254 2001:db8::1 2001::1 192.0.0.192",
            ),
            (Network::Forbidden, "::ffff:169.254.169.254 64:ff9b::a9fe:a9fe 2002:7f00:1:: 64:ff9b::a00:1 198.19.0.1"),
        ];
        for (expected, addresses) in cases {
            for address in addresses.split(' ') {
                assert_eq!(network(address.parse().unwrap()), expected, "{address}");
            }
        }
    }
}
