import ipaddress

import pytest

from endpoints.address_policy import (
    AddressPolicy,
    AllowedNetwork,
    NetworkEntryError,
    is_address,
    parse_allowed_networks,
)

POLICY = AddressPolicy()

FORBIDDEN = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "168.63.129.16/32",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.31.196.0/24",
    "192.52.193.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "192.175.48.0/24",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
    "::/8",
    "64:ff9b::/32",
    "100::/64",
    "5f00::/16",
    "fc00::/7",
    "fe80::/10",
    "fec0::/10",
    "ff00::/8",
    "4000::/3",
    "2001::/23",
    "2001:db8::/32",
    "2002::/16",
    "2620:4f:8000::/48",
    "3ffe::/16",
    "3fff::/20",
]


@pytest.mark.parametrize("cidr", FORBIDDEN)
def test_first_middle_and_last_address_of_each_range_are_refused(cidr):
    network = ipaddress.ip_network(cidr)

    for place in (0, network.num_addresses // 2, network.num_addresses - 1):
        address = network[place]
        assert not POLICY.allows(str(address), 443), address
        if address.version == 4:
            assert not POLICY.allows(f"::ffff:{address}", 443), address


@pytest.mark.parametrize(
    "ip",
    [
        "::ffff:127.0.0.1",
        "::127.0.0.1",
        "::ffff:0:7f00:1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::1",
        "2002:a9fe:a9fe::1",
        "2001:0:4136:e378:8000:63bf:3f57:fdf2",
        "::5efe:7f00:1",
        "2606:4700::5efe:7f00:1",
        "2606:4700::200:5efe:7f00:1",
        "fec0::1",
        "fd00:ec2::254",
        "fe80::1%lo",
        "2606:4700::1111%lo",
        "169.254.169.254",
        "168.63.129.16",
        "100.100.100.200",
        "192.0.0.192",
        "localhost",
        "",
        "1.1.1",
        "01.1.1.1",
    ],
)
def test_addresses_in_disguise_metadata_and_non_addresses_are_refused(ip):
    assert not POLICY.allows(ip, 443)


@pytest.mark.parametrize(
    "ip",
    [
        "1.1.1.1",
        "11.0.0.0",
        "9.255.255.255",
        "100.63.255.255",
        "100.128.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "168.63.129.15",
        "168.63.129.17",
        "223.255.255.255",
        "::ffff:1.1.1.1",
        "2606:4700::1111",
        "2000::",
        "2001:200::",
        "3ffd:ffff::1",
        "3fff:1000::",
    ],
)
def test_public_addresses_and_the_neighbours_of_refused_ranges_are_allowed(ip):
    assert POLICY.allows(ip, 443)
    assert POLICY.allows(ip, 443)  # The second answer comes from memory.


def test_exceptions_hold_for_their_network_and_port_only():
    policy = AddressPolicy(allowed_networks=["10.1.0.0/16", "127.0.0.1:8080", "[::1]:8080"])

    assert policy.allows("10.1.2.3", 1)
    assert policy.allows("::ffff:10.1.2.3", 1)
    assert policy.allows("127.0.0.1", 8080)
    assert policy.allows("::1", 8080)
    assert not policy.allows("10.2.0.0", 1)
    assert not policy.allows("127.0.0.1", 8081)
    assert not policy.allows("127.0.0.2", 8080)
    assert not policy.allows("::1", 80)


def test_no_exception_reaches_what_isatap_hides():
    policy = AddressPolicy(allowed_networks=["fd00:1::/32"])

    assert policy.allows("fd00:1::5", 443)
    assert not policy.allows("fd00:1::5efe:7f00:1", 443)
    assert not policy.allows("fd00:1::200:5efe:a9fe:a9fe", 443)


@pytest.mark.parametrize(
    ("text", "canonical", "refused_in_production", "private"),
    [
        ("10.0.0.0/8", "10.0.0.0/8", False, True),
        (" 10.0.0.5:8080 ", "10.0.0.5/32:8080", False, True),
        ("192.168.1.0/24:443", "192.168.1.0/24:443", False, True),
        ("1.1.1.1", "1.1.1.1/32", False, False),
        ("2606:4700::/32", "2606:4700::/32", False, False),
        ("127.0.0.1:8080", "127.0.0.1/32:8080", True, True),
        ("::1", "::1/128", True, True),
        ("[::1/128]:80", "[::1/128]:80", True, True),
        ("::1/128:80", "[::1/128]:80", True, True),
        ("fe80::/64", "fe80::/64", True, True),
        ("169.254.169.254/32", "169.254.169.254/32", True, True),
        ("168.63.129.16", "168.63.129.16/32", True, True),
        ("0.0.0.0/0", "0.0.0.0/0", True, True),
        ("::/0", "::/0", True, True),
        ("fd00:1::/32", "fd00:1::/32", False, True),
        ("fd00::/8", "fd00::/8", True, True),
        # loopback and metadata inside of NAT64 and 6to4
        ("64:ff9b::/96", "64:ff9b::/96", True, True),
        ("64:ff9b::a9fe:a9fe/128", "64:ff9b::a9fe:a9fe/128", True, True),
        ("64:ff9b::a00:0/104", "64:ff9b::a00:0/104", False, True),
        ("2002:7f00::/24", "2002:7f00::/24", True, True),
        ("2002:a00::/24", "2002:a00::/24", False, True),
        # and in less common forms
        ("::7f00:0/104", "::7f00:0/104", True, True),
        ("::a00:0/104", "::a00:0/104", False, True),
        ("::ffff:0:a9fe:0/112", "::ffff:0:a9fe:0/112", True, True),
        ("::ffff:0:a00:0/104", "::ffff:0:a00:0/104", False, True),
        ("64:ff9b:1:7::/64", "64:ff9b:1:7::/64", True, True),
        ("2001:0:4136:e378::/64", "2001:0:4136:e378::/64", True, True),
        ("64:ff9b:2::/48", "64:ff9b:2::/48", False, True),
    ],
)
def test_reads_entries_and_says_what_they_open(text, canonical, refused_in_production, private):
    entry = AllowedNetwork.parse(text)

    assert str(entry) == canonical
    assert AllowedNetwork.parse(canonical) == entry
    assert entry.is_forbidden_in_production is refused_in_production
    assert entry.is_private is private


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("10.0.0.1/8", "host bits set"),
        ("10.0.0.0/33", "not appear"),
        ("10.0.0.0/8:0", "1 to 65535"),
        ("10.0.0.0/8:65536", "1 to 65535"),
        ("10.0.0.0/8:", "is not CIDR"),
        ("[10.0.0.0/8", "is not CIDR"),
        ("fe80::1%lo", "is not CIDR"),
        ("e.test", "not appear"),
        ("", "is not CIDR"),
    ],
)
def test_refuses_other_entries(text, message):
    with pytest.raises(NetworkEntryError, match=message):
        AllowedNetwork.parse(text)


def test_a_list_names_every_bad_entry_at_once():
    assert parse_allowed_networks("") == ()
    assert [str(e) for e in parse_allowed_networks("10.0.0.0/8, ::1:80 127.0.0.1:80")] == [
        "10.0.0.0/8",
        "::1:80/128",
        "127.0.0.1/32:80",
    ]
    with pytest.raises(NetworkEntryError, match=r"'x'.*; '10.0.0.0/8:0'"):
        parse_allowed_networks("x,10.0.0.0/8:0")


def test_tells_addresses_from_names():
    assert [h for h in ("1.1.1.1", "::1", "e.test", "redis", "1.test") if is_address(h)] == [
        "1.1.1.1",
        "::1",
    ]
