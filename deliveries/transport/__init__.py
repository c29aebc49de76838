"""The one door to the network: nothing else in the project opens an outbound socket.

An own HTTP/1.1 exchange over httptools: one request, one bounded answer, one deadline. It has no
redirects, cookies, proxies, decompression or environment variables to switch off. The guard sits
at the connect. See door.py for the path of a request.
"""

from deliveries.transport.door import Transport
from deliveries.transport.guarded import BlockedTargetError, GuardedTransport
from deliveries.transport.hosts_file import HostsFile
from deliveries.transport.messages import Answer, ClientCertificate, Request
from deliveries.transport.resolver import ResolutionError, Resolver

__all__ = [
    "Answer",
    "BlockedTargetError",
    "ClientCertificate",
    "GuardedTransport",
    "HostsFile",
    "Request",
    "ResolutionError",
    "Resolver",
    "Transport",
]
