# SPDX-License-Identifier: MIT
"""The sections of the report, in its order. A new one is a module with a SECTION, listed here."""
from performance_parts import (
    atomic_counts, caches, counts, fragmentation, linking, micro, programs, sizes, startup, suite)

SECTIONS = {section.name: section for section in (
    micro.SECTION,
    counts.SECTION,
    caches.SECTION,
    sizes.SECTION,
    suite.SECTION,
    programs.SECTION,
    startup.SECTION,
    linking.SECTION,
    atomic_counts.SECTION,
    fragmentation.SECTION,
)}
