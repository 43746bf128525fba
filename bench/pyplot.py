# SPDX-License-Identifier: MIT
"""matplotlib, for those tools that draw: measuring and tables need none."""

MISSING = ('the charts are drawn with matplotlib, which this Python does not have: install '
           'python3-matplotlib and call /usr/bin/python3')


def is_possible():
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        return False
    return True


def load():
    """-> matplotlib's pyplot, set up so that the same numbers give the same file"""
    import matplotlib
    matplotlib.use('svg')
    matplotlib.rcParams['svg.hashsalt'] = 'hakmem'
    from matplotlib import pyplot
    return pyplot
