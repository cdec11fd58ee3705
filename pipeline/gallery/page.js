"use strict";
const {classes, kinds, items} = window.GALLERY;
const find = (id) => document.getElementById(id);
const GAP = 8, CAPTION = 0;
const SVG = "http://www.w3.org/2000/svg";

// The outcomes of an evaluation have the colours of the report's pictures; everything else has the
// colour of its class.
const OUTCOMES = {"found": "#009e73", "missed": "#56b4e9", "wrong class": "#f0e442",
                  "nothing there": "#d55e00"};
const ERRORS = new Set(["missed", "wrong class", "nothing there"]);
const hue = (index) => (index * 137.508) % 360;
const classColour = (index) => `hsl(${hue(index)} 85% ${index % 2 ? 58 : 68}%)`;
const colourOf = (mark) => OUTCOMES[kinds[mark[5]]] ?? classColour(mark[4]);

for (const item of items) {
  const areas = item.marks.map(([x1, y1, x2, y2]) => (x2 - x1) * (y2 - y1));
  item.smallest = areas.length ? Math.min(...areas) : Infinity;
  item.errors = item.marks.filter((mark) => ERRORS.has(kinds[mark[5]])).length;
  item.search = item.name.toLowerCase();
}
const ORDERS = {
  name: null,
  marks: (a, b) => b.marks.length - a.marks.length,
  fewest: (a, b) => a.marks.length - b.marks.length,
  smallest: (a, b) => a.smallest - b.smallest,
  errors: (a, b) => b.errors - a.errors,
};

// What is chosen. An empty set of choices stands for "all".
const chosen = {splits: new Set(), sources: new Set(), kinds: new Set(), classes: new Set()};
let shown = items;
let viewed = -1;

function wantedMark(mark) {
  return (!chosen.classes.size || chosen.classes.has(classes[mark[4]]))
      && (!chosen.kinds.size || chosen.kinds.has(kinds[mark[5]]));
}

function wanted(item) {
  return (!chosen.splits.size || chosen.splits.has(item.split))
      && (!chosen.sources.size || chosen.sources.has(item.source))
      && item.search.includes(find("name").value.toLowerCase())
      && (!(chosen.classes.size || chosen.kinds.size) || item.marks.some(wantedMark));
}

function apply() {
  shown = items.filter(wanted);
  const order = ORDERS[find("order").value];
  if (order) shown.sort(order);
  let marks = 0;
  for (const item of shown) for (const mark of item.marks) if (wantedMark(mark)) marks += 1;
  find("count").textContent = `${shown.length} of ${items.length} pictures, ${marks} boxes`;
  find("scroller").scrollTop = 0;
  remember();
  layOut();
}

// Only the tiles in sight exist, and a tile that stays in sight is kept.
const tiles = new Map();
let columns = 1, tileWidth = 240, tileHeight = 180;

function layOut() {
  const room = find("sheet").clientWidth;
  columns = Math.max(1, Math.floor((room + GAP) / (Number(find("side").value) + GAP)));
  tileWidth = (room - GAP * (columns - 1)) / columns;
  const [width, height] = items.length ? items[0].size : [4, 3];
  tileHeight = Math.round(tileWidth * height / width) + CAPTION;
  const rows = Math.ceil(shown.length / columns);
  find("sheet").style.height = `${rows * (tileHeight + GAP)}px`;
  for (const tile of tiles.values()) tile.remove();
  tiles.clear();
  showTiles();
}

function showTiles() {
  const {scrollTop, clientHeight} = find("scroller");
  const first = Math.max(0, Math.floor(scrollTop / (tileHeight + GAP)) - 1) * columns;
  const stop = Math.ceil((scrollTop + clientHeight) / (tileHeight + GAP) + 1) * columns;
  for (const [index, tile] of tiles) {
    if (index < first || index >= stop) { tile.remove(); tiles.delete(index); }
  }
  for (let index = first; index < Math.min(stop, shown.length); index += 1) {
    if (!tiles.has(index)) tiles.set(index, makeTile(index));
  }
}

function makeTile(index) {
  const item = shown[index];
  const tile = document.createElement("figure");
  tile.className = "tile";
  tile.style.left = `${(index % columns) * (tileWidth + GAP)}px`;
  tile.style.top = `${Math.floor(index / columns) * (tileHeight + GAP)}px`;
  tile.style.width = `${tileWidth}px`;
  tile.style.height = `${tileHeight}px`;
  const picture = new Image();
  picture.src = item.tile ?? item.picture;
  picture.alt = item.name;
  const caption = document.createElement("figcaption");
  caption.textContent = item.errors ? `${item.name} · ${item.errors} errors` : item.name;
  tile.append(picture, drawing(item, item.marks.filter(wantedMark)), caption);
  tile.addEventListener("click", () => view(index));
  find("sheet").append(tile);
  return tile;
}

function drawing(item, marks) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", `0 0 ${item.size[0]} ${item.size[1]}`);
  if (!find("boxes").checked) return svg;
  for (const mark of marks) {
    const [x1, y1, x2, y2] = mark;
    const rect = document.createElementNS(SVG, "rect");
    const place = {x: x1, y: y1, width: x2 - x1, height: y2 - y1};
    for (const [key, value] of Object.entries(place)) rect.setAttribute(key, value);
    rect.setAttribute("stroke", colourOf(mark));
    rect.setAttribute("stroke-width", ERRORS.has(kinds[mark[5]]) ? 2 : 1.3);
    rect.setAttribute("class", kinds[mark[5]]);
    svg.append(rect);
  }
  return svg;
}

