// Draws the figures of a report from the data beside them. No network, no storage; the tables need no script.
"use strict";
(function () {
  var book = JSON.parse(document.getElementById("figures").textContent);
  var root = document.documentElement;
  var times = book.days.map(function (d) { return d * 86400; });
  var last = times.length - 1;
  var drawn = [];
  var span = { min: times[0], max: times[last] };
  var months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

  function colour(name) {
    return getComputedStyle(root).getPropertyValue("--" + name).trim() || name;
  }

  function faint(name, share) {
    return colour(name) + Math.round(share * 2.55).toString(16).padStart(2, "0"); // palette colours are #rrggbb
  }

  function shown(value, format) {
    if (value === null || value === undefined) return "absent";
    var sign = value < 0 ? "\u2212" : "";
    var size = Math.abs(value);
    if (format === "percent") return sign + (size * 100).toFixed(size < 0.1 ? 2 : 1) + " %";
    if (format === "growth") return size.toFixed(2) + "\u00d7";
    if (format === "bps") return sign + (size * 1e4).toFixed(2) + " bps";
    return sign + size.toFixed(size < 10 ? 2 : 1);
  }

  function tick(value, format) {
    var sign = value < 0 ? "\u2212" : "";
    var size = Math.abs(value);
    if (format === "percent") return sign + +(size * 100).toFixed(2) + " %";
    if (format === "growth") return +size.toFixed(2) + "\u00d7";
    if (format === "bps") return sign + +(size * 1e4).toFixed(2) + " bps";
    return sign + +size.toFixed(2);
  }

  function date(seconds) {
    return new Date(seconds * 1000).toISOString().slice(0, 10);
  }

  function values(series) {
    return series.values.map(function (v) { return v === null ? null : v * series.unit; });
  }

  // The chart's own sessions, where its series are not measured on all of the run's.
  function timesOf(chart) {
    return chart.at ? chart.at.map(function (i) { return times[i]; }) : times;
  }

  // The largest at the bottom: each area reaches from zero to the sum of itself and everything below it. What stands
  // apart is in no sum and drawn last, over the areas.
  function inOrder(chart) {
    var areas = [], apart = [];
    chart.series.forEach(function (one, n) { (one.apart ? apart : areas).push(n); });
    return chart.kind === "stack" ? areas.reverse().concat(apart) : chart.series.map(function (_, n) { return n; });
  }

  function stacked(chart, raw) {
    var sum = new Array(timesOf(chart).length).fill(0);
    return raw.map(function (column, n) {
      if (chart.series[n].apart) return column;
      return column.map(function (v, i) { sum[i] += v || 0; return sum[i]; });
    });
  }

  // in order of preference
  var round = [1, 2, 5, 10, 0.5, 20, 50, 100, 0.2, 0.1, 1.5, 3, 7, 0.7, 4, 30, 0.3, 1.2, 0.8, 2.5, 6, 15, 1.1, 1.3, 0.9, 1.4, 0.6, 1.8, 1.05, 0.95];

  function logTicks(low, high, room) {
    var apart = Math.log(high / low) / room, kept = [1];
    round.forEach(function (v) {
      var near = kept.some(function (k) { return Math.abs(Math.log(v / k)) < apart; });
      if (v >= low && v <= high && !near) kept.push(v);
    });
    return kept.filter(function (v) { return v >= low && v <= high; }).sort(function (a, b) { return a - b; });
  }

  function yearTicks(u, values, axis, space, step) {
    var days = step / 86400;
    return values.map(function (v) {
      var d = new Date(v * 1000);
      if (days > 300) return String(d.getUTCFullYear());
      if (days > 27) return months[d.getUTCMonth()] + " " + String(d.getUTCFullYear()).slice(2);
      return d.getUTCDate() + " " + months[d.getUTCMonth()];
    });
  }

  function lines(chart) {
    return function (u) {
      var c = u.ctx;
      c.save();
      c.font = Math.round(11 * devicePixelRatio) + "px system-ui, sans-serif";
      c.textBaseline = "bottom";
      c.textAlign = chart.margin ? "left" : "right";
      chart.lines.forEach(function (line) {
        var y = Math.round(u.valToPos(line.value, "y", true));
        if (y < u.bbox.top - 1 || y > u.bbox.top + u.bbox.height + 1) return;
        c.strokeStyle = colour(line.colour);
        c.lineWidth = devicePixelRatio;
        c.setLineDash([5 * devicePixelRatio, 4 * devicePixelRatio]);
        c.beginPath();
        c.moveTo(u.bbox.left, y);
        c.lineTo(u.bbox.left + u.bbox.width, y);
        c.stroke();
        var x = u.bbox.left + u.bbox.width + (chart.margin ? 5 : -4) * devicePixelRatio;
        c.setLineDash([]);
        if (chart.margin) { c.fillStyle = colour(line.colour + "-text"); c.textBaseline = "middle"; c.fillText(line.label, x, y); return; }
        c.lineJoin = "round";
        c.lineWidth = 4 * devicePixelRatio;
        c.strokeStyle = colour("panel");
        c.strokeText(line.label, x, y - 2 * devicePixelRatio);
        c.fillStyle = colour(line.colour + "-text") || colour(line.colour);
        c.fillText(line.label, x, y - 2 * devicePixelRatio);
      });
      c.restore();
    };
  }

  function ribbons(chart) {
    return function (u) {
      var c = u.ctx, rows = chart.rows, h = u.bbox.height / rows.length;
      c.save();
      c.beginPath();
      c.rect(u.bbox.left, u.bbox.top, u.bbox.width, u.bbox.height);
      c.font = Math.round(11 * devicePixelRatio) + "px system-ui, sans-serif";
      c.textAlign = "right";
      c.textBaseline = "middle";
      c.fillStyle = colour("muted");
      rows.forEach(function (row, n) {
        c.fillText(row.label, u.bbox.left - 8 * devicePixelRatio, u.bbox.top + (n + 0.56) * h);
      });
      c.clip();
      rows.forEach(function (row, n) {
        var top = u.bbox.top + n * h + h * 0.2, tall = h * 0.72;
        row.spans.forEach(function (span) {
          var x0 = u.valToPos(times[span[0]], "x", true);
          var x1 = u.valToPos(times[Math.min(span[1] + 1, last)], "x", true);
          var ink = row.colours[span[2]], across = Math.max(x1 - x0, 1.5 * devicePixelRatio);
          if (ink === "none") return; // nothing was measured: nothing is drawn
          c.fillStyle = colour(ink);
          c.fillRect(x0, top, across, tall);
        });
        (row.marks || []).forEach(function (at) {
          var x = u.valToPos(times[at], "x", true), s = 4 * devicePixelRatio;
          c.fillStyle = colour("ink");
          c.beginPath();
          c.moveTo(x, top - s * 0.2);
          c.lineTo(x - s, top - s * 1.6);
          c.lineTo(x + s, top - s * 1.6);
          c.fill();
        });
      });
      c.restore();
    };
  }

  function inWords(row, i) {
    if (i === null || i === undefined) return "";
    var hit = row.spans.find(function (span) { return i >= span[0] && i <= span[1]; });
    return hit ? row.names[hit[2]] : "";
  }

  // Of a ribbon with many rows the legend names those that are near their limit or above it.
  function onlyClose(chart) {
    return function (u) {
      var i = u.legend.idx, lines = u.root.querySelectorAll(".u-series");
      chart.rows.forEach(function (row, n) {
        var hit = i === null || i === undefined ? null : row.spans.find(function (span) { return i >= span[0] && i <= span[1]; });
        if (lines[n + 1]) lines[n + 1].hidden = !hit || hit[2] < 3 || hit[2] > 4;
      });
    };
  }

  function series(chart) {
    if (chart.kind === "ribbon") {
      return chart.rows.map(function (row) {
        return {
          label: row.label, stroke: colour("ink"), width: 0, points: { show: false },
          value: function (u, v, s, i) { return inWords(row, i); }
        };
      });
    }
    var raw = chart.series.map(values);
    var made = chart.series.map(function (one, n) {
      var ink = colour(one.colour);
      return {
        label: one.label,
        show: one.shown,
        stroke: ink,
        width: one.width,
        dash: one.dash ? [6, 4] : undefined,
        fill: one.fill ? faint(one.colour, 22) : chart.kind === "stack" && !one.apart ? ink : undefined,
        paths: one.dots ? function () { return null; } : one.steps ? uPlot.paths.stepped({ align: 1 }) : undefined,
        points: { show: one.dots, size: 4, fill: ink, stroke: ink },
        spanGaps: false,
        value: function (u, v, s, i) { return i === null || i === undefined ? "" : shown(raw[n][i], chart.format); }
      };
    });
    return inOrder(chart).map(function (n) { return made[n]; });
  }

  function data(chart) {
    if (chart.kind === "ribbon") return [times].concat(chart.rows.map(function () { return times.map(function () { return 1; }); }));
    var raw = chart.series.map(values);
    var shown = chart.kind === "stack" ? stacked(chart, raw) : raw;
    return [timesOf(chart)].concat(inOrder(chart).map(function (n) { return shown[n]; }));
  }

  function options(chart, width) {
    var narrow = width < 560, ribbon = chart.kind === "ribbon", end = timesOf(chart).length - 1;
    var axis = { stroke: colour("muted"), grid: { stroke: colour("grid"), width: 1 }, ticks: { stroke: colour("grid"), width: 1, size: 5 }, font: "11px system-ui, sans-serif" };
    var y = Object.assign({}, axis, {
      size: ribbon ? chart.margin || 66 : narrow ? 50 : 58,
      values: function (u, found) { return found.map(function (v) { return v === null || ribbon ? "" : tick(v, chart.format); }); }
    });
    if (ribbon) { y.grid = { show: false }; y.ticks = { show: false }; }
    if (chart.log) y.splits = function (u, i, low, high) { return logTicks(low, high, narrow ? 7 : 9); };
    if (chart.log) y.filter = function (u, found) { return found; };
    return {
      width: width,
      height: ribbon ? chart.height : Math.round(chart.height * (narrow ? 0.82 : 1)),
      tzDate: function (ts) { return uPlot.tzDate(new Date(ts * 1000), "Etc/UTC"); },
      padding: [8, !ribbon && chart.margin || (narrow ? 6 : 14), 0, 0],
      cursor: { sync: { key: "sessions", setSeries: false }, points: { show: !ribbon, size: 6 }, drag: { x: true, y: false } },
      focus: { alpha: 1 },
      legend: { live: true, markers: { show: !ribbon, width: 0, fill: function (u, n) { return u.series[n]._stroke || u.series[n].stroke(u, n); } } },
      scales: {
        x: { time: true, min: times[0], max: times[last] },
        y: {
          distr: chart.log ? 3 : 1,
          range: ribbon ? [0, 1] : function (u, low, high) {
            if (chart.low !== null) low = chart.low;
            if (chart.high !== null) high = Math.max(chart.reach ? high : chart.high, chart.high);
            if (low === null || high === null) return [0, 1];
            var pad = chart.log ? 0 : (high - low || 1) * 0.06;
            if (chart.log) return [low / 1.06, high * 1.08];
            return [chart.low !== null ? low : low - pad, chart.high !== null && !chart.reach ? high : high + pad];
          }
        }
      },
      series: [{ label: "Session", value: function (u, v) { return v === null || v === undefined ? "" : date(v); } }].concat(series(chart)),
      bands: chart.bands.map(function (pair) { return { series: pair, fill: faint(chart.series[pair[0] - 1].colour, 20) }; }),
      axes: [Object.assign({}, axis, { values: yearTicks, space: narrow ? 44 : 60, size: 30 }), y],
      hooks: {
        draw: ribbon ? [ribbons(chart)] : chart.lines.length ? [lines(chart)] : [],
        setCursor: [function (u) { if (u.cursor.idx === null || u.cursor.idx === undefined) u.setLegend({ idx: end }, false); }],
        ready: [function (u) { u.setLegend({ idx: end }, false); }],
        setLegend: chart.rows.length > 8 ? [onlyClose(chart)] : []
      }
    };
  }

  // A figure inside a folded part waits until its part is opened.
  function build() {
    drawn.forEach(function (u) { u.destroy(); });
    drawn = [];
    book.charts.forEach(function (chart) { delete document.getElementById(chart.id).dataset.drawn; });
    fill();
  }

  function fill() {
    book.charts.forEach(function (chart) {
      var place = document.getElementById(chart.id);
      if (place.dataset.drawn || place.closest("details:not([open])") || !place.clientWidth) return;
      place.textContent = "";
      place.dataset.drawn = "yes";
      var u = new uPlot(options(chart, place.clientWidth), data(chart), place);
      drawn.push(u);
      u.setScale("x", span);
    });
    root.dataset.drawn = String(drawn.length);
  }

  function zoom(from, to) {
    span = { min: from, max: to };
    drawn.forEach(function (u) { u.setScale("x", span); });
  }

  // A link to something inside a folded part opens it.
  function reveal() {
    var goal = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!goal) return;
    for (var e = goal; e; e = e.parentElement) if (e.tagName === "DETAILS") e.open = true;
    fill();
    goal.scrollIntoView();
  }

  function unfold(yes) {
    document.querySelectorAll("details").forEach(function (d) { d.open = yes; });
    fill();
  }

  document.querySelectorAll("[data-from]").forEach(function (button) {
    button.addEventListener("click", function () {
      document.querySelectorAll("[data-from]").forEach(function (other) { other.setAttribute("aria-pressed", String(other === button)); });
      zoom(+button.dataset.from * 86400, +button.dataset.to * 86400);
    });
  });

  var wide = root.clientWidth;
  addEventListener("resize", function () {
    if (root.clientWidth === wide) return;
    wide = root.clientWidth;
    drawn.forEach(function (u) {
      if (u.root.parentNode.clientWidth) u.setSize({ width: u.root.parentNode.clientWidth, height: u.height });
    });
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", build);
  function onPaper(yes) {
    if (yes) { root.dataset.paper = "yes"; unfold(true); } else { delete root.dataset.paper; }
    build();
  }
  matchMedia("print").addEventListener("change", function (event) { onPaper(event.matches); });
  document.addEventListener("toggle", function (event) { if (event.target.open) fill(); }, true);
  var all = document.querySelector("[data-unfold]");
  all.addEventListener("click", function () {
    var opening = all.getAttribute("aria-pressed") !== "true";
    all.setAttribute("aria-pressed", String(opening));
    all.textContent = opening ? "Fold" : "Open all";
    unfold(opening);
  });
  addEventListener("hashchange", reveal);
  document.querySelectorAll('a[href^="#"]').forEach(function (a) { a.addEventListener("click", function () { if (a.hash === location.hash) reveal(); }); });
  build();
  reveal();
})();
