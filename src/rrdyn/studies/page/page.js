"use strict";
// The explorer: a scatter of puzzles, the chosen puzzle's answer after a segment, its drift and q_halt.
(async () => {
  const models = JSON.parse(document.getElementById("data").textContent).models;
  if (!models.length) return;

  const CELLS = {
    A: { name: "settled, right", colour: "#009E73", symbol: "circle" },
    B: { name: "settled, wrong", colour: "#E69F00", symbol: "square" },
    C: { name: "unsettled, right", colour: matchMedia("(prefers-color-scheme: dark)").matches ? "#56B4E9" : "#0072B2", symbol: "triangle-up" },
    D: { name: "unsettled, wrong", colour: "#D55E00", symbol: "x" },
  };
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  const ink = dark ? "#eceff2" : "#15181c", ground = dark ? "#15181c" : "#ffffff", grid = dark ? "#2b3138" : "#eceef0";
  const FONT = { family: "system-ui, 'DejaVu Sans', sans-serif", size: 13, color: ink };
  const AXIS = { zeroline: true, zerolinecolor: "#9aa0a7", gridcolor: grid, linecolor: "#767c84", ticks: "outside" };
  // only tools that stay on this page
  const CONFIG = { displaylogo: false, responsive: true, modeBarButtons: [["zoom2d", "pan2d", "resetScale2d"]] };
  const NOT_ASKED = 255; // a packed label of a cell of which nothing is asked
  const at = (id) => document.getElementById(id);
  const state = { model: 0, row: 0, segment: 1, cells: new Set("ABCD"), order: [], timer: null };
  const unpacked = new Map();

  async function inflate(text) {
    const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    return new Response(stream).arrayBuffer();
  }

  // The charting library, unpacked; the page's policy knows its digest.
  async function unpackChart() {
    const script = document.createElement("script");
    script.textContent = new TextDecoder().decode(await inflate(at("chart").textContent));
    document.head.append(script);
  }

  // Arrays of one model, unpacked when it is first shown.
  async function arrays(model) {
    if (!unpacked.has(model)) {
      const boards = model.boards;
      const parts = [model.drift, model.q_halt, ...(boards ? [boards.given, boards.label, boards.changes] : [])];
      const [drift, halt, given, label, answers] = await Promise.all(parts.map(inflate));
      const found = { drift: new Float32Array(drift), halt: new Float32Array(halt) };
      if (boards) {
        const cells = boards.height * boards.width;
        Object.assign(found, { given: new Uint8Array(given), label: new Uint8Array(label), answers: new Uint8Array(answers) });
        // what is stored is the change since the segment before
        for (let row = 0; row < model.idx.length; row++)
          for (let i = (row * model.segments + 1) * cells; i < (row + 1) * model.segments * cells; i++)
            found.answers[i] ^= found.answers[i - cells];
      }
      unpacked.set(model, found);
    }
    return unpacked.get(model);
  }

  const current = () => models[state.model];
  const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

  function reorder() {
    const model = current();
    state.order = model.idx.map((_, row) => row).filter((row) => state.cells.has(model.cell[row]) && model.x[row] !== null);
    state.order.sort((a, b) => model.x[a] - model.x[b]);
  }

  function drawScatter() {
    const model = current();
    const traces = Object.entries(CELLS).map(([letter, look]) => {
      const rows = state.order.filter((row) => model.cell[row] === letter);
      return {
        type: "scatter", mode: "markers", name: `${letter} ${look.name} (${rows.length})`, customdata: rows,
        x: rows.map((row) => model.x[row]), y: rows.map((row) => model.y[row]), text: rows.map((row) => String(model.idx[row])),
        hovertemplate: `puzzle %{text}<br>late drift 10^%{x:.2f}<br>λ₁ %{y:.4f}<extra>${letter} ${look.name}</extra>`,
        marker: { color: look.colour, symbol: look.symbol, size: 8, opacity: 0.7, line: { width: 0 } },
      };
    });
    traces.push({ type: "scatter", mode: "markers", name: "chosen", x: [], y: [], hoverinfo: "skip", showlegend: false,
      marker: { symbol: "circle-open", size: 18, color: ink, line: { width: 2.5 } } });
    Plotly.react("scatter", traces, {
      font: FONT, margin: { l: 74, r: 10, t: 84, b: 52 }, hovermode: "closest", plot_bgcolor: ground, paper_bgcolor: ground,
      legend: { orientation: "h", y: 1.02, yanchor: "bottom", x: 0 },
      xaxis: { ...AXIS, zeroline: false, title: { text: "late drift of z_H, log10" } },
      yaxis: { ...AXIS, title: { text: "λ₁ (nats per sub-update)" } },
      shapes: [{ type: "line", x0: model.tau, x1: model.tau, yref: "paper", y0: 0, y1: 1, line: { dash: "dash", width: 1, color: dark ? "#a8adb3" : "#555b63" } }],
    }, CONFIG);
  }

  function ring() {
    const model = current();
    Plotly.restyle("scatter", { x: [[model.x[state.row]]], y: [[model.y[state.row]]] }, [4]);
  }

  function drawSeries(found) {
    const model = current(), S = model.segments, from = state.row * S;
    const x = Array.from({ length: S }, (_, i) => i + 1);
    const colour = CELLS[model.cell[state.row]].colour;
    const line = { type: "scatter", mode: "lines+markers", x, marker: { color: colour, size: 6 }, line: { color: colour }, showlegend: false };
    Plotly.react("series", [
      { ...line, y: Array.from(found.drift.subarray(from, from + S)), hovertemplate: "segment %{x}: drift %{y:.3g}<extra></extra>" },
      { ...line, y: Array.from(found.halt.subarray(from, from + S)), yaxis: "y2", hovertemplate: "segment %{x}: q_halt %{y:.2f}<extra></extra>" },
    ], {
      font: FONT, margin: { l: 74, r: 10, t: 28, b: 46 }, plot_bgcolor: ground, paper_bgcolor: ground,
      xaxis: { ...AXIS, zeroline: false, title: { text: "segment" }, anchor: "y2", dtick: S > 20 ? null : 1, range: [0.5, S + 0.5] },
      yaxis: { ...AXIS, type: "log", exponentformat: "power", domain: [0.55, 1], title: { text: "drift of z_H" } },
      yaxis2: { ...AXIS, domain: [0, 0.45], title: { text: "q_halt (logit)" } },
      shapes: [{ type: "line", x0: state.segment, x1: state.segment, yref: "paper", y0: 0, y1: 1, line: { width: 2, color: ink } }],
    }, CONFIG);
  }

  // The board as a table; returns how many of the asked cells are wrong.
  function drawBoard(found) {
    const model = current(), boards = model.boards, place = at("board");
    if (!boards) {
      place.textContent = "The answers of this model are not on this page.";
      return null;
    }
    const { height, width } = boards, cells = height * width;
    const question = state.row * cells, answer = (state.row * model.segments + state.segment - 1) * cells;
    const large = Math.max(height, width) > 12;
    const board = document.createElement("table");
    board.className = "board";
    board.style.setProperty("--cell", large ? `${Math.max(8, Math.floor(400 / width))}px` : "2rem");
    board.style.setProperty("--letters", large ? "8px" : "1.1rem");
    let wrong = 0, asked = 0;
    for (let row = 0; row < height; row++) {
      const line = board.insertRow();
      for (let column = 0; column < width; column++) {
        const i = row * width + column, token = found.answers[answer + i], label = found.label[question + i];
        const cell = line.insertCell(), letter = boards.tokens[token] ?? "?";
        const empty = boards.unwritten.includes(letter), ground = boards.shades[letter];
        if (!empty) cell.textContent = letter;
        if (found.given[question + i] === token && !empty) cell.classList.add("given");
        const colours = boards.colours[ground];
        if (colours) [cell.style.backgroundColor, cell.style.color] = colours;
        else if (ground) cell.classList.add(ground);
        if (label !== NOT_ASKED) asked++;
        if (label !== NOT_ASKED && token !== label) {
          wrong++;
          cell.classList.add("wrong");
          cell.setAttribute("aria-label", `${letter}, wrong`);
        }
        if (boards.box_width && (column + 1) % boards.box_width === 0 && column + 1 < width) cell.classList.add("right-edge");
        if (boards.box_height && (row + 1) % boards.box_height === 0 && row + 1 < height) cell.classList.add("low-edge");
      }
    }
    place.replaceChildren(board);
    return { wrong, asked };
  }

  async function show() {
    const model = current();
    const found = await arrays(model);
    if (model !== current()) return;
    state.segment = clamp(state.segment, 1, model.segments);
    at("segment").max = String(model.segments);
    at("segment").value = String(state.segment);
    at("segment-told").value = `${state.segment} of ${model.segments}`;
    at("puzzle").value = String(model.idx[state.row]);
    const counted = drawBoard(found), letter = model.cell[state.row], i = state.row * model.segments + state.segment - 1;
    const cells = counted ? `${counted.wrong} of ${counted.asked} cells wrong; ` : "";
    at("status").textContent =
      `Puzzle ${model.idx[state.row]}, cell ${letter} (${CELLS[letter].name}), λ₁ ${model.y[state.row]}. ` +
      `After segment ${state.segment}: ${cells}drift ${found.drift[i].toPrecision(3)}, q_halt ${found.halt[i].toFixed(2)}.`;
    ring();
    drawSeries(found);
  }

  function choose(row) {
    state.row = row;
    at("missing").textContent = "";
    return show();
  }

  function step(by) {
    if (!state.order.length) return;
    const place = state.order.indexOf(state.row);
    choose(state.order[clamp(place < 0 ? 0 : place + by, 0, state.order.length - 1)]);
  }

  function moveSegment(by) {
    state.segment = clamp(state.segment + by, 1, current().segments);
    show();
  }

  function play(on) {
    clearInterval(state.timer);
    state.timer = null;
    at("play").setAttribute("aria-pressed", String(on));
    at("play").textContent = on ? "Stop" : "Play";
    if (!on) return;
    if (state.segment >= current().segments) state.segment = 0;
    state.timer = setInterval(() => (state.segment < current().segments ? moveSegment(1) : play(false)), 450);
  }

  function changed() {
    reorder();
    drawScatter();
    if (!state.order.includes(state.row)) state.row = state.order[0] ?? state.row;
    return show();
  }

  for (const [place, model] of models.entries()) at("model").add(new Option(model.tag, String(place)));
  for (const [letter, look] of Object.entries(CELLS)) {
    const label = document.createElement("label"), box = document.createElement("input");
    Object.assign(box, { type: "checkbox", checked: true, value: letter });
    box.addEventListener("change", () => {
      box.checked ? state.cells.add(letter) : state.cells.delete(letter);
      changed();
    });
    label.append(box, ` ${letter} ${look.name}`);
    at("cells").append(label);
  }
  at("model").addEventListener("change", (event) => {
    Object.assign(state, { model: Number(event.target.value), row: 0 });
    changed();
  });
  at("puzzle").addEventListener("change", (event) => {
    const row = current().idx.indexOf(Number(event.target.value));
    if (row >= 0) choose(row);
    else at("missing").textContent = `There is no puzzle ${event.target.value} in this file.`;
  });
  document.querySelector(".controls").addEventListener("submit", (event) => event.preventDefault());
  at("segment").addEventListener("input", (event) => {
    state.segment = Number(event.target.value);
    show();
  });
  at("previous").addEventListener("click", () => step(-1));
  at("next").addEventListener("click", () => step(1));
  at("play").addEventListener("click", () => play(state.timer === null));
  at("scatter").addEventListener("keydown", (event) => {
    const moves = {
      ArrowRight: () => step(1), ArrowLeft: () => step(-1), ArrowUp: () => moveSegment(1), ArrowDown: () => moveSegment(-1),
      Home: () => step(-state.order.length), End: () => step(state.order.length),
    };
    if (!(event.key in moves)) return;
    event.preventDefault();
    moves[event.key]();
  });

  state.segment = current().segments;
  reorder();
  await unpackChart();
  drawScatter();
  at("scatter").on("plotly_click", (event) => {
    const rows = event.points[0].data.customdata;
    if (rows) choose(rows[event.points[0].pointIndex]);
  });
  const firstWrong = current().cell.search(/[BD]/);
  choose(firstWrong >= 0 ? firstWrong : 0).then(() => { document.body.dataset.ready = "true"; });
})();