// One picture, large.
function view(index) {
  if (index < 0 || index >= shown.length) return;
  viewed = index;
  const item = shown[index];
  find("viewed").textContent = item.name;
  const facts = [`${index + 1} of ${shown.length}`, item.size.join(" × "), item.source, item.split];
  find("facts").textContent = facts.filter(Boolean).join(" · ");
  const dialog = find("viewer");
  if (!dialog.open) dialog.showModal();
  const frame = document.createElement("div");
  frame.className = "frame";
  const picture = new Image();
  picture.src = item.picture;
  picture.alt = item.name;
  const marks = item.marks.filter(wantedMark);
  const svg = drawing(item, marks);
  frame.append(picture, svg);
  find("stage").replaceChildren(frame);
  fit(frame, item);
  find("list").replaceChildren(...marks.map((mark, number) => listed(mark, svg.children[number])));
}

function fit(frame, item) {
  const {clientWidth, clientHeight} = find("stage");
  const scale = Math.min(clientWidth / item.size[0], clientHeight / item.size[1]);
  frame.style.width = `${item.size[0] * scale}px`;
  frame.style.height = `${item.size[1] * scale}px`;
}

function listed(mark, rect) {
  const entry = document.createElement("li");
  const swatch = document.createElement("span");
  swatch.className = "swatch";
  swatch.style.background = colourOf(mark);
  const name = document.createElement("span");
  name.textContent = classes[mark[4]];
  const note = document.createElement("small");
  const size = `${Math.round(mark[2] - mark[0])} × ${Math.round(mark[3] - mark[1])}`;
  const kind = kinds[mark[5]] === "label" ? "" : kinds[mark[5]];
  note.textContent = [kind, mark[6], size].filter(Boolean).join(", ");
  entry.append(swatch, name, note);
  entry.addEventListener("mouseenter", () => rect?.setAttribute("stroke-width", 4));
  entry.addEventListener("mouseleave", () => rect?.setAttribute("stroke-width", 1.3));
  return entry;
}

// The filters: splits and sources with their pictures, kinds and classes with their boxes.
function choices(id, values, countOf, colour) {
  const box = find(id);
  for (const value of values) {
    const label = document.createElement("label");
    label.className = "choice";
    const input = document.createElement("input");
    input.type = "checkbox";
    input.value = value;
    input.addEventListener("change", () => {
      if (input.checked) chosen[id].add(value); else chosen[id].delete(value);
      apply();
    });
    const swatch = document.createElement("span");
    swatch.className = "swatch";
    swatch.style.background = colour?.(value) ?? "transparent";
    const name = document.createElement("span");
    name.textContent = value || "none";
    const number = document.createElement("span");
    number.className = "number";
    number.textContent = countOf(value);
    if (countOf(value) === 0) label.classList.add("none");
    label.append(input, ...(colour ? [swatch] : []), name, number);
    box.append(label);
  }
  box.hidden = values.length < 2;
}

function tally(of) {
  const counts = new Map();
  for (const item of items) for (const value of of(item)) {
    counts.set(value, (counts.get(value) ?? 0) + 1);
  }
  return counts;
}

const bySplit = tally((item) => [item.split]);
const bySource = tally((item) => [item.source]);
const byKind = tally((item) => item.marks.map((mark) => kinds[mark[5]]));
const byClass = tally((item) => item.marks.map((mark) => classes[mark[4]]));
const kindColour = (kind) => OUTCOMES[kind] ?? "transparent";
choices("splits", [...bySplit.keys()].sort(), (value) => bySplit.get(value));
choices("sources", [...bySource.keys()].sort(), (value) => bySource.get(value));
choices("kinds", kinds, (value) => byKind.get(value) ?? 0, kindColour);
choices("classes", classes, (value) => byClass.get(value) ?? 0,
        (value) => classColour(classes.indexOf(value)));

// The address keeps what is chosen, so that it can be sent to somebody.
function remember() {
  const state = new URLSearchParams();
  for (const [id, values] of Object.entries(chosen)) {
    for (const value of values) state.append(id, value);
  }
  if (find("name").value) state.set("name", find("name").value);
  if (find("order").value !== "name") state.set("order", find("order").value);
  history.replaceState(null, "", state.size ? `#${state}` : location.pathname);
}

function recall() {
  const state = new URLSearchParams(location.hash.slice(1));
  for (const id of Object.keys(chosen)) {
    chosen[id] = new Set(state.getAll(id));
    for (const input of find(id).querySelectorAll("input")) {
      input.checked = chosen[id].has(input.value);
    }
  }
  find("name").value = state.get("name") ?? "";
  find("order").value = state.get("order") in ORDERS ? state.get("order") : "name";
  apply();
}

find("scroller").addEventListener("scroll", () => requestAnimationFrame(showTiles), {passive: true});
find("name").addEventListener("input", apply);
find("order").addEventListener("change", apply);
find("boxes").addEventListener("change", () => { layOut(); if (find("viewer").open) view(viewed); });
find("side").addEventListener("input", layOut);
find("reset").addEventListener("click", () => { location.hash = ""; recall(); });
find("close").addEventListener("click", () => find("viewer").close());
find("viewer").addEventListener("keydown", (event) => {
  if (event.key === "ArrowRight") view(viewed + 1);
  else if (event.key === "ArrowLeft") view(viewed - 1);
  else if (event.key === "b") find("boxes").click();
});
addEventListener("resize", () => { layOut(); if (find("viewer").open) fit(find("stage").firstChild, shown[viewed]); });
addEventListener("hashchange", recall);
recall();
