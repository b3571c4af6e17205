"""ratios.svg: CPU per request of each peer as multiples of Weir's, drawn without a library."""

import cases
import peers

# the cases that are drawn, with what the reader is told; one group of bars each
GROUPS = [("small-get", "small GET"), ("response-16k", "16 KiB response"), ("post-16k", "16 KiB POST"),
          ("download-1m", "1 MiB download")]
# these say something about large bodies only
LARGE_ONLY = {"haproxy-metered-64k", "relay-splice"}
METERED = {"haproxy-metered", "haproxy-metered-64k", "nginx-lua", "envoy"}
LABELS = {"weir": "Weir", "haproxy-metered": "HAProxy, stick table", "haproxy-metered-64k": "the same, 64 KiB buffers",
          "nginx": "nginx", "relay": "bare relay", "relay-splice": "bare relay, splice",
          "relay-uring": "bare relay, io_uring",
          "nginx-lua": "nginx, Lua dictionary", "envoy": "Envoy, access log", "h2o": "h2o",
          "haproxy": "HAProxy", "nghttpx": "nghttpx"}
LEGEND = [("weir", "Weir"), ("metered", "counts per tenant"), ("bar", "does not")]
WIDTH, LEFT, RIGHT, ROW, GAP, TOP = 700, 180, 60, 16, 28, 74
# longer bars are cut and say so: one slow peer must not press all others together
MOST = 4.0
STYLE = """
  text { font: 12px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #1f2328; }
  .title { font-size: 15px; font-weight: 600; } .note, .tick { fill: #59636e; } .group { font-weight: 600; }
  .number { paint-order: stroke; stroke: #ffffff; stroke-width: 4px; }
  .bar { fill: #9aa4b0; } .metered { fill: #6b7f99; } .weir { fill: #d9622b; }
  .grid { stroke: #d1d9e0; } .one { stroke: #d9622b; stroke-dasharray: 3 3; } .paper { fill: #ffffff; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; } .note, .tick { fill: #9198a1; }
    .number { stroke: #0d1117; }
    .bar { fill: #5b6673; } .metered { fill: #7f9abf; } .weir { fill: #f0803c; }
    .grid { stroke: #30363d; } .one { stroke: #f0803c; } .paper { fill: #0d1117; }
  }
"""


def x_of(multiple):
    """Where a multiple of Weir's figure ends, in pixels."""
    return LEFT + (WIDTH - LEFT - RIGHT) * min(multiple, MOST) / MOST


def bar(name, multiple, y):
    """One row: label, bar, number."""
    kind = "weir" if name == "weir" else "metered" if name in METERED else "bar"
    number = "%.2f" % multiple + (" ▸" if multiple > MOST else "")
    return ['  <text x="%d" y="%d" text-anchor="end">%s</text>' % (LEFT - 8, y + 12, LABELS[name]),
            '  <rect class="%s" x="%d" y="%d" width="%.1f" height="%d" rx="2"/>'
            % (kind, LEFT, y + 2, x_of(multiple) - LEFT, ROW - 4),
            '  <text class="number" x="%.1f" y="%d">%s</text>' % (x_of(multiple) + 5, y + 12, number)]


def legend():
    """What the colours mean."""
    lines, x = [], 16
    for kind, text in LEGEND:
        lines += ['  <rect class="%s" x="%d" y="53" width="11" height="11" rx="2"/>' % (kind, x),
                  '  <text class="note" x="%d" y="63">%s</text>' % (x + 16, text)]
        x += 36 + 7 * len(text)
    return lines


def draw(results):
    """The picture as text, or None when no case was measured with Weir in it."""
    rows, y = [], TOP
    for case, title in GROUPS:
        if (case, "weir") not in results:
            continue
        own = cases.median(results, case, "weir")
        rows.append('  <text class="group" x="%d" y="%d">%s</text>' % (LEFT, y + 14, title))
        y += 20
        for name in peers.PEERS:
            if (case, name) in results and (case == "download-1m" or name not in LARGE_ONLY):
                rows += bar(name, cases.median(results, case, name) / own, y)
                y += ROW
        y += GAP - 20
    if not rows:
        return None
    grid = ['  <line class="%s" x1="%.1f" x2="%.1f" y1="%d" y2="%d"/>\n  <text class="tick" x="%.1f" y="%d" text-anchor="middle">'
            '%d×</text>' % ("one" if n == 1 else "grid", x_of(n), x_of(n), TOP, y, x_of(n), y + 16, n)
            for n in range(int(MOST) + 1)]
    return "\n".join(
        ['<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img"'
         ' aria-label="CPU per request of each peer as multiples of Weir\'s">' % (WIDTH, y + 28, WIDTH, y + 28),
         "<style>%s</style>" % STYLE,
         '  <rect class="paper" width="%d" height="%d"/>' % (WIDTH, y + 28),
         '  <text class="title" x="16" y="26">CPU per request, Weir = 1</text>',
         '  <text class="note" x="16" y="44">One core, the same load and upstream for all, medians of one run. Shorter is cheaper.'
         '</text>']
        + legend() + grid + rows + ["</svg>", ""])


def write(path, results):
    """Writes the picture, if there is one."""
    picture = draw(results)
    if picture:
        with open(path, "w") as file:
            file.write(picture)
