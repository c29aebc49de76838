"""When an endpoint that does not answer is left alone, and for how long.

The recording step counts and pauses, the claim lets one attempt try (docs/adr/0024); here is what
they and their readers have to agree on. EndpointHealth keeps the state: `consecutive_stalls` at
OPENS_AT or above means open, or half open once `paused_until` is over.
"""

from typing import Final

#: Stalls in a row (see ErrorKind.holds_slot) that open it; later ones count failed probes.
OPENS_AT: Final = 5
#: Seconds of the first pause; each failed probe doubles it, up to the longest.
FIRST_PAUSE: Final = 10.0
LONGEST_PAUSE: Final = 300.0
#: Doublings that reach the longest pause.
DOUBLINGS: Final = 5
